//! The format of calibration.yaml: what is documented is what is written, and older files are read as they were.

use grating_calibration::camera::Camera;
use grating_calibration::mapping::calibration::Calibration;
use grating_calibration::mapping::checks::consistency::repaired;
use grating_calibration::mapping::checks::finding::{Check, Finding, Limit, Quantity, Severity, Unit};
use grating_calibration::mapping::checks::repair::Repair;
use grating_calibration::mapping::dataset::{CameraDataset, Correspondence};
use grating_calibration::mapping::interop::standard::StandardCamera;
use grating_calibration::mapping::models::registry::{Model, ModelKind};
use nalgebra::{Matrix2, Vector3};
use serde_yaml::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// A file of the first release: half-size images, six heights, no jogs, no orientation of the tool.
const FIRST_RELEASE: &str = include_str!("../../fuzz/seeds/calibration/half_size.yaml");

fn parse(text: &str) -> Result<Calibration, String> {
    Calibration::parse(text.as_bytes(), Path::new("c.yaml")).map_err(|error| error.to_string())
}

fn written(calibration: &Calibration) -> Value {
    serde_yaml::from_str(&calibration.to_yaml().unwrap()).unwrap()
}

/// Paths of all values, those of lists' entries as `[]`, the right camera's as the left one's.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Mapping(map) => {
            for (key, child) in map {
                let key = key.as_str().unwrap();
                let key = if key == "right" { "left" } else { key };
                keys(child, &if path.is_empty() { key.into() } else { format!("{path}.{key}") }, found);
            }
        }
        Value::Sequence(list) if list.iter().any(Value::is_mapping) => {
            list.iter().for_each(|entry| keys(entry, &format!("{path}[]"), found));
        }
        _ => {
            found.insert(path.into());
        }
    }
}

/// What one of the models can be fitted to.
fn data(calibration: &Calibration) -> CameraDataset {
    let lines = || (-15..=15).flat_map(|x| (-8..=8).map(move |y| [1.1 * f64::from(x), 1.1 * f64::from(y)]));
    let points = (0..9).flat_map(|view| lines().map(move |[x, y]| (view, Vector3::new(x, y, -0.3 * f64::from(view)))));
    let correspondences = points.map(|(view, point_in_tool_mm)| Correspondence {
        pixel: calibration.left.model.pixel_and_jacobian(point_in_tool_mm).0,
        pixel_covariance_px2: Matrix2::identity() * 1e-4,
        point_in_tool_mm,
        view,
    });
    CameraDataset { image_size: calibration.left.image_size, correspondences: correspondences.collect() }
}

#[test]
fn every_key_is_documented_and_every_documented_key_is_written() {
    let mut calibration = parse(FIRST_RELEASE).unwrap();
    calibration.tool_rotation = Some([0.0, 0.0, 0.0, 1.0]);
    let repair = Repair { camera: Camera::Left, heights_mm: [1.0, 2.0], jogs: false, views: 3, lines: [1, 0] };
    let factor = Quantity { sigma: Some(0.01), ..Quantity::new(1.1, Unit::One) };
    let limits = Limit { at_least: Some(0.9), at_most: Some(1.03) };
    let scale = Finding::new(Check::Scale, Severity::Warning, "pitch", "it is doubtful", "measure it");
    calibration.add_findings(vec![repaired(repair), scale.measured(factor, limits)]);
    let data = data(&calibration);
    calibration.left.standard = StandardCamera::fit(&data, None);
    let mut found = BTreeSet::new();
    for &kind in ModelKind::LADDER {
        calibration.left.model = Model::fit(kind, &data).unwrap();
        keys(&written(&calibration), "", &mut found);
    }
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/calibration_file.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let documented: BTreeSet<String> = rows.map(|(key, _)| key.to_string()).collect();
    let missing: Vec<_> = found.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/calibration_file.md: {missing:?}");
    let stale: Vec<_> = documented.difference(&found).collect();
    assert!(stale.is_empty(), "docs/calibration_file.md tells of keys that are not written: {stale:?}");
}

