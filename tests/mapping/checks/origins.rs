//! The same origin in both images.

use crate::common::cell::Cell;
use crate::common::projected::{Mishap, ProjectedSweep};
use crate::mapping::checks::{SEED, half_size};
use grating_calibration::camera::Camera;
use grating_calibration::mapping::bundle::Bundle;
use grating_calibration::mapping::checks::finding::{Check, Severity};
use grating_calibration::mapping::checks::origins;
use grating_calibration::mapping::views::Views;
use grating_calibration::pose::tool_pose::ToolPose;
use grating_calibration::sim::preset::Preset;
use grating_calibration::sweep::session::SweepSession;
use grating_calibration::sweep::settings::CalibrationSettings;
use nalgebra::Vector3;

/// The clicked right origin is another intersection: what the printer did wrong gives it away, where it did anything wrong.
#[test]
fn another_origin_in_one_camera_shows_in_the_lines() {
    let sweep = ProjectedSweep::of(half_size(Preset::Laser), 7);
    let clean = sweep.views(SEED, |_| Mishap::NONE);
    let check = |views: &Views| origins::check(views, &Bundle::nominal(views));
    assert_eq!(check(&clean), None);
    for by in [[1, 0], [-1, 0], [0, 1], [0, -2], [7, 0]] {
        let mut views = clean.clone();
        (0..7).for_each(|view| views.renumber(Camera::Right, view, by));
        let found = check(&views).unwrap();
        let [x, y] = by.map(|n| -n);
        assert_eq!((found.check, found.severity), (Check::Origins, Severity::Unusable), "{by:?}");
        assert!(found.to_string().contains(&format!("lies ({x}, {y}) lines")), "{by:?}: {found}");
    }
    let even = ProjectedSweep::of(half_size(Preset::Standard), 7).views(SEED, |_| Mishap::NONE);
    let found = check(&even).unwrap();
    assert!(found.severity == Severity::Unverified && found.to_string().contains("can't be told"), "{found}");
}

/// The same by the texture of the paper alone, from images.
#[test]
fn another_origin_in_one_camera_shows_in_the_paper() {
    let mut config = half_size(Preset::Standard);
    config.grid.print.texture = 0.01;
    let scene = Cell::new(config);
    let mut origin_px = scene.origin_px();
    // One line further along x, two along -y.
    let intersection = scene.lines_from_robot().try_inverse().unwrap() * Vector3::new(1.1, -2.2, 0.0);
    origin_px.right = scene.project(Camera::Right, intersection).unwrap();
    let mut session = SweepSession::new(CalibrationSettings::new(1.1, origin_px)).unwrap();
    for (frame, height_mm) in (0..).zip([0.0, 0.3, 0.9, 1.8, 3.0]) {
        session.add_pair(scene.pair_at(height_mm, frame).as_ref(), ToolPose::at([0.0, 0.0, height_mm])).unwrap();
    }
    let mut views = session.views();
    let text = origins::check(&views, &Bundle::nominal(&views)).unwrap().to_string();
    assert!(text.contains("paper's texture") && text.contains("lies (1, -2) lines"), "{text}");
    // The message names the pixel that should have been clicked.
    let right = scene.origin_px().right;
    assert!(text.contains(&format!("click ({:.0}, {:.0}) px", right.x, right.y)), "{text} {right}");
    (0..5).for_each(|view| views.renumber(Camera::Right, view, [1, -2]));
    assert_eq!(origins::check(&views, &Bundle::nominal(&views)), None);
    let calibration = session.finish().unwrap().calibration;
    assert!(!calibration.usable && calibration.reason.contains(&text), "{}", calibration.reason);
}
