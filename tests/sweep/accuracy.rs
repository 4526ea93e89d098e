//! Whole sweeps on ray-traced images: the result is right, or the error says what is wrong.

use crate::common::cell::{Cell, pose};
use grating_calibration::GrayImage;
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::mapping::calibration::answer::AnswerStatus;
use grating_calibration::mapping::method::Method;
use grating_calibration::pose::tool_pose::ToolPose;
use grating_calibration::sim::truth::{Axes, points_in_common_volume};
use grating_calibration::sweep::error::SweepError;
use grating_calibration::sweep::outcome::{CalibrationOutcome, PairReport};
use grating_calibration::sweep::session::SweepSession;
use grating_calibration::sweep::settings::CalibrationSettings;
use nalgebra::{Vector2, Vector3};

fn add(session: &mut SweepSession, cell: &Cell, height_mm: f64, exposure: u64) -> Result<PairReport, SweepError> {
    session.add_pair(cell.pair_at(height_mm, exposure).as_ref(), pose(height_mm))
}

/// Small steps first: the tracker knows no motion to extrapolate yet.
fn height(step: u32, heights: u32) -> f64 {
    20.0 * (f64::from(step) / f64::from(heights - 1)).powf(1.5)
}

fn sweep(cell: &Cell, settings: CalibrationSettings, heights: u32) -> CalibrationOutcome {
    let mut session = SweepSession::new(settings).unwrap();
    for step in 0..heights {
        add(&mut session, cell, height(step, heights), step.into()).unwrap();
    }
    session.finish().unwrap()
}

#[test]
fn a_sweep_gives_points_to_a_few_micrometres_and_says_how_well() {
    let cell = Cell::small();
    let outcome = sweep(&cell, cell.settings(), 13);
    let calibration = &outcome.calibration;
    assert!(calibration.usable, "{}", calibration.reason);
    assert!(calibration.min_phase_margin > 0.5);
    let (mut squares, mut count, mut within) = (Vector3::zeros(), 0.0, 0.0);
    for point in points_in_common_volume(&cell, Axes::Lines, 20.0, 600, 1) {
        let answer = calibration.pixel_pair_to_point(point.pixel.left, point.pixel.right);
        assert!(answer.status.is_answered(), "{:?} for {point:?}", answer.status);
        let miss = answer.estimate.point_mm - point.point_mm;
        squares += miss.component_mul(&miss);
        count += 1.0;
        let information = answer.estimate.covariance_mm2.try_inverse().unwrap();
        // 7.81: the 95 % quantile of χ² with three degrees of freedom.
        within += f64::from(u8::from((miss.transpose() * information * miss)[0] < 7.81));
        let (left, right) = (
            calibration.point_to_pixel(Camera::Left, answer.estimate.point_mm),
            calibration.pixel_to_plane(Camera::Right, point.pixel.right, answer.estimate.point_mm.z),
        );
        assert!((left.pixel - point.pixel.left).norm() < 0.2);
        assert!((right.estimate.point_mm - answer.estimate.point_mm).norm() < 0.02);
    }
    let rms_um: Vector3<f64> = (squares / count).map(|s| 1e3 * f64::sqrt(s));
    // Half-size images see a quarter of the ink: their points are several times worse than full-size ones.
    assert!(rms_um.max() < 15.0, "{rms_um}");
    assert!(within / count > 0.95, "only {within} of {count} errors lie within their 95 % ellipsoid");
}

#[test]
fn the_original_method_runs_to_the_end_and_is_not_called_usable() {
    let cell = Cell::small();
    let mut settings = cell.settings();
    settings.method = Method::Original;
    settings.original.draws = 4000;
    settings.original.stride = 3;
    let calibration = sweep(&cell, settings, 25).calibration;
    assert!(!calibration.usable && calibration.reason.contains("µm"), "{}", calibration.reason);
    // Far from ours, but the same grid: within two pitches.
    let worst = calibration.stereo.rms_mm.iter().copied().fold(0.0, f64::max);
    assert!((0.05..2.2).contains(&worst), "{worst} mm");
}

