//! `gratingcal bench`: throughput of a backend, how near it is to the floor, and how it compares.

use crate::calibrate;
use crate::named::named;
use anyhow::Context;
use grating_calibration::GrayImage;
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::folder::pairs::{self, PairFiles};
use grating_calibration::grating::backend::choice::{ActiveBackend, BackendChoice};
use grating_calibration::grating::backend::cpu::{Cpu, peak_multiply_adds};
use grating_calibration::grating::backend::cuda::Cuda;
use grating_calibration::grating::backend::cuda::device::Kernel;
use grating_calibration::grating::backend::cuda::driver::{self, LaunchTime};
use grating_calibration::grating::backend::{Backend, BackendError};
use grating_calibration::grating::fit::refine::{FitOptions, GratingFit, Warm, fit_cold, fit_warm_on};
use grating_calibration::grating::published::quadratic::{QuadraticGratings, QuadraticPhase};
use grating_calibration::grating::published::search::{DRAWS, Round, SearchPlan, plain_sums};
use grating_calibration::lattice::local;
use grating_calibration::sim::config::SceneConfig;
use grating_calibration::sim::scene::Scene;
use grating_calibration::sim::truth::TruthFile;
use grating_calibration::sweep::settings::CalibrationSettings;
use nalgebra::{Vector2, Vector3};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

#[derive(clap::Args)]
pub struct BenchArgs {
    /// What to measure; auto: a GPU if there is one, else the CPU.
    #[arg(long, value_parser = named::<BackendChoice>(), default_value_t)]
    backend: BackendChoice,
    /// Repetitions; medians are told.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,
    /// A folder of `gratingcal simulate`: its whole sweep, too.
    #[arg(long)]
    sweep: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Instructions of eight or 32 lanes for one result: docs/performance.md counts them.
struct Count {
    cpu: f64,
    gpu: f64,
}

/// An evaluation of Eq. (3) with its three sums.
const EVALUATION: Count = Count { cpu: 12.0, gpu: 9.0 };
/// A pixel of a pass at the default degrees (7, 4).
const PASS_PIXEL: Count = Count { cpu: 320.0, gpu: 770.0 };
/// A pixel of a line's band in a window.
const WINDOW_PIXEL: Count = Count { cpu: 38.0, gpu: 38.0 };
/// Those of an image: 790 windows, two bands of half of 80 × 80 px each, all but a few in one step.
const WINDOW_PIXELS: f64 = 790.0 * 6400.0;

/// What is measured, with what it needs.
struct Bench {
    backend: Arc<dyn Backend>,
    /// The same, where it is a GPU that keeps the time of its launches.
    gpu: Option<Arc<Cuda<driver::Gpu>>>,
    /// Lane-instructions per second.
    rate: f64,
    repeats: usize,
}

/// One line of the table.
struct Line {
    what: &'static str,
    /// Results per second, and what they are.
    rate: f64,
    unit: &'static str,
    /// Wall and device time of one run, s.
    wall_s: f64,
    device_s: Option<f64>,
    megabytes: f64,
    /// Measured over floor.
    of_floor: Option<f64>,
    /// How many times faster than plain code, and than the CPU backend.
    over_plain: Option<f64>,
    over_cpu: Option<f64>,
}

pub fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let repeats = usize::from(args.repeats);
    let cpu = || {
        let rate = peak_multiply_adds() * rayon::current_num_threads() as f64;
        Bench { backend: Arc::new(Cpu), gpu: None, rate, repeats }
    };
    let gpu = || -> anyhow::Result<Bench> {
        let gpu = driver::open_timed()?;
        let rate = gpu.issue_rate()?;
        let gpu = Arc::new(Cuda::new(gpu));
        Ok(Bench { backend: gpu.clone(), gpu: Some(gpu), rate, repeats })
    };
    let bench = match args.backend {
        BackendChoice::Cpu => cpu(),
        BackendChoice::Cuda => gpu()?,
        BackendChoice::Auto => gpu().unwrap_or_else(|_| cpu()),
    };
    let images = Images::new()?;
    let plain = plain_rate(&images);
    let sweep = args.sweep.as_deref().map(Sweep::read).transpose()?;
    let peer = bench.gpu.as_ref().map(|_| cpu().lines(&images, sweep.as_ref(), plain, None)).transpose()?;
    let lines = bench.lines(&images, sweep.as_ref(), plain, peer.as_deref())?;
    let name = bench.backend.name();
    if args.json {
        let lines: Vec<_> = lines.iter().map(Line::json).collect();
        say!("{}", serde_json::json!({"backend": name, "floor_lane_instructions_per_s": bench.rate, "lines": lines}))?;
        return Ok(ExitCode::SUCCESS);
    }
    say!(
        "{name}, {:.3e} lane-instructions per second at most; plain scalar code: {plain:.3e} evaluations per second\n",
        bench.rate
    )?;
    say!(
        "{:<42} {:>22} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "",
        "per second",
        "wall ms",
        "device ms",
        "MB",
        "of floor",
        "× plain",
        "× CPU"
    )?;
    for line in &lines {
        let ratio = |x: Option<f64>| x.map_or_else(|| "-".into(), |x| format!("{x:.1}"));
        say!(
            "{:<42} {:>10.3e} {:<11} {:>9.3} {:>9} {:>8.2} {:>8} {:>8} {:>8}",
            line.what,
            line.rate,
            line.unit,
            1e3 * line.wall_s,
            line.device_s.map_or_else(|| "-".into(), |s| format!("{:.3}", 1e3 * s)),
            line.megabytes,
            line.of_floor.map_or_else(|| "-".into(), |share| format!("{:.0}%", 100.0 * share)),
            ratio(line.over_plain),
            ratio(line.over_cpu),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Line {
    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "what": self.what, "per_s": self.rate, "unit": self.unit, "wall_s": self.wall_s, "device_s": self.device_s,
            "megabytes": self.megabytes, "of_floor": self.of_floor, "over_plain": self.over_plain, "over_cpu": self.over_cpu,
        })
    }
}

