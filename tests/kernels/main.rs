//! The GPU backend: the same tests on the kernels' own source run by the CPU (`cpu.h`), and on a real GPU where there is one.
//!
//! `GRATING_GPU=required` fails where there is none, `GRATING_COMPILER=required` where NVRTC and ptxas are missing;
//! `GRATING_DEVICES=gpu` leaves the CPU out.

// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../common/mod.rs"]
mod common;
mod emulated;
mod reference;

use common::cell::{Cell, pose};
use common::skip::skipped;
use emulated::{Emulated, Fault};
use grating_calibration::GrayImage;
use grating_calibration::camera::Camera;
use grating_calibration::folder::prefetch::prefetch;
use grating_calibration::grating::backend::choice::{ActiveBackend, BackendChoice, LoadedPair};
use grating_calibration::grating::backend::cpu::Cpu;
use grating_calibration::grating::backend::cuda::device::Kernel;
use grating_calibration::grating::backend::cuda::{Cuda, compiler, driver};
use grating_calibration::grating::backend::{Backend, BackendError, Image};
use grating_calibration::grating::chebyshev::{Chebyshev2, Domain};
use grating_calibration::grating::fit::refine::{FitOptions, fit_cold_on};
use grating_calibration::grating::parameters::GratingParameters;
use grating_calibration::grating::pixel_sums::normal_equations::{Region, accumulate};
use grating_calibration::grating::published::quadratic::{QuadraticGratings, QuadraticPhase};
use grating_calibration::grating::published::search::{Round, SearchPlan, follow};
use grating_calibration::lattice::local;
use grating_calibration::mapping::method::Method;
use grating_calibration::sweep::error::SweepError;
use grating_calibration::sweep::session::SweepSession;
use nalgebra::{Vector2, Vector3};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::sync::Arc;

/// The kernels on the CPU, and on a GPU where there is one.
fn devices() -> Vec<Box<dyn Backend>> {
    let wish = |name: &str, value: &str| std::env::var(name).is_ok_and(|wish| wish == value);
    let mut devices: Vec<Box<dyn Backend>> = Vec::new();
    if !wish("GRATING_DEVICES", "gpu") {
        devices.push(Box::new(Cuda::new(Emulated::sound())));
    }
    match driver::open() {
        Ok(gpu) => devices.push(Box::new(Cuda::new(gpu))),
        Err(why) => assert!(!wish("GRATING_GPU", "required"), "{why}"),
    }
    devices
}

fn noise(width: u32, height: u32, seed: u64) -> GrayImage {
    let mut rng = SmallRng::seed_from_u64(seed);
    // A few pixels are saturated.
    GrayImage::from_fn(width, height, |_, _| image::Luma([rng.random_range(0.0..1.02_f32).min(1.0)]))
}

fn gratings() -> QuadraticGratings {
    QuadraticGratings {
        h: QuadraticPhase { xy: 0.02, yy: -0.01, seed: 0.14, x: 0.004, y: -0.002, constant: 2.2 },
        v: QuadraticPhase { xy: -0.01, yy: 0.02, seed: 0.17, x: -0.003, y: 0.001, constant: -1.1 },
    }
}

#[test]
fn host_and_kernels_agree_on_all_structures() {
    emulated::assert_layouts();
}

/// Costs against f64: the same draws win, at a cost that differs by rounding only.
#[test]
fn a_search_finds_what_the_same_search_in_f64_finds() {
    let sizes = [(1, 1, 1), (3, 2, 1), (130, 9, 1), (173, 61, 1), (257, 130, 3), (640, 360, 2), (4000, 3000, 17)];
    for device in devices() {
        for (width, height, stride) in sizes {
            let image = noise(width, height, u64::from(width));
            let round = |n: usize| Round { searches_h: n.is_multiple_of(2), share: [1.0, 0.7][n / 3], edge_rad: 0.4 };
            let plan = SearchPlan {
                image: &image,
                stride,
                start: gratings(),
                rounds: (0..6).map(round).collect(),
                seed: 0x1234_5678_9abc_def0,
                image_number: 3,
            };
            let (found, cost) = device.search(&plan).unwrap();
            let (expected, expected_cost) = follow(&plan, reference::sums);
            let what = format!("{} on {width}×{height}, stride {stride}", device.name());
            assert!((cost - expected_cost).abs() <= 1e-5 * expected_cost, "{what}: {cost} {expected_cost}");
            for (found, expected) in [(found.h, expected.h), (found.v, expected.v)] {
                let difference = found.at(0.7, 0.3) - expected.at(0.7, 0.3);
                assert!(difference.abs() < 1e-9, "{what}: other draws won, {found:?} {expected:?}");
            }
            let (on_cpu, cpu_cost) = Cpu.search(&plan).unwrap();
            assert!((cost - cpu_cost).abs() <= 1e-5 * cpu_cost, "{what}: {cost} {cpu_cost} on the CPU");
            assert!((on_cpu.h.at(0.7, 0.3) - found.h.at(0.7, 0.3)).abs() < 1e-9, "{what}");
        }
    }
}

