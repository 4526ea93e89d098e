//! `gratingcal world-to-pixel`.

use crate::query::stdin::read_columns;
use clap::Args;
use grating_calibration::camera::Camera;
use grating_calibration::folder::table::cell;
use grating_calibration::mapping::calibration::Calibration;
use nalgebra::Vector3;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct WorldToPixelArgs {
    /// calibration.yaml
    #[arg(long)]
    calibration: PathBuf,
}

pub fn run(args: &WorldToPixelArgs) -> anyhow::Result<ExitCode> {
    let calibration = Calibration::load(&args.calibration)?;
    let mut out = csv::Writer::from_writer(std::io::stdout().lock());
    out.write_record(["u_left", "v_left", "u_right", "v_right", "status_left", "status_right"])?;
    for row in read_columns(&["x_mm", "y_mm", "z_mm"])? {
        let answers = Camera::BOTH.map(|c| calibration.point_to_pixel(c, Vector3::new(row[0], row[1], row[2])));
        let mut cells = Vec::new();
        for answer in &answers {
            let answered = answer.status.is_answered();
            cells.extend(answer.pixel.iter().map(|x| if answered { cell(*x) } else { String::new() }));
        }
        cells.extend(answers.iter().map(|answer| answer.status.to_string()));
        out.write_record(&cells)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
