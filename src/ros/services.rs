//! `pixel_to_world`, `world_to_pixel`, `~/save`, `~/load`: every item of a batch gets its own status.

use crate::camera::Camera;
use crate::mapping::Calibration;
use crate::mapping::answer::{AnswerStatus, PixelAnswer, PointAnswer};
use crate::mapping::export;
use crate::ros::nanoseconds;
use crate::ros::robot::locked;
use crate::ros::shared::Shared;
use crate::ros::show;
use nalgebra::{Isometry3, Matrix3, Vector2, Vector3};
use r2r::geometry_msgs::msg::Point;
use r2r::grating_calibration::msg::{Pixel, PixelEstimate, PointEstimate};
use r2r::grating_calibration::srv::{Load, PixelToWorld, Save, WorldToPixel};
use r2r::std_msgs::msg::Header;
use std::path::{Path, PathBuf};

/// Which cameras a request is about.
enum Wanted {
    One(Camera),
    Both,
}

fn wanted(camera: &str) -> Option<Wanted> {
    match camera {
        "" | "stereo" => Some(Wanted::Both),
        "left" => Some(Wanted::One(Camera::Left)),
        "right" => Some(Wanted::One(Camera::Right)),
        _ => None,
    }
}

/// wanted_from_tool for a request's header, mm, or why there is none.
fn frame(shared: &Shared, header: &Header) -> Result<(Isometry3<f64>, String), AnswerStatus> {
    let (tool, base) = (shared.parameters.text("tool_frame"), shared.parameters.text("base_frame"));
    // The calibrated frame's origin is the grid's mark at h = 0; the robot's tool frame may have another.
    let offset = show::transform::offset(shared);
    match header.frame_id.as_str() {
        "" => Ok((offset, tool)),
        frame if frame == tool => Ok((offset, tool)),
        frame if frame == shared.parameters.text("calibration_frame") => Ok((Isometry3::identity(), frame.into())),
        frame if frame == base => {
            let pose = locked(&shared.poses).at(nanoseconds(&header.stamp)).ok_or(AnswerStatus::PoseUnavailable)?;
            Ok((pose.base_from_tool * offset, base))
        }
        _ => Err(AnswerStatus::UnknownFrame),
    }
}

/// Answers a batch of pixels.
pub fn pixel_to_world(shared: &Shared, request: &PixelToWorld::Request) -> PixelToWorld::Response {
    let count = request.left.len().max(request.right.len());
    let refuse = |status: AnswerStatus| (0..count).map(|_| PointAnswer::refused(status)).collect::<Vec<_>>();
    let (wanted_from_tool, frame_id) = match frame(shared, &request.header) {
        Ok(found) => found,
        Err(status) => return points(refuse(status), Isometry3::identity(), &request.header, String::new()),
    };
    let Some(calibration) = shared.calibration() else {
        return points(refuse(AnswerStatus::NotCalibrated), wanted_from_tool, &request.header, frame_id);
    };
    let answers = match wanted(&request.camera) {
        None => refuse(AnswerStatus::UnknownCamera),
        Some(Wanted::Both) if request.left.len() != request.right.len() => refuse(AnswerStatus::UnknownCamera),
        Some(Wanted::Both) => request
            .left
            .iter()
            .zip(&request.right)
            .map(|(left, right)| calibration.noisy_pair_to_point(pixel(left), pixel(right), request.pixel_sigma))
            .collect(),
        Some(Wanted::One(camera)) => {
            let pixels = if camera == Camera::Left { &request.left } else { &request.right };
            let answer =
                |p| calibration.noisy_pixel_to_plane(camera, pixel(p), 1e3 * request.plane_z, request.pixel_sigma);
            pixels.iter().map(answer).collect()
        }
    };
    points(answers, wanted_from_tool, &request.header, frame_id)
}

fn pixel(message: &Pixel) -> Vector2<f64> {
    Vector2::new(message.u, message.v)
}

fn points(
    answers: Vec<PointAnswer>,
    wanted_from_tool: Isometry3<f64>,
    header: &Header,
    frame_id: String,
) -> PixelToWorld::Response {
    let estimates = answers.iter().map(|answer| point_in(answer, &wanted_from_tool));
    PixelToWorld::Response {
        header: Header { stamp: header.stamp.clone(), frame_id },
        answers: estimates.collect(),
        message: remedy(answers.iter().map(|answer| answer.status)),
    }
}

/// An answer in another frame, m; `wanted_from_calibration` in mm.
pub fn point_in(answer: &PointAnswer, wanted_from_calibration: &Isometry3<f64>) -> PointEstimate {
    let mut message = PointEstimate { status: answer.status.code(), ..Default::default() };
    message.covariance = vec![0.0; 9];
    if answer.status.is_answered() {
        let point = 1e-3 * (wanted_from_calibration * nalgebra::Point3::from(answer.estimate.point_mm)).coords;
        message.point = Point { x: point.x, y: point.y, z: point.z };
        let rotation: Matrix3<f64> = wanted_from_calibration.rotation.to_rotation_matrix().into_inner();
        let covariance = 1e-6 * rotation * answer.estimate.covariance_mm2 * rotation.transpose();
        message.covariance = covariance.transpose().iter().copied().collect();
    }
    // Of rays that miss it says by how much.
    message.epipolar_px = answer.estimate.epipolar_px;
    message
}

