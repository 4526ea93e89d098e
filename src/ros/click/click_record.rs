//! Every click with its point and covariance, a row of a CSV file.

use crate::ros::nanoseconds;
use crate::ros::node::shared::Shared;
use crate::ros::service::status::ServiceStatus;
use r2r::grating_calibration::msg::{Click, PointEstimate};
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
pub fn row(click: &Click) -> [String; 20] {
    let answered = click.estimate.status <= PointEstimate::OUTSIDE_VOLUME as u8;
    let pixel = |x: f64| if x.is_finite() { x.to_string() } else { String::new() };
    let number = |x: f64| if answered { x.to_string() } else { String::new() };
    let covariance = |i: usize| number(click.estimate.covariance.get(i).copied().unwrap_or(f64::NAN));
    let stamp = jiff::Timestamp::from_nanosecond(nanoseconds(&click.header.stamp).into()).unwrap_or_default();
    let p = &click.estimate.point;
    [
        stamp.to_string(),
        click.camera.clone(),
        click.by.clone(),
        pixel(click.left.u),
        pixel(click.left.v),
        pixel(click.right.u),
        pixel(click.right.v),
        ServiceStatus::from_code(click.estimate.status).map_or("", ServiceStatus::name).into(),
        click.header.frame_id.clone(),
        number(p.x),
        number(p.y),
        number(p.z),
        covariance(0),
        covariance(1),
        covariance(2),
        covariance(4),
        covariance(5),
        covariance(8),
        number(click.estimate.epipolar_px),
        click.message.clone(),
    ]
}

/// Appends to `click.file`; nothing when that is empty.
///
/// # Errors
/// Why it could not be written, with a remedy.
pub fn append(shared: &Shared, click: &Click) -> Result<(), String> {
    let name = shared.parameters.now().click.file.clone();
    if name.is_empty() {
        return Ok(());
    }
    let failed = |cause: String| {
        format!("the click was not recorded in '{name}': {cause}; set click.file to a file that the node may write")
    };
    let path = shared.files.resolve(&name).map_err(|error| failed(error.to_string()))?;
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
