//! `gratingcal report`: calibration.yaml and a recorded sweep → report.html.
//!
//! The images are fitted again, so the sweep may be a later one. Its residuals say whether the calibration still holds.

use anyhow::ensure;
use clap::Args;
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::folder::pairs;
use grating_calibration::grating::backend::choice::{ActiveBackend, BackendChoice};
use grating_calibration::mapping::calibration::Calibration;
use grating_calibration::report::Report;
use grating_calibration::sweep::settings::CalibrationSettings;
use nalgebra::Vector3;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct ReportArgs {
    /// calibration.yaml
    #[arg(long)]
    calibration: PathBuf,
    /// Folder with left/, right/ and poses.csv, as the node's record_dir or `gratingcal simulate` leave it.
    #[arg(long, value_name = "DIR")]
    sweep: PathBuf,
    /// Where the page is written; its figures go into a folder beside it.
    #[arg(long, default_value = "report.html")]
    out: PathBuf,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
}

pub fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let calibration = Calibration::load(&args.calibration)?;
    let pairs = pairs::list(&args.sweep.join("left"), &args.sweep.join("right"), &args.sweep.join("poses.csv"))?;
    // Where the calibration has its origin in the first pair; the intersection next to it is taken.
    let origins = Camera::BOTH.map(|camera| calibration.point_to_pixel(camera, Vector3::zeros()));
    for (camera, origin) in Camera::BOTH.into_iter().zip(&origins) {
        ensure!(
            origin.status.is_answered(),
            "{}: its origin is not in the {camera} image ({}): is it from a sweep of the grid?",
            args.calibration.display(),
            origin.status
        );
    }
    let [left, right] = origins.map(|origin| origin.pixel);
    let mut settings = CalibrationSettings::new(calibration.pitch_mm, Stereo { left, right });
    settings.method = calibration.method;
    let (mut outcome, last) =
        crate::calibrate::fit(ActiveBackend::open(BackendChoice::Auto)?, &pairs, &settings, args.quiet)?;
    outcome.calibration = calibration;
    let settings = vec![
        ("calibration".into(), args.calibration.display().to_string()),
        ("sweep".into(), format!("{}, {} image pairs", args.sweep.display(), pairs.len())),
    ];
    Report { outcome: &outcome, last: last.as_ref().map(Stereo::as_deref), settings }.write(&args.out)?;
    say!("wrote {}", args.out.display())?;
    Ok(ExitCode::SUCCESS)
}
