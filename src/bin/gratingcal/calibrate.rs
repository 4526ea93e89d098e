//! `gratingcal calibrate`: a folder of images → calibration.yaml.

use anyhow::Context;
use clap::{Args, ValueEnum};
use grating_calibration::camera::Stereo;
use grating_calibration::folder;
use grating_calibration::mapping::Calibration;
use grating_calibration::mapping::model::ModelKind;
use grating_calibration::report;
use grating_calibration::sweep::session::{CalibrationOutcome, CalibrationSettings, Method, SweepSession};
use indicatif::{ProgressBar, ProgressStyle};
use nalgebra::Vector2;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Args)]
pub struct CalibrateArgs {
    /// Folder of the left camera's images, 00000.png …
    #[arg(long)]
    left: PathBuf,
    /// Folder of the right camera's images.
    #[arg(long)]
    right: PathBuf,
    /// Measured tool poses: index,x_mm,y_mm,z_mm.
    #[arg(long)]
    poses: PathBuf,
    /// Distance between neighbouring printed lines, mm.
    #[arg(long)]
    pitch_mm: f64,
    /// Pixel of the grid's origin in the lowest left image, U,V.
    #[arg(long, value_parser = pixel)]
    origin_left: Vector2<f64>,
    /// Pixel of the grid's origin in the lowest right image, U,V.
    #[arg(long, value_parser = pixel)]
    origin_right: Vector2<f64>,
    #[arg(long, value_enum, default_value = "auto")]
    method: Method,
    /// Degree of the phase polynomials of `--method auto`.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u8).range(2..=12))]
    phase_degree: u8,
    /// Draws an image of `--method original`; 18000 as published.
    #[arg(long, default_value_t = 18_000)]
    original_draws: usize,
    /// `--method original` looks at every n-th pixel along u and v; 1 as published.
    #[arg(long, default_value_t = 1)]
    original_stride: usize,
    /// Worst RMS error along any axis that still counts as usable, µm.
    #[arg(long, default_value_t = 50.0)]
    usable_um: f64,
    /// Serve this model instead of the best.
    #[arg(long, value_enum)]
    model: Option<ModelKind>,
    /// Where the calibration is written.
    #[arg(long)]
    out: PathBuf,
    /// Also write DIR/MODEL.yaml for every model that the data determines.
    #[arg(long, value_name = "DIR")]
    every_model: Option<PathBuf>,
    /// Also write a report for people.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

fn pixel(text: &str) -> Result<Vector2<f64>, String> {
    let wanted = || format!("'{text}' is not a pixel: write U,V, for example 640.2,359.7");
    let (u, v) = text.split_once(',').ok_or_else(wanted)?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|x| x.is_finite()).ok_or_else(wanted);
    Ok(Vector2::new(number(u)?, number(v)?))
}

