//! `gratingcal export`: the cameras of a calibration for other software.

use clap::Args;
use grating_calibration::folder::camera_files;
use grating_calibration::mapping::calibration::Calibration;
use nalgebra::{Isometry3, Translation3};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct ExportArgs {
    /// Calibration to read; the files are written beside it, named after it.
    #[arg(long)]
    calibration: PathBuf,
    /// Parent frame of the cameras in the URDF.
    #[arg(long, default_value = "tool0")]
    tool_frame: String,
    /// Where the calibration's origin is in the tool frame, X,Y,Z in mm.
    #[arg(long, value_parser = offset, default_value = "0,0,0")]
    tool_offset_mm: [f64; 3],
}

fn offset(text: &str) -> Result<[f64; 3], String> {
    let numbers: Option<Vec<f64>> =
        text.split(',').map(|x| x.trim().parse().ok().filter(|x: &f64| x.is_finite())).collect();
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| format!("'{text}' is not X,Y,Z: write three numbers, for example 0,0,12.5"))
}

pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let calibration = Calibration::load(&args.calibration)?;
    let [x, y, z] = args.tool_offset_mm;
    let tool_from_calibration = Isometry3::from(Translation3::new(x, y, z));
    for path in camera_files::write(&calibration, &args.calibration, &args.tool_frame, &tool_from_calibration)? {
        say!("wrote {}", path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
