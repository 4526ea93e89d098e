//! The parameters of both nodes, their files and their page. `BLESS=1 cargo test --test parameters` writes files and page.

use grating_calibration::parameters::declaration::{Declaration, Kind, declarations};
use grating_calibration::parameters::document::{table, yaml};
use grating_calibration::parameters::nodes::calibration_node::NodeParameters;
use grating_calibration::parameters::nodes::sim_cell::CellParameters;
use grating_calibration::parameters::table::{ParameterSet, ParameterTable};
use serde_json::Value;
use std::path::PathBuf;

const NODE_YAML: &str = "config/calibration_node.yaml";
const CELL_YAML: &str = "config/sim_cell.yaml";

/// Compares a file with what it should hold, or writes it when `BLESS` is set.
fn generated(file: &str, wanted: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("BLESS").is_some() {
        return std::fs::write(path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    let stale = wanted.lines().zip(found.lines()).find(|(wanted, found)| wanted != found);
    assert!(found == wanted, "{file} is stale (at {stale:?}): run BLESS=1 cargo test --test parameters");
}

fn both() -> [(&'static str, Vec<Declaration>); 2] {
    [
        ("calibration_node", declarations::<NodeParameters>().unwrap()),
        ("sim_cell", declarations::<CellParameters>().unwrap()),
    ]
}

#[test]
fn the_parameter_files_hold_every_parameter_with_its_default() {
    for (file, (node, declared)) in [NODE_YAML, CELL_YAML].into_iter().zip(both()) {
        let head = format!(
            "All parameters of {node} with their defaults.\n\
             Generated from src/parameters/nodes: BLESS=1 cargo test --test parameters"
        );
        generated(file, &yaml(&head, &declared));
    }
}

#[test]
fn the_page_lists_every_parameter() {
    let mut page = String::from(
        "# Parameters\n\n\
         Generated from `src/parameters/nodes` by `BLESS=1 cargo test --test parameters`. `ros2 param describe` shows the same.\n\
         [calibration_node.yaml](../config/calibration_node.yaml) and [sim_cell.yaml](../config/sim_cell.yaml) hold all parameters\n\
         with their defaults. Units stand in brackets.\n\n\
         An impossible value at start is logged, and the default is used; `sim_cell` does not start. Later it is refused with a\n\
         reason, as is every change of a read-only parameter. Changes are published on `/parameter_events`. A goal reads what it\n\
         needs when it begins.\n",
    );
    for (node, declared) in both() {
        page += &format!("\n## {node}\n\n{}", table(&declared));
    }
    generated("docs/parameters.md", &page);
}

/// `ros2 param describe` and rqt show them.
#[test]
fn every_parameter_says_what_it_is_in_which_unit_and_range() {
    for (node, declared) in both() {
        for Declaration { name, description, kind, bounds, choices, .. } in &declared {
            let name = format!("{name} of {node}");
            assert!(description.ends_with('.') && description.len() > 10, "{name}: '{description}'");
            assert!(description.starts_with(char::is_uppercase), "{name}: '{description}' begins with a small letter");
            let is_markup = |text: &str| text.contains(['`', '{']);
            let meanings = choices.iter().map(|choice| choice.meaning.as_str());
            assert!(!meanings.chain([description.as_str()]).any(is_markup), "{name}: '{description}' is no plain text");
            assert!(description.split_whitespace().count() <= 30, "{name}: '{description}' is long");
            let is_real = matches!(kind, Kind::Number | Kind::Numbers);
            let has_unit = description.ends_with(").") || description.contains(" (s)");
            assert!(!is_real || has_unit, "{name}: '{description}' has no unit");
            let is_number = is_real || *kind == Kind::Whole && choices.is_empty();
            assert!(!is_number || bounds.iter().all(|bound| bound.is_finite()), "{name} is within {bounds:?}");
        }
    }
}

/// All values of a parameter file, by full name.
fn values(file: &str) -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let file: Value = serde_yaml::from_str(&text).unwrap();
    let mut open = vec![(String::new(), file["/**"]["ros__parameters"].clone())];
    let mut found = Vec::new();
    while let Some((name, value)) = open.pop() {
        match value {
            Value::Object(fields) => open.extend(
                fields
                    .into_iter()
                    .map(|(field, value)| (if name.is_empty() { field } else { format!("{name}.{field}") }, value)),
            ),
            value => found.push((name, value)),
        }
    }
    found
}

/// Starts with a parameter file: gives the defaults again.
fn starts_with_its_file<T: ParameterSet + std::fmt::Debug + PartialEq>(file: &str) {
    let (parameters, given) = (ParameterTable::<T>::new().unwrap(), values(file));
    let refused = parameters.start_with(given.iter().map(|(name, value)| (name.as_str(), value.clone())));
    assert!(refused.is_empty(), "{file}: {refused:?}");
    assert_eq!(*parameters.now(), T::default());
    // rcl can't read an empty array: those stand in comments.
    let empty = parameters.declarations().iter().filter(|declared| declared.default == Value::Array(vec![])).count();
    assert_eq!(given.len() + empty, parameters.declarations().len());
}

#[test]
fn a_node_starts_with_its_file_as_without() {
    starts_with_its_file::<NodeParameters>(NODE_YAML);
    starts_with_its_file::<CellParameters>(CELL_YAML);
}

#[test]
fn every_default_is_possible_and_may_be_given_as_text() {
    for (node, declared) in both() {
        for declared in declared {
            let Declaration { name, default, .. } = &declared;
            assert_eq!(declared.accept(default).as_ref(), Ok(default), "{name} of {node}");
            // As `ros2 param set` and `load` send what Python's YAML can't tell.
            let text = default.as_str().map_or_else(|| default.to_string(), String::from);
            assert_eq!(declared.accept(&text.into()).as_ref(), Ok(default), "{name} of {node}");
        }
    }
}