pub fn run(args: &CalibrateArgs) -> anyhow::Result<ExitCode> {
    let pairs = folder::pairs(&args.left, &args.right, &args.poses)?;
    let origin_px = Stereo { left: args.origin_left, right: args.origin_right };
    let mut settings = CalibrationSettings::new(args.pitch_mm, origin_px);
    settings.method = args.method;
    settings.fit.phase_degree = args.phase_degree.into();
    settings.original.draws = args.original_draws;
    settings.original.stride = args.original_stride;
    settings.usable_rms_mm = 1e-3 * args.usable_um;
    let bar = ProgressBar::new(pairs.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} pairs  {msg}  {eta} left") {
        bar.set_style(style);
    }
    if args.json {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let start = Instant::now();
    let mut session = SweepSession::new(settings.clone())?;
    let mut last = None;
    for pair in &pairs {
        let (left, right) =
            rayon::join(|| folder::read_gray(&pair.images.left), || folder::read_gray(&pair.images.right));
        let images = Stereo { left: left?, right: right? };
        let report = session
            .add_pair(images.as_ref(), pair.pose)
            .with_context(|| format!("{} and {}", pair.images.left.display(), pair.images.right.display()))?;
        bar.set_message(format!("h {:6.2} mm, residual {:.3}", report.height_mm, report.residual.left));
        bar.inc(1);
        last = Some(images);
    }
    bar.finish_and_clear();
    let mut outcome = session.finish()?;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(folder) = &args.every_model {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        for kind in ModelKind::value_variants() {
            match outcome.calibration.with_model(*kind, outcome.data.as_ref(), settings.usable_rms_mm) {
                Ok(calibration) => calibration.save(&folder.join(format!("{kind}.yaml")))?,
                Err(error) => tracing::warn!("{kind}: {error}"),
            }
        }
    }
    if let Some(kind) = args.model {
        outcome.calibration = outcome
            .calibration
            .with_model(kind, outcome.data.as_ref(), settings.usable_rms_mm)
            .with_context(|| kind.to_string())?;
    }
    outcome.calibration.save(&args.out)?;
    if let Some(path) = &args.report {
        let html = report::html(&outcome, last.as_ref().map(Stereo::as_ref));
        std::fs::write(path, html).with_context(|| path.display().to_string())?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary(&outcome, seconds))?);
    } else {
        print(&outcome.calibration, seconds);
        println!("wrote {}", args.out.display());
    }
    Ok(if outcome.calibration.usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn summary(outcome: &CalibrationOutcome, seconds: f64) -> serde_json::Value {
    let calibration = &outcome.calibration;
    let mut fit_ms: Vec<f64> = outcome.pairs.iter().flat_map(|p| [p.fit_ms.left, p.fit_ms.right]).collect();
    fit_ms.sort_by(f64::total_cmp);
    serde_json::json!({
        "usable": calibration.usable,
        "reason": calibration.reason,
        "method": calibration.method,
        "heights": calibration.heights,
        "correspondences": calibration.left.correspondences + calibration.right.correspondences,
        "models": [calibration.left.model.kind(), calibration.right.model.kind()],
        "residual_rms_px": [calibration.left.residual_rms_px, calibration.right.residual_rms_px],
        "cross_validation_rms_px":
            [calibration.left.cross_validation_rms_px, calibration.right.cross_validation_rms_px],
        "stereo": calibration.stereo,
        "min_phase_margin": calibration.min_phase_margin,
        "fit_ms_median": fit_ms[fit_ms.len() / 2],
        "seconds": seconds,
        "pairs": outcome.pairs,
    })
}

/// What a person reads on the terminal.
pub fn print(calibration: &Calibration, seconds: f64) {
    let verdict = if calibration.usable { "usable" } else { "NOT usable" };
    println!("{verdict}: {}", calibration.reason);
    println!(
        "{} heights, {} + {} correspondences, {seconds:.1} s, smallest phase margin {:.2} pitches",
        calibration.heights,
        calibration.left.correspondences,
        calibration.right.correspondences,
        calibration.min_phase_margin
    );
    println!("\n  model        residual, px rms        held-out, px rms");
    println!("               left      right         left      right");
    for (left, right) in calibration.left.ladder.iter().zip(&calibration.right.ladder) {
        let served = if calibration.left.model.kind() == left.model { "*" } else { " " };
        println!(
            "{served} {:<10} {:>8.4} {:>10.4}     {:>8.4} {:>10.4}",
            left.model.to_string(),
            left.residual_rms_px,
            right.residual_rms_px,
            left.cross_validation_rms_px,
            right.cross_validation_rms_px
        );
    }
    let [x, y, z] = calibration.stereo.rms_mm.map(|rms| 1e3 * rms);
    println!(
        "\npoints from the dataset's own pixel pairs: rms x {x:.2}, y {y:.2}, z {z:.2} µm, at most {:.1} µm",
        1e3 * calibration.stereo.max_mm
    );
}