#[test]
fn a_file_of_the_first_release_is_read_and_written_unchanged() {
    let before: Value = serde_yaml::from_str(FIRST_RELEASE).unwrap();
    let read = parse(FIRST_RELEASE).unwrap();
    let mut after = written(&read);
    // What is new: the findings that its words tell of.
    let findings = after["checks"].as_mapping_mut().unwrap().remove("findings").unwrap();
    assert_eq!(after, before);
    assert_eq!(findings.as_sequence().unwrap().len(), read.findings.len());
    let texts: Vec<String> = read.findings.iter().map(ToString::to_string).collect();
    assert_eq!(texts.last(), Some(&read.reason));
    let unverified: Vec<String> = serde_yaml::from_value(before["checks"]["unverified"].clone()).unwrap();
    assert_eq!(texts[..texts.len() - 1], unverified);
    // And what it says of an unusable one stays a reason against it.
    let refused = FIRST_RELEASE.replacen("usable: true", "usable: false", 1);
    assert!(parse(&refused).unwrap().findings.iter().any(|finding| finding.severity == Severity::Unusable));
}

#[test]
fn findings_come_back_as_they_were() {
    let mut calibration = parse(FIRST_RELEASE).unwrap();
    let share = Quantity::new(f64::INFINITY, Unit::Percent);
    let coverage =
        Finding::new(Check::Coverage, Severity::Unusable, "left camera", "it is small", "use a larger target");
    calibration.add_findings(vec![coverage.measured(share, Limit::at_least(50.0))]);
    assert!(!calibration.usable && calibration.reason.starts_with("left camera: it is small (at least 50 %"));
    assert_eq!(parse(&calibration.to_yaml().unwrap()).unwrap(), calibration);
}

/// Whoever edits the verdict must not get a usable calibration with a finding against it.
#[test]
fn a_verdict_against_its_findings_is_refused() {
    let text = parse(FIRST_RELEASE).unwrap().to_yaml().unwrap();
    for (from, to) in [("severity: note", "severity: unusable"), ("usable: true", "usable: false")] {
        assert!(text.contains(from), "{text}");
        let error = parse(&text.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains("usable is") && error.contains("against the findings"), "{error}");
    }
}

#[test]
fn what_an_older_file_lacks_has_its_documented_default() {
    let mut file: Value = serde_yaml::from_str(FIRST_RELEASE).unwrap();
    let top = file.as_mapping_mut().unwrap();
    for key in ["reference_mm", "tool_rotation", "stage", "uncertainty", "checks"] {
        top.remove(key);
    }
    for side in ["left", "right"] {
        top[side].as_mapping_mut().unwrap().remove("standard");
    }
    let read = parse(&serde_yaml::to_string(&file).unwrap()).unwrap();
    assert!(read.reference_mm.is_none() && read.tool_rotation.is_none() && read.stage.is_none());
    assert!(read.uncertainty.is_none() && read.findings.len() == 1);
    assert!(read.left.standard.is_none() && read.right.standard.is_none());
}

#[test]
fn another_version_is_called_that_and_not_damaged() {
    for version in [0, 2, 7] {
        let text = FIRST_RELEASE.replacen("version: 1", &format!("version: {version}\ncolour: red"), 1);
        let error = parse(&text).unwrap_err();
        assert!(error.contains(&format!("version is {version}")) && error.contains("calibrate again"), "{error}");
    }
    let error = parse(&FIRST_RELEASE.replacen("version: 1", "version: 1\ncolour: red", 1)).unwrap_err();
    assert!(error.contains("colour") && error.contains("damaged"), "{error}");
}

/// Numbers that no model has: they were not checked before, though answers follow them.
#[test]
fn impossible_figures_are_refused() {
    for (key, field) in [("systematic_rms_px: ", "left.systematic_rms_px"), ("reference_mm:\n- ", "reference_mm")] {
        let (before, after) = FIRST_RELEASE.split_once(key).unwrap();
        let error = parse(&format!("{before}{key}.nan # {after}")).unwrap_err();
        assert!(error.contains(field), "{error}");
    }
}
