//! The borders between the rooms, held by reading the sources.

mod cases;
mod imports;
mod layers;
mod literals;
mod module;
mod publishers;
mod rules;

use grating_calibration::parameters::declaration::declarations;
use grating_calibration::parameters::nodes::{calibration_node::NodeParameters, sim_cell::CellParameters};
use imports::{Sources, circles};
use layers::{Layers, check_drawing, drawing};
use literals::literals;
use publishers::Publishers;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Largest group of files that may import each other, and largest folder.
const LARGEST_CIRCLE: usize = 3;
const LARGEST_FOLDER: usize = 11;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Imports within the library, without those of its programs.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let mut imports = Sources::read(&root(), &["bin"]).imports();
    // It names the rooms, and what it re-exports is defined there.
    imports.remove("lib.rs");
    for others in imports.values_mut() {
        others.remove("lib.rs");
    }
    imports
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_imported_from_a_room_above() {
    none(&rules::upward(&Layers::declared(), &imports()));
}

/// What the other tests here could not see.
#[test]
fn no_import_is_hidden() {
    none(&rules::hidden(&Sources::read(&root(), &["bin"])));
}

#[test]
fn files_do_not_import_each_other_in_large_circles() {
    let layers = Layers::declared();
    let program = Sources::read(&root().join("bin/gratingcal"), &[]).imports();
    for circle in circles(&imports()).into_iter().chain(circles(&program)) {
        assert!(circle.len() <= LARGEST_CIRCLE, "these import each other: {circle:?}");
    }
    for circle in circles(&imports()) {
        let rooms: BTreeSet<usize> = circle.iter().map(|file| layers.of(file)).collect();
        assert!(rooms.len() == 1, "these import each other across rooms: {circle:?}");
    }
}

#[test]
fn no_folder_is_too_large_to_overlook() {
    let mut open = vec![root(), root().join("../tests"), root().join("../scripts")];
    while let Some(folder) = open.pop() {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        // What Python and pytest leave behind.
        entries.retain(|path| !path.file_name().is_some_and(|name| name == "__pycache__" || name == ".pytest_cache"));
        let files = entries.iter().filter(|path| path.is_file()).count();
        assert!(files <= LARGEST_FOLDER, "{} holds {files} files", folder.display());
        open.extend(entries.into_iter().filter(|path| path.is_dir()));
    }
}

/// Where a module's head has a table of its files.
#[test]
fn tables_of_files_leave_none_out() {
    for file in Sources::read(&root(), &[]).files {
        let text = text(&file);
        let is_heading = |line: &&str| line.starts_with("//! | file") || line.starts_with("//! | folder");
        let table = text.lines().skip_while(|line| !is_heading(line)).take_while(|line| line.starts_with("//! |"));
        let table = table.collect::<String>();
        for item in syn::parse_file(&text).unwrap().items {
            let syn::Item::Mod(module) = item else { continue };
            let name = module.ident.to_string();
            let is_listed = [format!("`{name}`"), format!("@{name}`")].iter().any(|link| table.contains(link));
            let is_file = module.content.is_none() && !module::is_test(&module.attrs);
            assert!(!is_file || table.is_empty() || is_listed, "the table of src/{file} lacks {name}");
        }
    }
}

#[test]
fn the_drawing_shows_the_rooms_as_they_are() {
    check_drawing(&drawing(&imports()));
}

fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

#[test]
fn each_crate_of_an_edge_is_known_at_that_edge_only() {
    let sources = Sources::read(&root(), &[]);
    none(&sources.files.iter().flat_map(|file| rules::foreign_crates(&sources, file)).collect::<Vec<_>>());
}

/// The compiler holds the rest: what sends set points is private to the room, so all others need its lease and its mover.
#[test]
fn only_the_robot_room_publishes_set_points() {
    none(&rules::opens_the_robot_room(&text("ros/robot/mod.rs")));
    for sends in [MOTION, "ros/robot/commander.rs"] {
        none(&rules::public_items(&text(sends)));
    }
    for file in Sources::read(&root(), &[]).files {
        // The simulated cell is the robot.
        if file != MOTION && !file.starts_with("ros/sim_cell/") {
            none(&rules::other_topics(&file, &text(&file)));
        }
    }
    let publishers = Publishers::of(&text(MOTION)).0;
    assert_eq!(publishers.len(), ways_to_command().len(), "{MOTION}: each way to command has one publisher");
}