fn parameters(domain: Domain, degrees: [usize; 2], narrowing: usize, rng: &mut SmallRng) -> GratingParameters {
    let centre = Vector2::from(domain.centre);
    let mut wavy = |gradient: Vector2<f64>, value: f64, degree: usize, size: f64| {
        let mut f = Chebyshev2::linear(domain, centre, value, gradient).with_degree(degree);
        f.coefficients.iter_mut().skip(3).for_each(|c| *c += rng.random_range(-size..size));
        f
    };
    GratingParameters {
        phase_h: wavy(Vector2::new(0.01, 0.21), 0.4, degrees[0], 0.3),
        phase_v: wavy(Vector2::new(0.19, -0.02), -2.1, degrees[0], 0.3),
        gain: wavy(Vector2::new(1e-5, 2e-5), 0.15, degrees[1], 0.01),
        offset: wavy(Vector2::new(-1e-5, 1e-5), 0.1, degrees[1], 0.01),
        duty: 0.97,
        narrowing,
    }
}

/// Against a brute-force Jacobian in f64, all degrees, odd sizes and regions.
#[test]
fn normal_equations_agree_with_f64() {
    let mut rng = SmallRng::seed_from_u64(5);
    for device in devices() {
        for phase_degree in 1..=12 {
            let light_degree = [0, 1, 2, 4, 6][phase_degree % 5].min(phase_degree);
            let (width, height) = [(61, 43), (1, 1), (205, 7), (33, 90)][phase_degree % 4];
            let image = noise(width, height, phase_degree as u64);
            let domain = Domain::of_image(width, height);
            let at = parameters(domain, [phase_degree, light_degree], phase_degree % 4, &mut rng);
            let region = Region {
                columns: [(width as usize).min(3) / 2, width as usize],
                rows: [0, height as usize],
                stride: 1 + phase_degree % 3,
            };
            let found = device.load((&image).into()).unwrap().normal_equations(region, &at, 0.3).unwrap();
            let expected = reference::normal_equations(&image, region, &at, 0.3);
            let what = format!("{} on {width}×{height}, degrees {phase_degree} and {light_degree}", device.name());
            let jtj = (&found.jtj - &expected.jtj).norm() / expected.jtj.norm().max(1e-300);
            let jtr = (&found.jtr - &expected.jtr).norm() / expected.jtr.norm().max(1e-300);
            assert!(jtj <= 1e-4 && jtr <= 1e-4, "{what}: JᵀJ differs by {jtj:.1e}, Jᵀr by {jtr:.1e}");
            assert_eq!(found.pixels, expected.pixels, "{what}");
            for (found, expected) in [(found.cost, expected.cost), (found.rms, expected.rms)] {
                assert!((found - expected).abs() <= 1e-5 * expected, "{what}: {found} {expected}");
            }
            assert!((found.signal_rms.powi(2) - expected.signal_rms.powi(2)).abs() <= 1e-6, "{what}");
        }
    }
}

#[test]
fn normal_equations_of_a_large_image_agree_with_the_cpu() {
    let (width, height) = (4000, 3000);
    let image = noise(width, height, 1);
    let at = parameters(Domain::of_image(width, height), [7, 4], 2, &mut SmallRng::seed_from_u64(6));
    let region = Region::centred(4000, 3000, [1.0, 1.0], 7);
    let expected = accumulate(&image, region, &at, 0.2);
    for device in devices() {
        let found = device.load((&image).into()).unwrap().normal_equations(region, &at, 0.2).unwrap();
        assert!((&found.jtj - &expected.jtj).norm() <= 1e-4 * expected.jtj.norm());
        assert!((&found.jtr - &expected.jtr).norm() <= 1e-4 * expected.jtr.norm());
    }
}