/// Images of successive heights, several of them, so that none stays in a cache.
struct Images {
    images: Vec<GrayImage>,
    fits: Vec<GratingFit>,
}

impl Images {
    fn new() -> anyhow::Result<Self> {
        let scene = Scene::new(SceneConfig::default())?;
        let image =
            |n: u32| scene.image(Camera::Left, Vector3::new(0.0, 0.0, 9.8 + 0.1 * f64::from(n)), n.into()).to_gray();
        let images: Vec<GrayImage> = (0..6).map(image).collect();
        let fits = images.iter().map(|image| fit_cold(image, &FitOptions::default())).collect::<Result<_, _>>()?;
        Ok(Images { images, fits })
    }
}

/// A simulated sweep on disk.
struct Sweep {
    pairs: Vec<PairFiles>,
    settings: CalibrationSettings,
}

impl Sweep {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("truth.yaml");
        let told = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let truth: TruthFile = serde_yaml::from_str(&told).with_context(|| path.display().to_string())?;
        let [left, right, poses] = ["left", "right", "poses.csv"].map(|name| folder.join(name));
        let origins = Stereo { left: truth.origin_left, right: truth.origin_right };
        let settings = CalibrationSettings::new(truth.pitch_mm, origins.map(Vector2::from));
        Ok(Sweep { pairs: pairs::list(&left, &right, &poses)?, settings })
    }
}

/// Time in these kernels, s.
fn busy_s(launches: &[LaunchTime], kernels: &[Kernel]) -> f64 {
    let of = launches.iter().filter(|launch| kernels.contains(&launch.kernel));
    of.map(|launch| 1e-3 * f64::from(launch.end_ms - launch.start_ms)).sum()
}

/// From the first launch to the end of the last, s, the gaps between them with it.
fn span_s(launches: &[LaunchTime]) -> f64 {
    let start = launches.iter().map(|launch| launch.start_ms).fold(f32::INFINITY, f32::min);
    let end = launches.iter().map(|launch| launch.end_ms).fold(f32::NEG_INFINITY, f32::max);
    1e-3 * f64::from(end - start)
}

const SEARCH_ROUNDS: usize = 40;

fn plan(image: &GrayImage, rounds: usize) -> SearchPlan<'_> {
    let phase = QuadraticPhase { seed: 0.17, constant: 0.4, ..Default::default() };
    SearchPlan {
        image,
        stride: 1,
        start: QuadraticGratings { h: phase, v: phase },
        rounds: (0..rounds).map(|n| Round { searches_h: n.is_multiple_of(2), share: 1.0, edge_rad: 0.1 }).collect(),
        seed: 1,
        image_number: 0,
    }
}

/// Evaluations per second of plain scalar code on one core.
fn plain_rate(images: &Images) -> f64 {
    let plan = plan(&images.images[0], 1);
    let problem = plan.problem(&plan.rounds[0], &plan.start);
    let start = Instant::now();
    std::hint::black_box(plain_sums(&problem, &plan.start.h));
    problem.image.len() as f64 / start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    grating_calibration::statistics::median(&mut values).unwrap_or(f64::NAN)
}

