//! Mapping models on exact pairs, and calibration.yaml against every kind of damage.

use grating_calibration::camera::Stereo;
use grating_calibration::mapping::calibration::{Calibration, CalibrationContext, fit_calibration};
use grating_calibration::mapping::model::ModelKind;
use grating_calibration::mapping::{CameraDataset, Correspondence, Model};
use grating_calibration::sim::{Scene, SceneConfig};
use grating_calibration::sweep::session::Method;
use grating_calibration::{camera::Camera, mapping::AnswerStatus};
use nalgebra::{Matrix2, Vector2, Vector3};
use proptest::prelude::*;
use std::sync::LazyLock;

static SCENE: LazyLock<Scene> = LazyLock::new(|| Scene::new(SceneConfig::default()).unwrap());

/// Exact pairs of the simulated cell.
fn data(camera: Camera) -> CameraDataset {
    let mut correspondences = Vec::new();
    for view in 0..11 {
        for h in -17..=17 {
            for v in -28..=28 {
                let point = Vector3::new(1.1 * f64::from(v), 1.1 * f64::from(h), -2.0 * f64::from(view));
                let robot = SCENE.lines_from_robot().try_inverse().unwrap() * point;
                if let Some(pixel) = SCENE.project(camera, robot) {
                    correspondences.push(Correspondence {
                        pixel,
                        pixel_covariance_px2: Matrix2::identity() * 1e-4,
                        point_in_tool_mm: point,
                        view: view as u32,
                    });
                }
            }
        }
    }
    CameraDataset { image_size: [1280, 720], correspondences }
}

static DATA: LazyLock<Stereo<CameraDataset>> = LazyLock::new(|| Stereo::from_fn(data));
static CALIBRATION: LazyLock<Calibration> = LazyLock::new(|| {
    let context = CalibrationContext {
        method: Method::Auto,
        pitch_mm: 1.1,
        min_phase_margin: 0.9,
        usable_rms_mm: 0.05,
        bundle: None,
    };
    fit_calibration(DATA.as_ref(), &context).unwrap()
});

#[test]
fn the_ladder_gets_better_from_rung_to_rung() {
    let residual =
        |kind: ModelKind| CALIBRATION.left.ladder.iter().find(|entry| entry.model == kind).unwrap().residual_rms_px;
    // Figures of the published models on perfect data: px RMS of order 5, 2 and 0.1.
    assert!((2.0..12.0).contains(&residual(ModelKind::Published)));
    assert!((0.7..4.0).contains(&residual(ModelKind::Cubic)));
    assert!(residual(ModelKind::Quintic) < 0.3);
    assert!(residual(ModelKind::Septic) < 0.03);
    assert!(residual(ModelKind::Central) < 0.003);
    assert_eq!(CALIBRATION.left.model.kind(), ModelKind::Central);
}

#[test]
fn jacobians_agree_with_finite_differences() {
    for kind in ModelKind::LADDER {
        let model = Model::fit(kind, &DATA.left).unwrap();
        for point in [Vector3::new(0.0, 0.0, -1.0), Vector3::new(-9.0, 5.0, -12.0), Vector3::new(11.0, -6.0, -19.0)] {
            let (_, jacobian) = model.pixel_and_jacobian(point);
            for axis in 0..3 {
                let mut step = Vector3::zeros();
                step[axis] = 1e-4;
                let ahead = model.pixel_and_jacobian(point + step).0;
                let slope = (ahead - model.pixel_and_jacobian(point - step).0) / 2e-4;
                assert!((slope - jacobian.column(axis)).norm() < 1e-4, "{kind} along {axis}");
            }
        }
    }
}

/// Eq. (16) written out once more, term by term.
#[test]
fn the_published_model_is_equation_16() {
    let Some(Model::Published(model)) = Model::fit(ModelKind::Published, &DATA.left) else { panic!("no model") };
    let swept = 0.0..=20.0;
    assert!(!swept.contains(&model.w_depth_mm), "w is infinite within the sweep: d = {}", model.w_depth_mm);
    let (x, y, z) = (3.3, -2.2, 7.0);
    let (a, b, c, w) = (x / 10.0, y / 10.0, z / 10.0, model.w_depth_mm / (model.w_depth_mm - z));
    let terms = [1.0, x, y, z, a * a, b * b, c * c, w * w, a * b, a * c, b * c, a * w, b * w, c * w];
    let by_hand =
        model.coefficients.iter().zip(terms).fold([0.0; 2], |sum, (k, t)| [sum[0] + k[0] * t, sum[1] + k[1] * t]);
    // Its z is our −z.
    let (pixel, _) = model.pixel_and_jacobian(Vector3::new(x, y, -z));
    assert!((pixel - Vector2::from(by_hand)).norm() < 1e-9);
}

proptest! {
    /// World → pixel → world comes back, wherever the cameras look.
    #[test]
    fn answers_invert_each_other(x in -9.0_f64..9.0, y in -6.0_f64..6.0, z in -20.0_f64..0.0) {
        let point = Vector3::new(x, y, z);
        let pixels = Camera::BOTH.map(|camera| CALIBRATION.point_to_pixel(camera, point));
        prop_assume!(pixels.iter().all(|pixel| pixel.status == AnswerStatus::Ok));
        let back = CALIBRATION.pixel_pair_to_point(pixels[0].pixel, pixels[1].pixel);
        prop_assert_eq!(back.status, AnswerStatus::Ok);
        prop_assert!((back.estimate.point_mm - point).norm() < 1e-6);
        prop_assert!(back.estimate.epipolar_px < 1e-6);
        let flat = CALIBRATION.pixel_to_plane(Camera::Right, pixels[1].pixel, z);
        prop_assert!((flat.estimate.point_mm - point).norm() < 1e-6);
    }
}

#[test]
fn a_file_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calibration.yaml");
    CALIBRATION.save(&path).unwrap();
    assert_eq!(Calibration::load(&path).unwrap(), *CALIBRATION);
    // Nothing else is left behind.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn damaged_files_are_refused_with_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calibration.yaml");
    CALIBRATION.save(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let refused = |damaged: &str| {
        std::fs::write(&path, damaged).unwrap();
        let error = Calibration::load(&path).unwrap_err().to_string();
        assert!(error.contains("calibration.yaml"), "{error}");
        error
    };
    assert!(refused(&text.replacen("version: 1", "version: 7", 1)).contains("version is 7"));
    assert!(refused(&text.replacen("pitch_mm: 1.1", "pitch_mm: -1.1", 1)).contains("pitch_mm"));
    assert!(refused(&text.replacen("- 1280", "- 3", 1)).contains("left.image_size"));
    assert!(refused(&text.replacen("pitch_mm: 1.1", "pitch_mm: wide", 1)).contains("line"));
    assert!(refused(&text.replacen("heights:", "hights:", 1)).contains("hights"));
    assert!(refused("").contains("version"));
    for share in 1..40 {
        let mut cut = text.len() * share / 40;
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        refused(&text[..cut]);
    }
    // Any single coefficient that is no number is noticed.
    let lens = text.find("lens:").unwrap();
    for (place, _) in text[lens..].match_indices("\n    - - ").step_by(9).take(12) {
        let start = lens + place + "\n    - - ".len();
        let end = start + text[start..].find('\n').unwrap();
        let error = refused(&format!("{}.nan{}", &text[..start], &text[end..]));
        assert!(error.contains("model"), "{error}");
    }
    assert!(Calibration::load(&folder.path().join("none.yaml")).unwrap_err().to_string().contains("none.yaml"));
}
