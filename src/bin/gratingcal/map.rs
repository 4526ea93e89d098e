//! `gratingcal map`: correspondences from another detector → calibration.yaml.

use crate::points;
use anyhow::Context;
use clap::Args;
use grating_calibration::mapping::calibration::fit::{CalibrationContext, fit_calibration};
use grating_calibration::mapping::method::Method;
use grating_calibration::report::Report;
use grating_calibration::sweep::outcome::CalibrationOutcome;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct MapArgs {
    /// CSV with camera (left or right), u, v, x_mm, y_mm, z_mm; z points towards the cameras. Optional: the pixel's
    /// covariance suu, suv, svv (px²) or sigma_px, 0.05 px otherwise; view, else the points' z tell the views apart.
    #[arg(long)]
    points: PathBuf,
    /// Width and height of the images, px; 1280,720 if not given.
    #[arg(long, value_parser = size)]
    image_size: Option<[u32; 2]>,
    /// Worst RMS error along any axis that still counts as usable, µm.
    #[arg(long, default_value_t = 50.0)]
    usable_um: f64,
    /// Where the calibration is written.
    #[arg(long)]
    out: PathBuf,
    /// Also write a report for people.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

fn size(text: &str) -> Result<[u32; 2], String> {
    let wanted = || format!("'{text}' is not a size: write W,H, for example 1280,720");
    let (width, height) = text.split_once(',').ok_or_else(wanted)?;
    let number = |text: &str| text.trim().parse().ok().filter(|n| (16..=65_536).contains(n)).ok_or_else(wanted);
    Ok([number(width)?, number(height)?])
}

pub fn run(args: &MapArgs) -> anyhow::Result<ExitCode> {
    let file = std::fs::File::open(&args.points).with_context(|| args.points.display().to_string())?;
    let data = points::read(file, args.image_size).with_context(|| args.points.display().to_string())?;
    let context = CalibrationContext {
        method: Method::Auto,
        // There is no grid; figures of it are drawn with this pitch.
        pitch_mm: 1.0,
        min_phase_margin: f64::INFINITY,
        usable_rms_mm: 1e-3 * args.usable_um,
        bundle: None,
    };
    let start = std::time::Instant::now();
    let mut calibration =
        fit_calibration(data.as_ref(), &context).with_context(|| args.points.display().to_string())?;
    calibration.frame = "that of the points' x_mm, y_mm, z_mm".into();
    let seconds = start.elapsed().as_secs_f64();
    calibration.save(&args.out)?;
    let outcome = CalibrationOutcome { calibration, pairs: Vec::new(), data, pose_errors_mm: Vec::new() };
    if let Some(path) = &args.report {
        let settings = vec![
            ("correspondences".into(), args.points.display().to_string()),
            ("usable up to".into(), format!("{} µm RMS along an axis", args.usable_um)),
        ];
        Report { outcome: &outcome, last: None, settings }.write(path)?;
    }
    if args.json {
        say!("{}", serde_json::to_string_pretty(&crate::calibrate::summary(&outcome, seconds))?)?;
    } else {
        crate::calibrate::print(&outcome.calibration, seconds)?;
        say!("wrote {}", args.out.display())?;
    }
    Ok(if outcome.calibration.usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