/// What to do about the first answer that is not OK.
fn remedy(statuses: impl Iterator<Item = AnswerStatus>) -> String {
    let first = statuses.enumerate().find(|(_, status)| *status != AnswerStatus::Ok);
    first.map_or(String::new(), |(index, status)| format!("item {index}: {}", status.remedy()))
}

/// Answers a batch of points.
pub fn world_to_pixel(shared: &Shared, request: &WorldToPixel::Request) -> WorldToPixel::Response {
    let calibration = shared.calibration();
    let tool_from_wanted = frame(shared, &request.header).map(|(wanted_from_tool, _)| wanted_from_tool.inverse());
    let answer = |camera: Camera, point: &Point| -> Result<PixelAnswer, AnswerStatus> {
        let tool_from_wanted = tool_from_wanted?;
        let calibration = calibration.as_deref().ok_or(AnswerStatus::NotCalibrated)?;
        let point_mm = 1e3 * Vector3::new(point.x, point.y, point.z);
        let point_in_tool_mm = (tool_from_wanted * nalgebra::Point3::from(point_mm)).coords;
        Ok(calibration.point_to_pixel(camera, point_in_tool_mm))
    };
    let message = |answer: Result<PixelAnswer, AnswerStatus>| match answer {
        Ok(answer) if answer.status.is_answered() => PixelEstimate {
            status: answer.status.code(),
            pixel: Pixel { u: answer.pixel.x, v: answer.pixel.y },
            covariance: answer.covariance_px2.transpose().iter().copied().collect(),
        },
        Ok(PixelAnswer { status, .. }) | Err(status) => {
            PixelEstimate { status: status.code(), covariance: vec![0.0; 4], ..Default::default() }
        }
    };
    let all = |camera: Camera| -> Vec<Result<PixelAnswer, AnswerStatus>> {
        request.points.iter().map(|point| answer(camera, point)).collect()
    };
    let (left, right) = match wanted(&request.camera) {
        Some(Wanted::Both) => (all(Camera::Left), all(Camera::Right)),
        Some(Wanted::One(Camera::Left)) => (all(Camera::Left), Vec::new()),
        Some(Wanted::One(Camera::Right)) => (Vec::new(), all(Camera::Right)),
        None => {
            let refused = || request.points.iter().map(|_| Err(AnswerStatus::UnknownCamera)).collect();
            (refused(), refused())
        }
    };
    let statuses = left.iter().chain(&right).map(|answer| answer.map_or_else(|status| status, |a| a.status));
    let text = remedy(statuses);
    WorldToPixel::Response {
        left: left.into_iter().map(message).collect(),
        right: right.into_iter().map(message).collect(),
        message: text,
    }
}

/// The request's file, else the parameter's; inside the folder that the node may use.
fn file(shared: &Shared, asked: &str) -> Result<PathBuf, String> {
    let file = if asked.is_empty() { shared.parameters.text("calibration_file") } else { asked.into() };
    shared.files.resolve(&file).map_err(|error| error.to_string())
}

/// Saves the calibration in use.
pub fn save(shared: &Shared, request: &Save::Request) -> Save::Response {
    let saved = file(shared, &request.file).and_then(|path| {
        let calibration = shared.calibration().ok_or_else(|| AnswerStatus::NotCalibrated.remedy().to_string())?;
        calibration.save(&path).map_err(|error| error.to_string())?;
        export(shared, &calibration, &path);
        std::path::absolute(&path).map_err(|error| error.to_string())
    });
    match saved {
        Ok(path) => {
            let file = path.display().to_string();
            Save::Response { success: true, message: format!("wrote {file}"), file }
        }
        Err(message) => Save::Response { success: false, message, file: String::new() },
    }
}

/// Writes the standard cameras beside a calibration that was saved; without them the calibration is as good as before.
pub fn export(shared: &Shared, calibration: &Calibration, path: &Path) {
    let tool = shared.parameters.text("tool_frame");
    let offset = show::transform::offset_of(shared, calibration.tool_rotation);
    match export::write(calibration, path, &tool, &offset) {
        Ok(written) => {
            let names = written.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
            tracing::info!("cameras for other software: {names}");
        }
        Err(error) => tracing::warn!("no cameras for other software were written: {error}"),
    }
}

/// Loads a calibration and serves it; on failure the one in use stays.
pub fn load(shared: &Shared, request: &Load::Request) -> Load::Response {
    match file(shared, &request.file).and_then(|path| load_file(shared, &path)) {
        Ok(message) => Load::Response { success: true, message },
        Err(message) => Load::Response { success: false, message },
    }
}

/// # Errors
/// What is wrong with the file, naming line or field.
pub fn load_file(shared: &Shared, path: &Path) -> Result<String, String> {
    let calibration = Calibration::load(path).map_err(|error| error.to_string())?;
    let message = format!("serving {}: {}", path.display(), calibration.reason);
    tracing::info!("{message}");
    shared.serve(calibration, path.display().to_string());
    Ok(message)
}