#[test]
fn a_pass_over_nothing_and_a_degree_too_high_are_no_accident() {
    let image = noise(70, 70, 1);
    for device in devices() {
        let mut pixels = device.load((&image).into()).unwrap();
        let mut rng = SmallRng::seed_from_u64(6);
        let at = parameters(Domain::of_image(70, 70), [3, 1], 0, &mut rng);
        let empty = Region { columns: [9, 9], rows: [0, 70], stride: 1 };
        assert_eq!(pixels.normal_equations(empty, &at, 0.2).unwrap().pixels, 0);
        let at = parameters(Domain::of_image(70, 70), [13, 1], 0, &mut rng);
        let refused = pixels.normal_equations(Region::centred(70, 70, [1.0, 1.0], 1), &at, 0.2).unwrap_err();
        assert!(refused.to_string().contains("13"), "{refused}");
        assert!(pixels.window_sums(&[]).is_err(), "no fit was prepared");
    }
}

/// From nothing to measured intersections.
#[test]
fn an_image_gives_the_same_intersections_on_every_device() {
    let image = Cell::small().image(Camera::Left, Vector3::z() * 3.0, 0);
    let options = FitOptions::default();
    let on = |device: &dyn Backend| {
        let mut pixels = device.load((&image).into()).unwrap();
        let fit = fit_cold_on(&mut *pixels, &options).unwrap();
        local::measure_on(&mut *pixels, &fit.parameters).unwrap()
    };
    let expected = on(&Cpu);
    assert!(expected.len() > 150);
    for device in devices() {
        let found = on(&*device);
        assert_eq!(found.len(), expected.len(), "{}", device.name());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.lines, expected.lines);
            // Both round differently in f32; the noise of a measurement is ten times as much.
            assert!((found.pixel - expected.pixel).norm() < 1e-3, "{found:?} {expected:?}");
            let ratio = found.covariance_px2.trace() / expected.covariance_px2.trace();
            assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
        }
    }
}

/// The published method gives the same calibration whoever counts.
#[test]
fn the_original_method_gives_the_same_on_every_device() {
    let cell = Cell::small();
    let mut settings = cell.settings();
    settings.method = Method::Original;
    settings.original.draws = 1500;
    settings.original.stride = 4;
    let pairs: Vec<_> = [0.0, 0.2].map(|z| (z, cell.pair_at(z, 0))).into();
    let run = |backend: ActiveBackend| {
        let mut session = SweepSession::on(backend, settings.clone()).unwrap();
        let reports = pairs.iter().map(|(z, images)| session.add_pair(images.as_ref(), pose(*z)).unwrap().residual);
        (reports.collect::<Vec<_>>(), session.latest_lattice(Camera::Left))
    };
    let (expected, lattice) = run(ActiveBackend::cpu());
    for device in devices() {
        let (residuals, found) = run(ActiveBackend::with(device.into(), false));
        for (found, expected) in residuals.iter().zip(&expected) {
            assert!((found.left / expected.left - 1.0).abs() < 1e-3, "{found:?} {expected:?}");
        }
        assert_eq!(found.len(), lattice.len());
        for (found, expected) in found.iter().zip(&lattice) {
            assert!((found.pixel - expected.pixel).norm() < 0.05);
        }
    }
}

/// The device dies in mid-sweep: with `auto` the CPU goes on as if nothing had happened, else the pair is refused by name and
/// the session stands where it stood.
#[test]
fn a_lost_device_costs_no_data() {
    let cell = Cell::small();
    let settings = cell.settings();
    let first = cell.pair_at(0.0, 0);
    let second = cell.pair_at(0.2, 0);
    for fault in [Fault::OutOfMemory, Fault::Lost] {
        let sound = {
            let mut session = SweepSession::new(settings.clone()).unwrap();
            session.add_pair(first.as_ref(), pose(0.0)).unwrap();
            session.add_pair(second.as_ref(), pose(0.2)).unwrap()
        };
        let mid_sweep = |falls_back: bool| {
            let device = Emulated::sound();
            let switch = device.switch();
            let backend = ActiveBackend::with(Arc::new(Cuda::new(device)), falls_back);
            let mut session = SweepSession::on(backend, settings.clone()).unwrap();
            session.add_pair(first.as_ref(), pose(0.0)).unwrap();
            // A few more launches, then nothing.
            switch.break_after(7, fault);
            (session, switch)
        };
        let (mut session, _switch) = mid_sweep(true);
        let report = session.add_pair(second.as_ref(), pose(0.2)).unwrap();
        assert_eq!(session.pairs(), 2);
        assert_eq!(report.intersections, sound.intersections);

        let (mut session, switch) = mid_sweep(false);
        let refused = session.add_pair(second.as_ref(), pose(0.2)).unwrap_err();
        assert!(matches!(refused, SweepError::Fit { pair: 1, .. }), "{refused}");
        let text = refused.to_string();
        assert!(text.contains("backend cpu") && text.contains("emulated"), "{text}");
        assert_eq!(session.pairs(), 1);
        switch.mend();
        let report = session.add_pair(second.as_ref(), pose(0.2)).unwrap();
        assert_eq!(report.intersections, sound.intersections);
    }
}

