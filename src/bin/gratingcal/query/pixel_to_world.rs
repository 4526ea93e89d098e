//! `gratingcal pixel-to-world`.

use crate::named::named;
use crate::query::stdin::read_columns;
use clap::Args;
use grating_calibration::camera::Camera;
use grating_calibration::folder::table::cell;
use grating_calibration::mapping::calibration::Calibration;
use nalgebra::Vector2;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct PixelToWorldArgs {
    /// calibration.yaml
    #[arg(long)]
    calibration: PathBuf,
    /// One camera (columns u,v) instead of pairs (u_left,v_left,u_right,v_right).
    #[arg(long, value_parser = named::<Camera>())]
    camera: Option<Camera>,
    /// One camera: the pixels lie on the plane z = −H of the tool frame. Without it a column z_mm gives each row's plane.
    #[arg(long, value_name = "H", requires = "camera", allow_negative_numbers = true)]
    height_mm: Option<f64>,
    /// How uncertain the pixels are along u and v, px; the answers' covariance includes it.
    #[arg(long, default_value_t = 0.0)]
    pixel_sigma_px: f64,
    /// Append the whole covariance of each point: cxx_mm2,cxy_mm2,cxz_mm2,cyy_mm2,cyz_mm2,czz_mm2.
    #[arg(long)]
    covariance: bool,
}

pub fn run(args: &PixelToWorldArgs) -> anyhow::Result<ExitCode> {
    let calibration = Calibration::load(&args.calibration)?;
    let names: &[&str] = match (args.camera, args.height_mm) {
        (Some(_), Some(_)) => &["u", "v"],
        (Some(_), None) => &["u", "v", "z_mm"],
        (None, _) => &["u_left", "v_left", "u_right", "v_right"],
    };
    let mut out = csv::Writer::from_writer(std::io::stdout().lock());
    let mut header = vec!["x_mm", "y_mm", "z_mm", "sx_mm", "sy_mm", "sz_mm", "epipolar_px", "status"];
    if args.covariance {
        header.extend(["cxx_mm2", "cxy_mm2", "cxz_mm2", "cyy_mm2", "cyz_mm2", "czz_mm2"]);
    }
    out.write_record(&header)?;
    for row in read_columns(names)? {
        let pixel = Vector2::new(row[0], row[1]);
        let answer = match (args.camera, args.height_mm) {
            (Some(camera), height_mm) => {
                let plane_z_mm = height_mm.map_or_else(|| row[2], |height_mm| -height_mm);
                calibration.noisy_pixel_to_plane(camera, pixel, plane_z_mm, args.pixel_sigma_px)
            }
            (None, _) => calibration.noisy_pair_to_point(pixel, Vector2::new(row[2], row[3]), args.pixel_sigma_px),
        };
        let mut cells = vec![String::new(); 7];
        if answer.status.is_answered() {
            let estimate = &answer.estimate;
            let (point, variance) = (estimate.point_mm, estimate.covariance_mm2.diagonal());
            let numbers = point.iter().copied().chain(variance.iter().map(|v| v.sqrt())).chain([estimate.epipolar_px]);
            cells = numbers.map(cell).collect();
        }
        cells.push(answer.status.to_string());
        if args.covariance {
            let c = &answer.estimate.covariance_mm2;
            let upper = [c.m11, c.m12, c.m13, c.m22, c.m23, c.m33];
            cells.extend(upper.map(|x| if answer.status.is_answered() { format!("{x:.6e}") } else { String::new() }));
        }
        out.write_record(&cells)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