const MOTION: &str = "ros/robot/motion.rs";

/// Topics of set points, one for each way to command a robot.
fn ways_to_command() -> Vec<String> {
    let mut topics = literals(&text(MOTION));
    topics.retain(|literal| literal.starts_with("robot/"));
    assert!(topics.len() > 1, "{topics:?}");
    topics
}

/// What is to be told of each, outside the room that commands.
#[test]
fn every_topic_of_set_points_is_allowed_documented_and_obeyed() {
    for topic in ways_to_command() {
        for file in ["config/sros2/policy.xml", "docs/ros_interface.md", "src/ros/sim_cell/cell_robot.rs"] {
            let text = std::fs::read_to_string(root().join("..").join(file)).unwrap();
            assert!(text.contains(&topic), "{file} lacks {topic}, on which {MOTION} commands the robot");
        }
    }
}

#[test]
fn unsafe_calls_stand_only_where_instruction_sets_are_chosen_at_the_gpu_and_the_allocator() {
    let allowed = [
        "grating/simd.rs",
        "grating/backend/cpu/",
        "grating/backend/cuda/",
        "ros/support/process.rs",
        "ros/support/names.rs",
    ];
    let sources = Sources::read(&root(), &[]);
    for file in &sources.files {
        let used = sources.of_file(file).any(|module| module.is_unsafe);
        assert!(!used || allowed.iter().any(|place| file.starts_with(place)), "{file} uses unsafe");
    }
}

/// Files of the rooms below `folder`: the core.
fn core() -> Vec<String> {
    let layers = Layers::declared();
    let edge = layers.of("folder/mod.rs");
    let files = Sources::read(&root(), &["bin", "lib.rs"]).files;
    files.into_iter().filter(|file| layers.of(file) < edge).collect()
}

/// Nor sockets, processes, the environment or the terminal.
#[test]
fn the_core_reads_and_writes_no_files() {
    let sources = Sources::read(&root(), &["bin"]);
    // Compiled kernels are kept beside the driver's own.
    let files = core().into_iter().filter(|file| file != "grating/backend/cuda/compiler.rs");
    none(&files.flat_map(|file| rules::outside_world(&sources, &file)).collect::<Vec<_>>());
}

/// Parameters of the nodes whose names are no words: `limits.max_step`, `origin_left`.
fn parameters() -> Vec<String> {
    let declared = [declarations::<NodeParameters>().unwrap(), declarations::<CellParameters>().unwrap()];
    let mut names: Vec<String> = declared.into_iter().flatten().map(|declared| declared.name).collect();
    names.retain(|name| name.contains(['.', '_']));
    assert!(names.len() > 40, "{names:?}");
    names
}

/// What a user reads of the core tells what is wrong; how it is set, each edge adds (src/setting.rs).
#[test]
fn the_core_names_no_option_no_parameter_and_no_tool_of_ros() {
    let parameters = parameters();
    // Keys of a file that a user writes are its own business.
    let is_setting = |word: &str| parameters.iter().any(|name| name == word);
    for file in core().into_iter().filter(|file| !file.starts_with("parameters/")) {
        for literal in literals(&text(&file)) {
            // Options of the compiler of kernels are no user's.
            let is_option = rules::names_an_option(&literal);
            assert!(!is_option || file.ends_with("cuda/compiler.rs"), "{file} names an option: {literal}");
            for tool in ["ros2 ", "tf2_tools", "/tf", "limits.", "settle."] {
                assert!(!literal.contains(tool), "{file} names {tool}: {literal}");
            }
            // What stands between braces is a place for a value.
            let said: String =
                literal.split('{').map(|part| part.split_once('}').map_or(part, |(_, said)| said)).collect();
            let word = said.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').find(|word| is_setting(word));
            // Words of a sentence only: what is no sentence names a field.
            assert!(word.is_none() || !literal.contains(' '), "{file} names the parameter {word:?}: {literal}");
        }
    }
    for file in Sources::read(&root().join("bag"), &[]).files {
        let option =
            literals(&text(&format!("bag/{file}"))).into_iter().find(|literal| rules::names_an_option(literal));
        assert_eq!(option, None, "bag/{file} names an option");
    }
}

#[test]
fn nothing_panics_on_purpose() {
    let sources = Sources::read(&root(), &[]);
    none(&sources.files.iter().flat_map(|file| rules::panics(&sources, file)).collect::<Vec<_>>());
}