/// Each pair is taken while the one before is fitted: the same numbers, also when the device dies with a pair in its hands.
#[test]
fn pairs_taken_ahead_give_the_same() {
    let cell = Cell::small();
    let settings = cell.settings();
    let heights = [0.0, 0.1, 0.3];
    let pairs = heights.map(|z_mm| cell.pair_at(z_mm, 0));
    let run = |backend: ActiveBackend, is_ahead: bool, each: &dyn Fn(usize)| {
        let mut session = SweepSession::on(backend, settings.clone()).unwrap();
        let mut found = Vec::new();
        let backend = session.backend().clone();
        let mut add = |n: usize, taken: LoadedPair| {
            each(n);
            let report = session.add_loaded(taken, pose(heights[n]));
            found.push(report.map(|report| (report.intersections, report.residual)).map_err(|error| error.to_string()));
        };
        let take = |n: &usize| backend.load_pair(pairs[*n].as_ref().map(Image::from));
        if is_ahead {
            prefetch(&[0, 1, 2], take, |n, taken| {
                add(*n, taken);
                Ok::<_, ()>(())
            })
            .unwrap();
        } else {
            (0..3).for_each(|n| add(n, take(&n)));
        }
        found
    };
    let emulated = || {
        let device = Emulated::sound();
        (device.switch(), Arc::new(Cuda::new(device)))
    };
    let sound = run(ActiveBackend::with(emulated().1, false), false, &|_| {});
    assert!(sound.iter().all(Result::is_ok));
    assert_eq!(run(ActiveBackend::with(emulated().1, false), true, &|_| {}), sound);
    for falls_back in [true, false] {
        let (switch, device) = emulated();
        let lose = |n| {
            if n == 1 {
                switch.break_after(3, Fault::Lost);
            }
        };
        let found = run(ActiveBackend::with(device, falls_back), true, &lose);
        assert_eq!(found[0], sound[0]);
        for (found, sound) in found.iter().zip(&sound).skip(1) {
            match found {
                Ok((intersections, _)) => assert_eq!(*intersections, sound.as_ref().unwrap().0),
                Err(text) => assert!(text.contains("backend cpu"), "{text}"),
            }
            assert_eq!(found.is_ok(), falls_back);
        }
    }
}

/// On a machine without CUDA: said by name, and `auto` works all the same.
#[test]
fn no_gpu_is_no_obstacle() {
    let automatic = ActiveBackend::open(BackendChoice::Auto).unwrap();
    match ActiveBackend::open(BackendChoice::Cuda) {
        Ok(gpu) => assert_eq!(gpu.backend().name(), automatic.backend().name()),
        Err(why) => {
            assert!(matches!(why, BackendError::NoDriver | BackendError::NoDevice | BackendError::NoCompiler), "{why}");
            assert!(why.to_string().contains("backend cpu"), "{why}");
            assert!(automatic.backend().name().starts_with("cpu"), "{}", automatic.backend().name());
        }
    }
}

/// NVRTC takes the source for every architecture, and nothing is spilled from registers to memory.
#[test]
fn kernels_compile_without_spills() {
    let ptxas = std::env::var_os("GRATING_PTXAS");
    if compiler::version().is_none() || ptxas.is_none() {
        assert!(std::env::var_os("GRATING_COMPILER").is_none(), "NVRTC or ptxas (GRATING_PTXAS) is missing");
        skipped("NVRTC or ptxas (GRATING_PTXAS) is missing");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for capability in [75, 80, 90, 100] {
        let file = folder.path().join(format!("{capability}.ptx"));
        std::fs::write(&file, compiler::compile(capability).unwrap()).unwrap();
        let output = std::process::Command::new(ptxas.as_ref().unwrap())
            .args(["-v", &format!("-arch=sm_{capability}"), "-o", "/dev/null"])
            .arg(&file)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        let kernels = text.lines().filter(|line| line.contains("spill stores")).collect::<Vec<_>>();
        assert_eq!(kernels.len(), Kernel::ALL.len(), "{text}");
        for line in kernels {
            assert!(line.contains(" 0 bytes spill stores, 0 bytes spill loads"), "sm_{capability}: {text}");
        }
    }
}
