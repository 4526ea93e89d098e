//! `gratingcal fit`: one image, its gratings and intersections.

use crate::named::named;
use anyhow::Context;
use clap::Args;
use grating_calibration::folder::pairs;
use grating_calibration::grating::backend::choice::{ActiveBackend, BackendChoice};
use grating_calibration::grating::fit::refine::{FitOptions, fit_cold_on};
use grating_calibration::lattice::local;
use grating_calibration::lattice::origin_mark::locate;
use grating_calibration::report::overlay;
use nalgebra::{Matrix2, Vector2};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Args)]
pub struct FitArgs {
    /// Image of the grid.
    image: PathBuf,
    /// What evaluates the fit.
    #[arg(long, value_parser = named::<BackendChoice>(), default_value_t)]
    backend: BackendChoice,
    /// Write the image with the fitted lines and intersections drawn over it.
    #[arg(long)]
    overlay: Option<PathBuf>,
    /// Print the result as JSON, intersections included.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &FitArgs) -> anyhow::Result<ExitCode> {
    let backend = ActiveBackend::open(args.backend)?;
    let name = args.image.display().to_string();
    let image = pairs::read_gray(&args.image)?;
    let start = Instant::now();
    let mut pixels = backend.backend().load((&image).into())?;
    let fit = fit_cold_on(&mut *pixels, &FitOptions::default()).with_context(|| name.clone())?;
    let fit_ms = start.elapsed().as_secs_f64() * 1e3;
    let intersections = local::measure_on(&mut *pixels, &fit.parameters)?;
    let total_ms = start.elapsed().as_secs_f64() * 1e3;
    let mark = locate::find(&image, &fit.parameters);
    if let Some(path) = &args.overlay {
        overlay::draw(&image, &fit.parameters, &intersections, mark.as_ref().ok())
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
        // Axes: where +x and +y lead from the origin, px a pitch.
        let axes = |found: &locate::OriginMark| {
            let at = |x, y| found.pixel_at(&fit.parameters, Vector2::new(x, y)).map(|p| p - found.pixel);
            [at(1.0, 0.0), at(0.0, 1.0)].map(|axis| axis.map(<[f64; 2]>::from))
        };
        let mark = match &mark {
            Ok(found) => serde_json::json!({
                "origin_px": [found.pixel.x, found.pixel.y], "axes_px": axes(found), "pitch_mm": found.mark.pitch_mm(),
            }),
            Err(error) => serde_json::json!({ "error": error.to_string() }),
        };
        let json = serde_json::json!({
            "residual": fit.residual, "rms": fit.rms, "passes": fit.passes, "fit_ms": fit_ms,
            "duty": fit.parameters.duty, "intersections": points, "mark": mark,
        });
        say!("{}", serde_json::to_string_pretty(&json)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    say!("{name}: {}×{} px", image.width(), image.height())?;
    let period = |gradient: Vector2<f64>| std::f64::consts::TAU / gradient.norm();
    let centre = Vector2::from(fit.parameters.phase_h.domain.centre);
    let [h, v] = [&fit.parameters.phase_h, &fit.parameters.phase_v].map(|phase| phase.value_and_gradient(centre).1);
    say!("  pitch at the centre  {:.2} px across h lines, {:.2} px across v lines", period(h), period(v))?;
    say!("  seeds                c_h = {:.5}, c_v = {:.5} rad/px", h.y, v.x)?;
    say!("  residual             {:.3} of the signal ({})", fit.residual, fit.termination)?;
    say!("  intersections        {}", intersections.len())?;
    match &mark {
        Ok(found) => say!(
            "  origin mark          at ({:.1}, {:.1}) px, +x towards {}, +y towards {}, pitch {} mm",
            found.pixel.x,
            found.pixel.y,
            direction(found.turn, Vector2::x()),
            direction(found.turn, Vector2::y()),
            found.mark.pitch_mm()
        )?,
        Err(error) => say!("  origin mark          {error}")?,
    }
    say!("  time                 {fit_ms:.0} ms fit, {:.0} ms intersections", total_ms - fit_ms)?;
    Ok(ExitCode::SUCCESS)
}

/// Where an axis of the print leads in the image.
fn direction(turn: Matrix2<i32>, axis: Vector2<i32>) -> &'static str {
    // In the camera's numbers: along u, against v.
    match <[i32; 2]>::from(turn.transpose() * axis) {
        [1, 0] => "right",
        [-1, 0] => "left",
        [0, 1] => "up",
        _ => "down",
    }
}
