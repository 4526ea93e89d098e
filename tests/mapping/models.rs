//! Mapping models on exact pairs, and calibration.yaml against every kind of damage.

use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::mapping::calibration::Calibration;
use grating_calibration::mapping::calibration::answer::AnswerStatus;
use grating_calibration::mapping::calibration::fit::{CalibrationContext, fit_calibration};
use grating_calibration::mapping::dataset::{CameraDataset, Correspondence};
use grating_calibration::mapping::inverse::invert::PairSolver;
use grating_calibration::mapping::method::Method;
use grating_calibration::mapping::models::CameraModel;
use grating_calibration::mapping::models::registry::{Model, ModelKind};
use grating_calibration::mapping::selection::ladder::fit_ladder;
use grating_calibration::sim::config::SceneConfig;
use grating_calibration::sim::scene::Scene;
use grating_calibration::sim::truth::{Axes, points_in_common_volume};
use nalgebra::{Matrix2, Matrix4, Vector2, Vector3};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::SmallRng};
use rand_distr::{Distribution, Normal};
use serde_yaml::Value;
use std::sync::LazyLock;

pub(super) static SCENE: LazyLock<Scene> = LazyLock::new(|| Scene::new(SceneConfig::default()).unwrap());

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
pub(super) static CALIBRATION: LazyLock<Calibration> = LazyLock::new(|| {
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
    // The lens has a part of 0.5 px that no physical model holds.
    assert!((0.03..0.3).contains(&residual(ModelKind::Brown)));
    assert!((0.03..residual(ModelKind::Brown)).contains(&residual(ModelKind::Rational)));
    assert!(residual(ModelKind::Spline) < 0.003);
    assert!(residual(ModelKind::Central) < 0.003);
    for camera in Camera::BOTH {
        let served = CALIBRATION.camera(camera).model.kind();
        assert!(matches!(served, ModelKind::Spline | ModelKind::Central), "{camera} serves {served}");
    }
}

/// What is said about held-out points agrees with points that were never in the data.
#[test]
fn held_out_points_err_like_new_ones() {
    let truth = points_in_common_volume(&SCENE, Axes::Lines, 20.0, 1000, 7);
    for kind in [ModelKind::Quintic, ModelKind::Brown, ModelKind::Rational] {
        let entry = CALIBRATION.stereo_ladder.iter().find(|entry| entry.model == kind).unwrap();
        assert!(entry.pairs > 1000 && entry.unanswered == 0, "{entry:?}");
        let mut calibration = CALIBRATION.clone();
        calibration.left.model = Model::fit(kind, &DATA.left).unwrap();
        calibration.right.model = Model::fit(kind, &DATA.right).unwrap();
        let mut squares = Vector3::zeros();
        for point in &truth {
            let answer = calibration.pixel_pair_to_point(point.pixel.left, point.pixel.right);
            let miss = answer.estimate.point_mm - point.point_mm;
            squares += miss.component_mul(&miss);
        }
        for axis in 0..3 {
            let ratio = entry.rms_mm[axis] / (squares[axis] / truth.len() as f64).sqrt();
            assert!((0.6..2.5).contains(&ratio), "{kind}, axis {axis}: {ratio}");
        }
    }
}

/// Pairs of the left camera every `step` lines, in `views` heights, with noise.
fn sparse(step: usize, views: u32, noise_px: f64) -> CameraDataset {
    let mut rng = SmallRng::seed_from_u64(5);
    let noise = Normal::new(0.0, noise_px).unwrap();
    let mut correspondences = Vec::new();
    for view in 0..views {
        for (h, v) in (-18..=18).step_by(step).flat_map(|h| (-27..=27).step_by(step).map(move |v| (h, v))) {
            let depth_mm = 20.0 * f64::from(view) / f64::from(views - 1);
            let point_in_tool_mm = Vector3::new(1.1 * f64::from(v), 1.1 * f64::from(h), -depth_mm);
            let robot = SCENE.lines_from_robot().try_inverse().unwrap() * point_in_tool_mm;
            if let Some(pixel) = SCENE.project(Camera::Left, robot) {
                let pixel = pixel + Vector2::from_fn(|_, _| noise.sample(&mut rng));
                let pixel_covariance_px2 = Matrix2::identity() * (noise_px * noise_px);
                correspondences.push(Correspondence { pixel, pixel_covariance_px2, point_in_tool_mm, view });
            }
        }
    }
    CameraDataset { image_size: [1280, 720], correspondences }
}

/// The seventh degree follows the lens where Brown's model can't, but rings at the rims and outermost heights.
#[test]
fn a_model_that_wins_inside_and_fails_at_the_border_is_not_served() {
    let data = sparse(3, 11, 0.02);
    let ladder = fit_ladder(&data, &[ModelKind::Septic, ModelKind::Brown]).unwrap();
    let [septic, brown] = [0, 1].map(|at| &ladder.rungs[at].entry);
    assert!(septic.residual_rms_px < 0.5 * brown.residual_rms_px, "{septic:?} {brown:?}");
    assert!(septic.cross_validation_rms_px < 0.8 * brown.cross_validation_rms_px, "{septic:?} {brown:?}");
    assert!(septic.border_rms_px > 2.0 * brown.border_rms_px, "{septic:?} {brown:?}");
    assert_eq!(ladder.rungs[ladder.best].model.kind(), ModelKind::Brown);
    // With four times the pairs it rings no more, and wins.
    let ladder = fit_ladder(&DATA.left, &[ModelKind::Septic, ModelKind::Brown]).unwrap();
    assert_eq!(ladder.rungs[ladder.best].model.kind(), ModelKind::Septic);
}

/// A chessboard of a few corners at five heights.
#[test]
fn few_pairs_leave_out_the_models_with_many_parameters() {
    let data = sparse(4, 5, 0.05);
    assert!((200..300).contains(&data.correspondences.len()), "{}", data.correspondences.len());
    let ladder = fit_ladder(&data, ModelKind::LADDER).unwrap();
    let kinds: Vec<ModelKind> = ladder.rungs.iter().map(|rung| rung.entry.model).collect();
    assert!(kinds.contains(&ModelKind::Brown) && kinds.contains(&ModelKind::Spline), "{kinds:?}");
    for kind in [ModelKind::Quintic, ModelKind::Septic, ModelKind::Central] {
        assert!(!kinds.contains(&kind), "{kinds:?}");
    }
    // Against places that it has not seen, exact.
    let served = &ladder.rungs[ladder.best].model;
    let misses =
        DATA.left.correspondences.iter().map(|p| (served.pixel_and_jacobian(p.point_in_tool_mm).0 - p.pixel).norm());
    let worst = misses.fold(0.0, f64::max);
    assert!(worst < 0.6, "{} is off by {worst} px", served.kind());
}

/// One pair in twenty is somewhere else altogether.
#[test]
fn gross_outliers_don_t_matter() {
    let mut data = sparse(1, 9, 0.02);
    data.correspondences.iter_mut().step_by(20).for_each(|p| p.pixel += Vector2::new(-17.0, 23.0));
    for &kind in ModelKind::LADDER.iter().filter(|kind| **kind != ModelKind::Published) {
        let spoilt = Model::fit(kind, &data).unwrap();
        let clean = Model::fit(kind, &sparse(1, 9, 0.02)).unwrap();
        let residual = |model: &Model| {
            let miss = |p: &Correspondence| (model.pixel_and_jacobian(p.point_in_tool_mm).0 - p.pixel).norm_squared();
            (DATA.left.correspondences.iter().map(miss).sum::<f64>() / DATA.left.correspondences.len() as f64).sqrt()
        };
        let (spoilt, clean) = (residual(&spoilt), residual(&clean));
        assert!(spoilt < 1.3 * clean + 0.01, "{kind}: {spoilt} px against {clean} px");
    }
}

#[test]
fn jacobians_agree_with_finite_differences() {
    for &kind in ModelKind::LADDER {
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

proptest! {
    /// Where a search begins is looked up; where it ends does not depend on it.
    #[test]
    fn a_search_begins_near_and_ends_as_from_the_middle(
        x in -9.0_f64..9.0, y in -6.0_f64..6.0, z in -20.0_f64..0.0, off in [-1.0_f64..1.0, -1.0_f64..1.0],
    ) {
        let point = Vector3::new(x, y, z);
        let pixels = Camera::BOTH.map(|camera| CALIBRATION.point_to_pixel(camera, point));
        prop_assume!(pixels.iter().all(|pixel| pixel.status == AnswerStatus::Ok));
        let [left, right] = pixels.map(|pixel| pixel.pixel);
        let starts = CALIBRATION.prepare();
        let miss_mm = (starts.at([left, right]).unwrap() - point).norm();
        prop_assert!(miss_mm < 1e-3, "{miss_mm}");
        // Rays that miss each other, too.
        let pixels = [left, right + Vector2::from(off)];
        let models = [&CALIBRATION.left.model, &CALIBRATION.right.model];
        let solver = || PairSolver::new(models, &CALIBRATION.volume, [0.01, 0.02]);
        let [looked_up, middle] = [solver().starting_at(starts), solver()]
            .map(|solver| solver.solve(pixels, |_| Matrix4::identity()).unwrap());
        prop_assert!((looked_up.point_mm - middle.point_mm).norm() < 1e-6);
        prop_assert!((looked_up.epipolar_px - middle.epipolar_px).abs() < 1e-6);
    }
}

/// The calibration with each model of the ladder in its left camera.
fn with_each_model() -> impl Iterator<Item = Calibration> {
    ModelKind::LADDER.iter().map(|&kind| {
        let mut calibration = CALIBRATION.clone();
        calibration.left.model = Model::fit(kind, &DATA.left).unwrap();
        calibration
    })
}

#[test]
fn a_file_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calibration.yaml");
    for calibration in with_each_model() {
        calibration.save(&path).unwrap();
        assert_eq!(Calibration::load(&path).unwrap(), calibration);
    }
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
    assert!(Calibration::load(&folder.path().join("none.yaml")).unwrap_err().to_string().contains("none.yaml"));
}

#[test]
fn any_number_of_a_model_that_is_none_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calibration.yaml");
    for calibration in with_each_model() {
        let kind = calibration.left.model.kind();
        calibration.save(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let start = text.find("left:").unwrap();
        let start = start + text[start..].find("model:\n").unwrap();
        let end = start + text[start..].find("\nright:").unwrap() + 1;
        // What follows the last space or dash of a line and has a point is a number.
        let numbers: Vec<(usize, usize)> = text[start..end]
            .split_inclusive('\n')
            .scan(start, |at, line| {
                *at += line.len();
                let cell = line.trim_end().rsplit(' ').next().unwrap_or_default();
                Some((*at - 1 - cell.len(), *at - 1, cell.parse::<f64>().is_ok() && cell.contains('.')))
            })
            .filter_map(|(from, to, is_number)| is_number.then_some((from, to)))
            .collect();
        assert!(numbers.len() >= 20, "{kind}: {} numbers", numbers.len());
        for (from, to) in numbers.iter().step_by(1 + numbers.len() / 12) {
            std::fs::write(&path, format!("{}.nan{}", &text[..*from], &text[*to..])).unwrap();
            let error = Calibration::load(&path).unwrap_err().to_string();
            // Behind the model stands the standard camera that it was approximated by.
            assert!(error.contains("left.model") || error.contains("left.standard"), "{kind}: {error}");
        }
        // An entry too many in any list.
        for (place, _) in text[start..end].match_indices("- ").step_by(7).take(3) {
            let (head, tail) = text.split_at(start + place);
            std::fs::write(&path, format!("{head}- 1.5\n    {tail}")).unwrap();
            assert!(Calibration::load(&path).is_err(), "{kind} with an entry too many");
        }
    }
}

/// Every number and every list below `value`, by its path.
fn places(value: &Value, path: &[Value], numbers: &mut Vec<Vec<Value>>, lists: &mut Vec<Vec<Value>>) {
    let children: Vec<(Value, &Value)> = match value {
        Value::Mapping(map) => map.iter().map(|(key, child)| (key.clone(), child)).collect(),
        Value::Sequence(list) => {
            lists.push(path.to_vec());
            list.iter().enumerate().map(|(n, child)| (Value::from(n), child)).collect()
        }
        Value::Number(_) => return numbers.push(path.to_vec()),
        _ => return,
    };
    for (key, child) in children {
        places(child, &[path, &[key]].concat(), numbers, lists);
    }
}

fn place<'a>(value: &'a mut Value, path: &[Value]) -> &'a mut Value {
    path.iter().fold(value, |value, key| match value {
        Value::Sequence(list) => &mut list[key.as_u64().unwrap() as usize],
        other => other.get_mut(key).unwrap(),
    })
}

