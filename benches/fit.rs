//! Time of one 1280×720 image on one core, stage by stage, of the original's cost evaluations, of answers and of every model.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::grating::backend::cpu::Cpu;
use grating_calibration::grating::fit::refine::{FitOptions, Warm, fit_cold, fit_warm};
use grating_calibration::grating::published::quadratic::QuadraticPhase;
use grating_calibration::grating::published::search::{DRAWS, Problem, plain_sums};
use grating_calibration::lattice::local;
use grating_calibration::mapping::models::registry::{Model, ModelKind};
use grating_calibration::pose::tool_pose::ToolPose;
use grating_calibration::sim::config::SceneConfig;
use grating_calibration::sim::scene::Scene;
use grating_calibration::sweep::session::SweepSession;
use grating_calibration::sweep::settings::CalibrationSettings;
use nalgebra::Vector3;
use std::hint::black_box;

fn one_thread() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread can be started")
}

fn default_method(c: &mut Criterion) {
    let scene = Scene::new(SceneConfig::default()).expect("the standard cell is valid");
    let image = |h: f64| scene.image(Camera::Left, Vector3::new(0.0, 0.0, h), 0).to_gray();
    let (before, last, now) = (image(9.8), image(10.0), image(10.2));
    let options = FitOptions::default();
    let fits = [&before, &last].map(|image| fit_cold(image, &options).expect("the simulated grid is in view"));
    let warm = Warm { last: &fits[1], before: Some((&fits[0], 1.0)) };
    let pool = one_thread();
    let mut group = c.benchmark_group("one 1280x720 image, one core");
    group.sample_size(20);
    group.bench_function("warm fit", |b| pool.install(|| b.iter(|| fit_warm(black_box(&now), &warm, &options))));
    let fit = fit_warm(&now, &warm, &options).expect("the simulated grid is in view");
    group.bench_function("intersections", |b| {
        pool.install(|| b.iter(|| local::measure(black_box(&now), &fit.parameters)))
    });
    group.bench_function("cold fit", |b| pool.install(|| b.iter(|| fit_cold(black_box(&now), &options))));
    group.finish();
}

fn original_method(c: &mut Criterion) {
    let (columns, rows) = (1280, 720);
    let value = |i: usize| ((i * 7919) % 101) as f32 / 101.0;
    let problem = Problem {
        columns,
        rows,
        image: (0..columns * rows).map(value).collect(),
        standing: (0..columns * rows).map(|i| 7.9 * value(i + 5)).collect(),
        start: [0.0, 0.0],
        spacing: 1.0,
        duty: 0.97,
    };
    let candidate = |n: u32| QuadraticPhase { seed: 0.17, constant: 0.1 * f64::from(n), ..Default::default() };
    let batch: Vec<QuadraticPhase> = (0..DRAWS as u32).map(candidate).collect();
    let pool = one_thread();
    let mut group = c.benchmark_group("cost (4), evaluations of Eq. (3), one core");
    group.sample_size(10);
    group.throughput(Throughput::Elements((columns * rows) as u64));
    group.bench_function("plain scalar port", |b| b.iter(|| plain_sums(black_box(&problem), &batch[0])));
    group.throughput(Throughput::Elements((batch.len() * columns * rows) as u64));
    group.bench_function("cpu", |b| b.iter(|| pool.install(|| Cpu.sums(black_box(&problem), &batch))));
    group.finish();
}

/// A calibration from a few heights, asked for one pair.
fn answers(c: &mut Criterion) {
    let scene = Scene::new(SceneConfig::default()).expect("the standard cell is valid");
    let origins = scene.origin_px().expect("the standard cell's origin is in view");
    let mut session = SweepSession::new(CalibrationSettings::new(1.1, origins)).expect("the settings are valid");
    for n in 0..9 {
        let z_mm = 0.5 * f64::from(n);
        let images = Stereo::from_fn(|camera| scene.image(camera, Vector3::new(0.0, 0.0, z_mm), 0).to_gray());
        session.add_pair(images.as_ref(), ToolPose::at([0.0, 0.0, z_mm])).expect("the simulated grid is in view");
    }
    let outcome = session.finish().expect("nine heights are enough");
    let calibration = &outcome.calibration;
    let [left, right] =
        Camera::BOTH.map(|camera| calibration.point_to_pixel(camera, Vector3::new(1.0, 2.0, -2.0)).pixel);
    assert!(calibration.pixel_pair_to_point(left, right).status.is_answered());
    let mut group = c.benchmark_group("answers");
    group.bench_function("stereo query", |b| {
        b.iter(|| calibration.pixel_pair_to_point(black_box(left), black_box(right)))
    });
    group.finish();
    let mut group = c.benchmark_group("pixel and Jacobian of a point");
    for &kind in ModelKind::LADDER {
        // Nine heights don't determine the largest models.
        let Some(model) = Model::fit(kind, &outcome.data.left) else { continue };
        group.bench_function(kind.to_string(), |b| {
            b.iter(|| black_box(&model).pixel_and_jacobian(black_box(Vector3::new(1.0, 2.0, -2.0))))
        });
    }
    group.finish();
}

criterion_group!(benches, default_method, original_method, answers);
criterion_main!(benches);
