//! `~/check`'s core: a bumped camera is called drifted, another sheet another sheet, and what still holds good.

use crate::common::cell::{Cell, small};
use grating_calibration::mapping::calibration::Calibration;
use grating_calibration::pose::tool_pose::ToolPose;
use grating_calibration::sim::config::SceneConfig;
use grating_calibration::sweep::drift::{DriftMeasurement, Tolerances, Verdict, check};
use nalgebra::Vector3;

/// The node's defaults.
const TOLERANCES: Tolerances = Tolerances { shift_px: 0.5, scale: 0.002, residual_px: 3.0 };

fn calibration() -> Calibration {
    let cell = Cell::small();
    let mut session = cell.session();
    for step in 0..7_u32 {
        let height_mm = 0.5 * f64::from(step);
        session.add_pair(cell.pair_at(height_mm, step.into()).as_ref(), ToolPose::at([0.0, 0.0, height_mm])).unwrap();
    }
    session.finish().unwrap().calibration
}

/// One pair of a changed cell against the calibration of the unchanged one.
fn seen(calibration: &Calibration, moved_mm: Vector3<f64>, change: impl Fn(&mut SceneConfig)) -> DriftMeasurement {
    let mut config = small();
    change(&mut config);
    let pair = Cell::new(config).pair(moved_mm, 99);
    check(calibration, pair.as_ref(), Some(moved_mm.into())).unwrap()
}

#[test]
fn bumped_cameras_other_sheets_and_what_still_holds_are_told_apart() {
    let calibration = calibration();
    let here = Vector3::new(0.0, 0.0, 1.3);
    let is = |wanted: Verdict, what: &str, moved_mm: Vector3<f64>, change: &dyn Fn(&mut SceneConfig)| {
        let found = seen(&calibration, moved_mm, change);
        assert_eq!(found.verdict(&TOLERANCES), wanted, "{what}: {found:?}");
        found
    };
    for height_mm in [0.0, 3.0] {
        let found = is(Verdict::Good, "untouched", Vector3::z() * height_mm, &|_| {});
        assert!((found.height_mm - height_mm).abs() < 0.03 && found.moved_mm.unwrap() < 0.03, "{found:?}");
    }
    is(Verdict::Good, "moved along x and y", Vector3::new(0.4, -0.3, 1.0), &|_| {});
    is(Verdict::Good, "half the light", here, &|c| (c.light.paper, c.light.ink) = (0.4, 0.06));
    is(Verdict::Good, "the sheet turned on the table", here, &|c| c.grid.rotation_deg += 3.0);
    let raised = is(Verdict::Good, "the sheet on a board", here, &|c| c.rig.height_mm -= 0.5);
    assert!(raised.moved_mm.unwrap() > 0.3, "{raised:?}");

    for degrees in [-0.9, 0.1, 0.2] {
        is(Verdict::Drifted, &format!("left tilted by {degrees}°"), here, &|c| c.cameras.left.tilt_deg = degrees);
        is(Verdict::Drifted, &format!("right tilted by {degrees}°"), here, &|c| c.cameras.right.tilt_deg = degrees);
        let turned = is(Verdict::Drifted, &format!("both turned inwards by {degrees}°"), here, &|c| {
            c.rig.toe_in_deg += degrees
        });
        // Never explained by lines that are wrong by one.
        assert!(turned.shift_px < 3.0 && (turned.scale - 1.0).abs() < 0.05, "{turned:?}");
    }
    for degrees in [-0.5, 0.2] {
        is(Verdict::Drifted, &format!("left rolled by {degrees}°"), here, &|c| c.cameras.left.turn_deg = degrees);
    }
    for (axis, mm) in [(0, 0.1), (1, -0.3), (2, 0.3)] {
        is(Verdict::Drifted, &format!("right shifted along {axis} by {mm} mm"), here, &|c| {
            c.cameras.right.shift_mm[axis] = mm;
        });
    }

    for pitch_mm in [1.0, 1.25] {
        let other = |c: &mut SceneConfig| c.grid.pitch_mm = pitch_mm;
        is(Verdict::WrongTarget, &format!("a sheet of {pitch_mm} mm"), here, &other);
    }
    is(Verdict::WrongTarget, "another printer's sheet", here, &|c| c.grid.print.scale = [0.01, 0.01]);

    // Without a pose another sheet can't be told from a bumped camera; that something is wrong can.
    let mut tilted = small();
    tilted.cameras.left.tilt_deg = 0.2;
    let pair = Cell::new(tilted).pair(here, 5);
    let found = check(&calibration, pair.as_ref(), None).unwrap();
    assert_eq!((found.verdict(&TOLERANCES), found.pitch_at_pose), (Verdict::Drifted, None), "{found:?}");
}