impl Bench {
    /// Medians of wall time and of what `device` makes of the launches, s; the first run warms up.
    fn timed(
        &self,
        device: impl Fn(&[LaunchTime]) -> f64,
        mut work: impl FnMut(usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<(f64, Option<f64>)> {
        work(0)?;
        self.launches()?;
        let (mut wall, mut on_device) = (Vec::new(), Vec::new());
        for n in 0..self.repeats {
            let start = Instant::now();
            work(n + 1)?;
            wall.push(start.elapsed().as_secs_f64());
            on_device.extend(self.launches()?.map(|launches| device(&launches)));
        }
        let on_device = (!on_device.is_empty()).then(|| median(on_device));
        Ok((median(wall), on_device))
    }

    /// What a GPU did since the last call.
    fn launches(&self) -> Result<Option<Vec<LaunchTime>>, BackendError> {
        self.gpu.as_ref().map(|gpu| gpu.device().take_times()).transpose()
    }

    /// Measured rate over the most that the counted instructions allow.
    fn of_floor(&self, results: f64, count: &Count, seconds: f64) -> f64 {
        let instructions = if self.gpu.is_some() { count.gpu } else { count.cpu };
        results * instructions / (seconds * self.rate)
    }

    fn lines(
        &self,
        images: &Images,
        sweep: Option<&Sweep>,
        plain: f64,
        cpu: Option<&[Line]>,
    ) -> anyhow::Result<Vec<Line>> {
        let backend = &self.backend;
        let count = images.images.len();
        let pixels = images.images[0].as_raw().len() as f64;
        let over_cpu = |n: usize, rate: f64| cpu.map(|lines| rate / lines[n].rate);

        let (wall_s, device_s) = self.timed(span_s, |n| {
            // As in a sweep, both cameras' images at a time.
            let both = [2 * n, 2 * n + 1].map(|n| plan(&images.images[n % count], SEARCH_ROUNDS));
            let [first, second] = &both;
            let (first, second) = rayon::join(|| backend.search(first), || backend.search(second));
            first.and(second)?;
            Ok(())
        })?;
        let evaluations = 2.0 * pixels * (SEARCH_ROUNDS * DRAWS) as f64;
        let seconds = device_s.unwrap_or(wall_s);
        let rate = evaluations / seconds;
        let search = Line {
            what: "(a) search of a stereo pair, 64 draws a batch",
            rate,
            unit: "evaluations",
            wall_s,
            device_s,
            megabytes: 8e-6 * pixels * SEARCH_ROUNDS as f64,
            of_floor: Some(self.of_floor(evaluations, &EVALUATION, seconds)),
            over_plain: Some(rate / plain),
            over_cpu: over_cpu(0, rate),
        };

        let options = FitOptions::default();
        let mut looked_at = Vec::new();
        let passes_of = [Kernel::NormalRows, Kernel::NormalMoments];
        let (wall_s, device_s) = self.timed(
            |launches| busy_s(launches, &passes_of),
            |n| {
                let at = 2 + n % (count - 2);
                let warm = Warm { last: &images.fits[at - 1], before: Some((&images.fits[at - 2], 1.0)) };
                let mut pixels = backend.load((&images.images[at]).into())?;
                looked_at.push(fit_warm_on(&mut *pixels, &warm, &options)?.looked_at as f64);
                Ok(())
            },
        )?;
        let looked_at = median(looked_at);
        let seconds = device_s.unwrap_or(wall_s);
        // A pass is one thread's work on the CPU.
        let share = if self.gpu.is_some() { 1.0 } else { rayon::current_num_threads() as f64 };
        let fit = Line {
            what: "(b) warm fit of an image",
            rate: 1.0 / seconds,
            unit: "fits",
            wall_s,
            device_s,
            megabytes: 4e-6 * looked_at,
            of_floor: Some(share * self.of_floor(looked_at, &PASS_PIXEL, seconds)),
            over_plain: None,
            over_cpu: over_cpu(1, 1.0 / seconds),
        };

        let (wall_s, device_s) = self.timed(
            |launches| busy_s(launches, &[Kernel::LevelMaps, Kernel::WindowSums]),
            |n| {
                let mut pixels = backend.load((&images.images[n % count]).into())?;
                local::measure_on(&mut *pixels, &images.fits[n % count].parameters)?;
                Ok(())
            },
        )?;
        let seconds = device_s.unwrap_or(wall_s);
        let local = Line {
            what: "(c) its intersections, measured locally",
            rate: 1.0 / seconds,
            unit: "images",
            wall_s,
            device_s,
            megabytes: 12e-6 * (pixels + WINDOW_PIXELS),
            of_floor: Some(self.of_floor(WINDOW_PIXELS, &WINDOW_PIXEL, seconds)),
            over_plain: None,
            over_cpu: over_cpu(2, 1.0 / seconds),
        };
        let mut lines = vec![search, fit, local];
        let Some(sweep) = sweep else { return Ok(lines) };

        let start = Instant::now();
        calibrate::fit(ActiveBackend::with(backend.clone(), false), &sweep.pairs, &sweep.settings, true)?;
        let wall_s = start.elapsed().as_secs_f64();
        let images = 2.0 * sweep.pairs.len() as f64;
        lines.push(Line {
            what: "(d) a whole calibration from a folder",
            rate: images / wall_s,
            unit: "images",
            wall_s,
            device_s: self.launches()?.map(|launches| busy_s(&launches, &Kernel::ALL)),
            megabytes: 4e-6 * pixels * images,
            of_floor: None,
            over_plain: None,
            over_cpu: over_cpu(3, images / wall_s),
        });
        Ok(lines)
    }
}
