//! `gratingcal map`: correspondences from another detector → calibration.yaml.

use anyhow::{Context, ensure};
use clap::Args;
use grating_calibration::camera::Stereo;
use grating_calibration::mapping::calibration::{CalibrationContext, fit_calibration};
use grating_calibration::mapping::{CameraDataset, Correspondence};
use grating_calibration::sweep::session::Method;
use nalgebra::{Matrix2, Vector2, Vector3};
use serde::Deserialize;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct MapArgs {
    /// camera,view,u,v,x_mm,y_mm,z_mm with camera left or right, z = −h; optionally sigma_px.
    #[arg(long)]
    points: PathBuf,
    /// Width and height of the images, px.
    #[arg(long, value_delimiter = ',', num_args = 2, default_values_t = [1280, 720])]
    image_size: Vec<u32>,
    /// Worst RMS error along any axis that still counts as usable, µm.
    #[arg(long, default_value_t = 50.0)]
    usable_um: f64,
    /// Where the calibration is written.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Deserialize)]
struct Row {
    camera: String,
    view: u32,
    u: f64,
    v: f64,
    x_mm: f64,
    y_mm: f64,
    z_mm: f64,
    #[serde(default)]
    sigma_px: Option<f64>,
}

pub fn run(args: &MapArgs) -> anyhow::Result<ExitCode> {
    let path = args.points.display().to_string();
    let image_size = [args.image_size[0], args.image_size[1]];
    let mut data: Stereo<CameraDataset> =
        Stereo::from_fn(|_| CameraDataset { image_size, correspondences: Vec::new() });
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(&args.points).context(path.clone())?;
    for (number, row) in reader.deserialize::<Row>().enumerate() {
        let row = row.with_context(|| format!("{path}: row {}", number + 1))?;
        let numbers = [row.u, row.v, row.x_mm, row.y_mm, row.z_mm];
        ensure!(numbers.iter().all(|x| x.is_finite()), "{path}: row {}: a number is not finite", number + 1);
        let sigma = row.sigma_px.unwrap_or(0.05);
        ensure!(
            sigma > 0.0 && sigma.is_finite(),
            "{path}: row {}: sigma_px is {sigma}, it must be above 0",
            number + 1
        );
        let side = match row.camera.as_str() {
            "left" => &mut data.left,
            "right" => &mut data.right,
            other => anyhow::bail!("{path}: row {}: camera is '{other}', left or right is needed", number + 1),
        };
        side.correspondences.push(Correspondence {
            pixel: Vector2::new(row.u, row.v),
            pixel_covariance_px2: Matrix2::identity() * (sigma * sigma),
            point_in_tool_mm: Vector3::new(row.x_mm, row.y_mm, row.z_mm),
            view: row.view,
        });
    }
    let context = CalibrationContext {
        method: Method::Auto,
        pitch_mm: 1.0,
        min_phase_margin: f64::INFINITY,
        usable_rms_mm: 1e-3 * args.usable_um,
        bundle: None,
    };
    let start = std::time::Instant::now();
    let calibration = fit_calibration(data.as_ref(), &context)?;
    calibration.save(&args.out)?;
    crate::calibrate::print(&calibration, start.elapsed().as_secs_f64());
    println!("wrote {}", args.out.display());
    Ok(if calibration.usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
