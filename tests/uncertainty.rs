//! The covariance of an answer is neither too bold nor too modest: 95 % of the truth lies within 95 % ellipsoids.
//!
//! Within one cell all answers share the cell's errors (origin, axes, scale), so each kind of cell is built many times.

use grating_calibration::GrayImage;
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::sim::truth::{Axes, points_in_common_volume};
use grating_calibration::sim::{Preset, Scene, SceneConfig};
use grating_calibration::sweep::plan::Plan;
use grating_calibration::sweep::session::{CalibrationSettings, SweepSession, ToolPose};
use nalgebra::Vector3;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use rand_distr::StandardNormal;

const HEIGHTS: u32 = 13;
const ENCODER_NOISE_MM: f64 = 0.001;

/// Half-size images of a preset.
fn config(preset: Preset, seed: u64) -> SceneConfig {
    let mut config = SceneConfig { seed, ..preset.config() };
    config.rig.width = 640;
    config.rig.height = 360;
    config.sensor.blur_px *= 0.7;
    config.lens.freeform_px *= 0.5;
    config
}

/// One calibration: how many of its truth points lie within their 95 % ellipsoids, of how many; mean eᵀC⁻¹e / 3.
fn judge(preset: Preset, jog_mm: f64, seed: u64) -> (f64, f64, f64) {
    let scene = Scene::new(config(preset, seed)).unwrap();
    let mut random = SmallRng::seed_from_u64(seed);
    let heights = (0..HEIGHTS).map(|step| 20.0 * (f64::from(step) / f64::from(HEIGHTS - 1)).powf(1.5));
    let mut plan = Plan { offsets_mm: heights.map(|height| [0.0, 0.0, height]).collect() };
    if jog_mm > 0.0 {
        let jogs = [[jog_mm, 0.0], [-jog_mm, 0.0], [0.0, jog_mm], [0.0, -jog_mm]];
        plan = plan.with_jogs(&jogs, 1.1).unwrap();
    }
    let mut noise: Vec<(f64, [f64; 3])> = Vec::new();
    let mut session = SweepSession::new(CalibrationSettings::new(1.1, scene.origin_px().unwrap())).unwrap();
    for (frame, offset) in plan.offsets_mm.iter().enumerate() {
        let images: Stereo<GrayImage> =
            Stereo::from_fn(|camera| scene.picture(camera, Vector3::from(*offset), frame as u64).to_gray());
        let [x_mm, y_mm, z_mm] = offset.map(|value| value + ENCODER_NOISE_MM * random.sample::<f64, _>(StandardNormal));
        noise.push((offset[2], [x_mm - offset[0], y_mm - offset[1], z_mm - offset[2]]));
        session.add_pair(images.as_ref(), ToolPose { x_mm, y_mm, z_mm }).unwrap();
    }
    let calibration = session.finish().unwrap().calibration;
    println!(
        "{:?}\n {:?}\n{:?} {}",
        calibration.left.ladder, calibration.right.ladder, calibration.stage, calibration.reason
    );
    {
        let n = noise.len() as f64;
        let hm = noise.iter().map(|x| x.0).sum::<f64>() / n;
        let s2 = noise.iter().map(|x| (x.0 - hm).powi(2)).sum::<f64>();
        for k in 0..3 {
            let m = noise.iter().map(|x| x.1[k]).sum::<f64>() / n;
            let b = noise.iter().map(|x| x.1[k] * (x.0 - hm)).sum::<f64>() / s2;
            let sq = (0..=20).map(|h| (m + b * (f64::from(h) - hm)).powi(2)).sum::<f64>() / 21.0;
            let th = (0..=20).map(|h| 1.0 / n + (f64::from(h) - hm).powi(2) / s2).sum::<f64>() / 21.0;
            println!(
                "axis {k}: line rms {:.2} um, expected {:.2}; rms noise {:.2}",
                1e3 * sq.sqrt(),
                th.sqrt(),
                1e3 * (noise.iter().map(|x| x.1[k].powi(2)).sum::<f64>() / n).sqrt()
            );
        }
        println!("{:?}", calibration.stage);
    }
    let axes = if jog_mm > 0.0 { Axes::Robot } else { Axes::Lines };
    let (mut within, mut count, mut normalised) = (0.0, 0.0, 0.0);
    let (mut squares, mut variances) = (Vector3::zeros(), Vector3::zeros());
    for point in points_in_common_volume(&scene, axes, 20.0, 400, 1) {
        let answer = calibration.pixel_pair_to_point(point.pixel.left, point.pixel.right);
        if answer.status != grating_calibration::mapping::AnswerStatus::Ok {
            continue;
        }
        let miss = answer.estimate.point_mm - point.point_mm;
        let information = answer.estimate.covariance_mm2.try_inverse().unwrap();
        let square = (miss.transpose() * information * miss)[0];
        // The 95 % quantile of χ² with three degrees of freedom.
        within += f64::from(u8::from(square < 7.815));
        normalised += square / 3.0;
        squares += miss.component_mul(&miss);
        variances += answer.estimate.covariance_mm2.diagonal();
        count += 1.0;
    }
    let rms = |sum: Vector3<f64>| (sum / count).map(|s| 1e3 * s.sqrt());
    let (e, s) = (rms(squares), rms(variances));
    println!(
        "  seed {seed}: {:5.1} % within, normalised {:.2}, rms {:.2} {:.2} {:.2} um, claimed {:.2} {:.2} {:.2}, cv {:.4} {:.4} res {:.4} {:?}",
        100.0 * within / count,
        normalised / count,
        e.x,
        e.y,
        e.z,
        s.x,
        s.y,
        s.z,
        calibration.left.cross_validation_rms_px,
        calibration.right.cross_validation_rms_px,
        calibration.left.residual_rms_px,
        calibration.left.model.kind()
    );
    (within, count, normalised)
}

#[test]
fn ellipsoids_hold_as_much_truth_as_they_promise() {
    let seeds: u64 = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(4);
    let cells = [
        (Preset::Standard, 0.0),
        (Preset::Mild, 0.0),
        (Preset::Strong, 0.0),
        (Preset::Noisy, 0.0),
        (Preset::Glare, 0.0),
        (Preset::Laser, 1.0),
    ];
    for (preset, jog_mm) in cells {
        if std::env::var("CELL").is_ok_and(|cell| cell != format!("{preset:?}")) {
            continue;
        }
        println!("{preset:?}");
        let (mut within, mut count, mut normalised) = (0.0, 0.0, 0.0);
        for seed in 0..seeds {
            let (a, b, c) = judge(preset, jog_mm, seed);
            within += a;
            count += b;
            normalised += c;
        }
        println!("{preset:?}: {:.1} % within, normalised {:.2}", 100.0 * within / count, normalised / count);
    }
    let _ = Camera::BOTH;
}
