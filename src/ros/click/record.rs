//! Every click with its point and covariance, a row of a CSV file.

use crate::ros::state::clicked::{AnsweredClick, FoundBy};
use crate::ros::support::files::Files;
use nalgebra::Vector2;
use std::fs::OpenOptions;

/// Columns of the file, and of the page's export.
pub const HEADER: [&str; 20] = [
    "time",
    "camera",
    "by",
    "u_left",
    "v_left",
    "u_right",
    "v_right",
    "status",
    "frame",
    "x_m",
    "y_m",
    "z_m",
    "cxx_m2",
    "cxy_m2",
    "cxz_m2",
    "cyy_m2",
    "cyz_m2",
    "czz_m2",
    "epipolar_px",
    "message",
];

/// The row of a click; numbers that don't exist are empty.
pub fn row(click: &AnsweredClick) -> [String; 20] {
    let estimate = click.estimate();
    let number = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
    let metres = |axis: usize| number(estimate.map(|found| 1e-3 * found.point_mm[axis]));
    let covariance = |i: usize, j: usize| number(estimate.map(|found| 1e-6 * found.covariance_mm2[(i, j)]));
    let pixel = |pixel: Option<Vector2<f64>>, axis: usize| {
        pixel.map(|pixel| pixel[axis]).filter(|x| x.is_finite()).map_or(String::new(), |x| x.to_string())
    };
    let stamp = jiff::Timestamp::from_nanosecond(click.stamp_ns.into()).unwrap_or_default();
    [
        stamp.to_string(),
        click.camera.map_or(String::new(), |camera| camera.to_string()),
        click.found_by.map_or("", FoundBy::name).into(),
        pixel(click.pixels.left, 0),
        pixel(click.pixels.left, 1),
        pixel(click.pixels.right, 0),
        pixel(click.pixels.right, 1),
        click.status().name().into(),
        click.frame.clone(),
        metres(0),
        metres(1),
        metres(2),
        covariance(0, 0),
        covariance(0, 1),
        covariance(0, 2),
        covariance(1, 1),
        covariance(1, 2),
        covariance(2, 2),
        number(estimate.map(|found| found.epipolar_px)),
        click.message.clone(),
    ]
}

/// Appends to the file `name`; nothing when that is empty.
///
/// # Errors
/// Why it could not be written, with a remedy.
pub fn append(name: &str, files: &Files, click: &AnsweredClick) -> Result<(), String> {
    if name.is_empty() {
        return Ok(());
    }
    let failed = |cause: String| {
        format!("the click was not recorded in '{name}': {cause}; set click.file to a file that the node may write")
    };
    let path = files.resolve(name).map_err(|error| failed(error.to_string()))?;
    let file = OpenOptions::new().create(true).append(true).open(&path).map_err(|error| failed(error.to_string()))?;
    let is_new = file.metadata().is_ok_and(|found| found.len() == 0);
    let mut writer = csv::Writer::from_writer(file);
    let mut write = || -> Result<(), csv::Error> {
        if is_new {
            writer.write_record(HEADER)?;
        }
        writer.write_record(row(click))?;
        Ok(writer.flush()?)
    };
    write().map_err(|error| failed(error.to_string()))
}