#[test]
fn unexplained_motion_of_half_a_pitch_stops_the_sweep() {
    let cell = Cell::small();
    let mut session = cell.session();
    for step in 0..3 {
        add(&mut session, &cell, 0.2 * f64::from(step), 0).unwrap();
    }
    // Somebody pushes the table; the robot knows nothing of it.
    let pushed = cell.pair(Vector3::new(0.55, 0.0, 0.6), 3);
    let error = session.add_pair(pushed.as_ref(), pose(0.6)).unwrap_err().to_string();
    assert!(error.contains("phase ambiguous"), "{error}");
}

#[test]
fn bad_input_is_named() {
    let cell = Cell::small();
    let blank = GrayImage::from_pixel(640, 360, image::Luma([0.5]));
    let error = cell.session().add_pair(Stereo { left: &blank, right: &blank }, pose(0.0)).unwrap_err();
    assert!(matches!(error, SweepError::Fit { camera: Camera::Left, pair: 0, .. }), "{error}");

    let mut started = cell.session();
    add(&mut started, &cell, 0.0, 0).unwrap();
    let small = GrayImage::from_pixel(320, 180, image::Luma([0.5]));
    let error = started.add_pair(Stereo { left: &small, right: &small }, pose(0.2)).unwrap_err().to_string();
    assert!(error.contains("[320, 180]") && error.contains("[640, 360]"), "{error}");

    let mut origin = cell.origin_px();
    origin.right += Vector2::new(9.0, 9.0);
    let mut session = SweepSession::new(CalibrationSettings::new(1.1, origin)).unwrap();
    let error = add(&mut session, &cell, 0.0, 0).unwrap_err();
    assert!(matches!(error, SweepError::Origin { camera: Camera::Right, .. }), "{error}");

    assert!(SweepSession::new(CalibrationSettings::new(f64::NAN, cell.origin_px())).is_err());
    let mut session = cell.session();
    let nowhere = ToolPose { z_mm: f64::NAN, ..pose(0.0) };
    let pair = cell.pair_at(0.0, 0);
    assert!(matches!(session.add_pair(pair.as_ref(), nowhere), Err(SweepError::Pose { pair: 0 })));
    assert!(matches!(session.finish(), Err(SweepError::TooFew { pairs: 0 })));
}

#[test]
fn every_question_gets_its_own_status() {
    let cell = Cell::small();
    let calibration = sweep(&cell, cell.settings(), 13).calibration;
    let truth = points_in_common_volume(&cell, Axes::Lines, 20.0, 1, 3)[0].pixel;
    let ask = |left: Vector2<f64>, right: Vector2<f64>| calibration.pixel_pair_to_point(left, right).status;
    assert_eq!(ask(truth.left, truth.right), AnswerStatus::Ok);
    assert_eq!(ask(Vector2::new(f64::NAN, 1.0), truth.right), AnswerStatus::InvalidInput);
    assert_eq!(ask(truth.left, Vector2::new(640.0, 5.0)), AnswerStatus::OutsideImage);
    assert_eq!(ask(truth.left, truth.right + Vector2::new(0.0, 25.0)), AnswerStatus::RaysMiss);
    let plane = |z: f64| calibration.pixel_to_plane(Camera::Left, truth.left, z).status;
    assert_eq!(plane(-10.0), AnswerStatus::Ok);
    assert_eq!(plane(-21.0), AnswerStatus::OutsideVolume);
    assert_eq!(plane(-500.0), AnswerStatus::NoConvergence);
    assert_eq!(plane(f64::INFINITY), AnswerStatus::InvalidInput);
    let pixel = |point: Vector3<f64>| calibration.point_to_pixel(Camera::Left, point).status;
    assert_eq!(pixel(Vector3::new(0.0, 0.0, -10.0)), AnswerStatus::Ok);
    assert_eq!(pixel(Vector3::new(40.0, 0.0, 0.0)), AnswerStatus::OutsideImage);
    assert_eq!(pixel(Vector3::new(f64::NAN, 0.0, 0.0)), AnswerStatus::InvalidInput);
}
