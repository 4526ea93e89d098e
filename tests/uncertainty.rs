//! The covariance of an answer is neither too bold nor too modest: 95 % of the truth lies within 95 % ellipsoids.
//!
//! Within one cell all answers share the cell's errors (axes, scale, origin), so each kind of cell is built many times, from
//! crossings projected by the simulator with the noise that measured ones have, and from noisy poses.

use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::mapping::AnswerStatus;
use grating_calibration::mapping::bundle::{self, Observation, Views};
use grating_calibration::mapping::calibration::{CalibrationContext, fit_calibration};
use grating_calibration::sim::truth::{Axes, points_in_common_volume};
use grating_calibration::sim::{Preset, Scene};
use grating_calibration::sweep::plan::Plan;
use grating_calibration::sweep::session::Method;
use nalgebra::{Matrix2, Vector2, Vector3};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use rand_distr::StandardNormal;

const HEIGHTS: u32 = 13;
const ENCODER_NOISE_MM: f64 = 0.001;

/// What a sweep of `scene` sees on every other line, pixels `noise_px` off.
fn views(scene: &Scene, jog_mm: f64, noise_px: f64, random: &mut SmallRng) -> Views {
    let heights = (0..HEIGHTS).map(|step| 20.0 * f64::from(step) / f64::from(HEIGHTS - 1));
    let mut plan = Plan { offsets_mm: heights.map(|height| [0.0, 0.0, height]).collect() };
    if jog_mm > 0.0 {
        let jogs = [[jog_mm, 0.0], [-jog_mm, 0.0], [0.0, jog_mm], [0.0, -jog_mm]];
        plan = plan.with_jogs(&jogs, 1.1).unwrap();
    }
    let mut normal = |sigma: f64| sigma * random.sample::<f64, _>(StandardNormal);
    let config = scene.config();
    let robot_from_lines = scene.lines_from_robot().try_inverse().unwrap();
    let scale = config.grid.print.scale;
    let mut observations = Stereo { left: Vec::new(), right: Vec::new() };
    for (view, offset) in plan.offsets_mm.iter().enumerate() {
        for (h, v) in (-20..20).flat_map(|h| (-30..30).map(move |v| (2 * h, 2 * v))) {
            let along = |n: i32, axis: usize| 1.1 * (1.0 + scale[axis]) * f64::from(n);
            let point = robot_from_lines * Vector3::new(along(v, 0), along(h, 1), 0.0) - Vector3::from(*offset);
            for camera in Camera::BOTH {
                let Some(pixel) = scene.project(camera, point) else { continue };
                observations[camera].push(Observation {
                    pixel: pixel + Vector2::new(normal(noise_px), normal(noise_px)),
                    covariance_px2: Matrix2::identity() * (noise_px * noise_px),
                    lines: [v, h],
                    view: view as u32,
                });
            }
        }
    }
    let mut moved_mm: Vec<Vector3<f64>> = plan
        .offsets_mm
        .iter()
        .map(|offset| Vector3::from(*offset) + Vector3::from_fn(|_, _| normal(ENCODER_NOISE_MM)))
        .collect();
    // As the session does: x and y count from the mean of what is no jog, heights from the lowest.
    let is_jog: Vec<bool> = plan.offsets_mm.iter().map(|offset| offset[0] != 0.0 || offset[1] != 0.0).collect();
    let straight = moved_mm.iter().zip(&is_jog).filter(|(_, is_jog)| !**is_jog).map(|(moved, _)| moved.xy());
    let mean = straight.sum::<Vector2<f64>>() / f64::from(HEIGHTS);
    moved_mm.iter_mut().for_each(|moved| *moved -= mean.push(0.0));
    let image_size = Stereo::from_fn(|_| [config.rig.width, config.rig.height]);
    Views { observations, image_size, moved_mm, is_jog, pitch_mm: 1.1 }
}

/// Truth points within their 95 % ellipsoids, of how many; Σ eᵀC⁻¹e / 3.
fn judge(preset: Preset, jog_mm: f64, noise_px: f64, seed: u64) -> [f64; 3] {
    let scene = Scene::new(preset.config()).unwrap();
    let views = views(&scene, jog_mm, noise_px, &mut SmallRng::seed_from_u64(seed));
    let bundle = bundle::solve(&views).unwrap();
    let data = Stereo::from_fn(|camera| bundle.dataset(&views, camera));
    let context = CalibrationContext {
        method: Method::Auto,
        pitch_mm: 1.1,
        min_phase_margin: 1.0,
        usable_rms_mm: 0.05,
        bundle: Some(&bundle),
    };
    let calibration = fit_calibration(data.as_ref(), &context).unwrap();
    let axes = if jog_mm > 0.0 { Axes::Robot } else { Axes::Lines };
    let [mut within, mut count, mut normalised] = [0.0; 3];
    let (mut squares, mut variances) = (Vector3::zeros(), Vector3::zeros());
    for point in points_in_common_volume(&scene, axes, 20.0, 300, seed) {
        let answer = calibration.pixel_pair_to_point(point.pixel.left, point.pixel.right);
        if answer.status != AnswerStatus::Ok {
            continue;
        }
        let miss = answer.estimate.point_mm - point.point_mm;
        let information = answer.estimate.covariance_mm2.try_inverse().unwrap();
        let square = (miss.transpose() * information * miss)[0];
        // 7.815 is the 95 % quantile of χ² with three degrees of freedom.
        within += f64::from(u8::from(square < 7.815));
        normalised += square / 3.0;
        squares += miss.component_mul(&miss);
        variances += answer.estimate.covariance_mm2.diagonal();
        count += 1.0;
    }
    let rms = |sum: Vector3<f64>| (sum / count).map(|s| (1e5 * s.sqrt()).round() / 100.0);
    println!(
        "  {seed:2}: {:5.1} %, normalised {:5.2}, rms {:?} um, claimed {:?} um",
        100.0 * within / count,
        normalised / count,
        rms(squares).as_slice(),
        rms(variances).as_slice()
    );
    [within, count, normalised]
}

#[test]
fn ellipsoids_hold_as_much_truth_as_they_promise() {
    let seeds: u64 = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(4);
    for (preset, jog_mm, noise_px) in [
        (Preset::Standard, 0.0, 0.006),
        (Preset::Mild, 0.0, 0.006),
        (Preset::Strong, 0.0, 0.006),
        (Preset::Noisy, 0.0, 0.04),
        (Preset::Laser, 5.0, 0.006),
    ] {
        if std::env::var("CELL").is_ok_and(|cell| cell != format!("{preset:?}")) {
            continue;
        }
        let mut sum = [0.0; 3];
        for seed in 0..seeds {
            let judged = judge(preset, jog_mm, noise_px, seed);
            sum.iter_mut().zip(judged).for_each(|(sum, x)| *sum += x);
        }
        println!("{preset:?}: {:.1} % within, normalised {:.2}", 100.0 * sum[0] / sum[1], sum[2] / sum[1]);
    }
}
