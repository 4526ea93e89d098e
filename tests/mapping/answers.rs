//! Where the limits of an answer's status lie.

use super::models::{CALIBRATION, SCENE};
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::mapping::calibration::answer::AnswerStatus;
use nalgebra::{Vector2, Vector3};

/// Exact pixels of a point of the tool frame.
fn pixels(point_mm: Vector3<f64>) -> Stereo<Vector2<f64>> {
    let in_robot_mm = SCENE.lines_from_robot().try_inverse().unwrap() * point_mm;
    Stereo::from_fn(|camera: Camera| SCENE.project(camera, in_robot_mm).unwrap())
}

/// Two pixels, or eight standard deviations of noisy ones.
#[test]
fn rays_miss_beyond_the_larger_limit_and_not_before() {
    let Stereo { left, right } = pixels(Vector3::new(1.0, -2.0, -10.0));
    for (sigma_px, limit_px) in [(0.0, 2.0), (1.0, 8.0)] {
        // Across the epipolar lines, which run along u.
        let ask = |up_px: f64| CALIBRATION.noisy_pair_to_point(left, right + Vector2::new(0.0, up_px), sigma_px);
        let residual_of_one_px = ask(1.0).estimate.epipolar_px;
        for (limits, expected) in [(0.7, AnswerStatus::Ok), (1.5, AnswerStatus::RaysMiss)] {
            let answer = ask(limits * limit_px / residual_of_one_px);
            let found = answer.estimate.epipolar_px / limit_px;
            assert!((found - limits).abs() < 0.05, "{found} limits, {limits} were aimed at");
            assert_eq!(answer.status, expected, "{limits} × {limit_px} px");
        }
    }
}

/// 0.02 mm, or two standard deviations of the height of a point of noisy pixels.
#[test]
fn a_point_is_outside_the_volume_beyond_the_larger_tolerance_and_not_before() {
    let volume = &CALIBRATION.volume;
    for (edge_mm, outwards) in [(volume.max_mm[2], 1.0), (volume.min_mm[2], -1.0)] {
        let ask = |beyond_mm: f64, sigma_px: f64| {
            let Stereo { left, right } = pixels(Vector3::new(1.0, -2.0, edge_mm + outwards * beyond_mm));
            CALIBRATION.noisy_pair_to_point(left, right, sigma_px)
        };
        let sigma_mm = ask(0.0, 1.0).estimate.covariance_mm2.m33.sqrt();
        assert!(sigma_mm > 0.02, "{sigma_mm}");
        for (beyond_mm, sigma_px, expected) in [
            (0.014, 0.0, AnswerStatus::Ok),
            (0.026, 0.0, AnswerStatus::OutsideVolume),
            (1.6 * sigma_mm, 1.0, AnswerStatus::Ok),
            (2.4 * sigma_mm, 1.0, AnswerStatus::OutsideVolume),
        ] {
            assert_eq!(
                ask(beyond_mm, sigma_px).status,
                expected,
                "{beyond_mm} mm beyond {edge_mm} mm, σ {sigma_px} px"
            );
        }
    }
}