/// Whatever number of a model's file is no number, whatever list has lost an entry or has one too many.
#[test]
fn no_row_of_the_registry_takes_impossible_numbers() {
    let read = |value: &Value| serde_yaml::from_value::<Model>(value.clone()).is_ok_and(|m| m.validate().is_ok());
    for &kind in ModelKind::LADDER {
        let model = Model::fit(kind, &DATA.left).unwrap();
        let good = serde_yaml::to_value(&model).unwrap();
        assert_eq!(good["kind"], Value::from(kind.to_string()));
        assert!(read(&good), "{kind}");
        let (mut numbers, mut lists) = (Vec::new(), Vec::new());
        places(&good, &[], &mut numbers, &mut lists);
        for path in numbers {
            let mut bad = good.clone();
            let at = place(&mut bad, &path);
            // Counts and sizes are whole.
            let others = if at.is_f64() { vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY] } else { vec![0.0] };
            for other in others {
                *place(&mut bad, &path) = if other == 0.0 { Value::from(0) } else { Value::from(other) };
                assert!(!read(&bad), "{kind} takes {other} at {path:?}");
            }
        }
        for path in lists {
            for more in [false, true] {
                let mut bad = good.clone();
                let list = place(&mut bad, &path).as_sequence_mut().unwrap();
                let last = list.pop().unwrap();
                list.extend(std::iter::repeat_n(last, 2 * usize::from(more)));
                assert!(!read(&bad), "{kind} takes another length of {path:?}");
            }
        }
        let mut bad = good.clone();
        bad["colour"] = Value::from("red");
        assert!(!read(&bad), "{kind} takes an unknown field");
    }
}
