//! `gratingcal fit`: one image, its gratings and intersections.

use anyhow::Context;
use clap::Args;
use grating_calibration::folder;
use grating_calibration::grating::refine::{FitOptions, fit_cold};
use grating_calibration::grating::spectrum;
use grating_calibration::lattice::local;
use grating_calibration::report::overlay;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Args)]
pub struct FitArgs {
    /// Image of the grid.
    image: PathBuf,
    /// Write the image with the fitted lines and intersections drawn over it.
    #[arg(long)]
    overlay: Option<PathBuf>,
    /// Print the result as JSON, intersections included.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &FitArgs) -> anyhow::Result<ExitCode> {
    let name = args.image.display().to_string();
    let image = folder::read_gray(&args.image)?;
    let start = Instant::now();
    let fit = fit_cold(&image, &FitOptions::default()).with_context(|| name.clone())?;
    let fit_ms = start.elapsed().as_secs_f64() * 1e3;
    let intersections = local::measure(&image, &fit.parameters);
    let total_ms = start.elapsed().as_secs_f64() * 1e3;
    if let Some(path) = &args.overlay {
        overlay::draw(&image, &fit.parameters, &intersections)
            .save(path)
            .with_context(|| path.display().to_string())?;
    }
    if args.json {
        let points: Vec<_> = intersections
            .iter()
            .map(|i| {
                let sigma = [i.covariance_px2.m11.sqrt(), i.covariance_px2.m22.sqrt()];
                serde_json::json!({"n_h": i.lines.h, "n_v": i.lines.v, "u": i.pixel.x, "v": i.pixel.y, "sigma_px": sigma})
            })
            .collect();
        let json = serde_json::json!({
            "residual": fit.residual, "rms": fit.rms, "passes": fit.passes, "fit_ms": fit_ms,
            "duty": fit.parameters.duty, "intersections": points,
        });
        println!("{}", serde_json::to_string_pretty(&json)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{name}: {}×{} px", image.width(), image.height());
    let period = |gradient: nalgebra::Vector2<f64>| std::f64::consts::TAU / gradient.norm();
    if let Some(c) = spectrum::carriers(&image) {
        println!(
            "  pitch at the centre  {:.2} px across h lines, {:.2} px across v lines",
            period(c.gradient_h),
            period(c.gradient_v)
        );
        println!("  seeds                c_h = {:.5}, c_v = {:.5} rad/px", c.gradient_h.y, c.gradient_v.x);
    }
    println!("  residual             {:.3} of the signal ({:?})", fit.residual, fit.stopped);
    println!("  intersections        {}", intersections.len());
    println!("  time                 {fit_ms:.0} ms fit, {:.0} ms intersections", total_ms - fit_ms);
    Ok(ExitCode::SUCCESS)
}
