//! `pixel_to_world`, `world_to_pixel`, `~/save`, `~/load`: every item of a batch gets its own status.

use crate::camera::Camera;
use crate::folder::camera_files;
use crate::mapping::calibration::Calibration;
use crate::mapping::calibration::answer::{AnswerStatus, PixelAnswer, PointAnswer};
use crate::ros::node::shared::Shared;
use crate::ros::service::status::ServiceStatus;
use crate::ros::support::work;
use crate::ros::{locked, nanoseconds, show};
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
fn frame(shared: &Shared, header: &Header) -> Result<(Isometry3<f64>, String), ServiceStatus> {
    let (tool, base) =
        (shared.parameters.now().frames.tool_frame.clone(), shared.parameters.now().frames.base_frame.clone());
    // The calibrated frame's origin is the grid's mark at h = 0; the robot's tool frame may have another.
    let offset = show::transform::offset(shared);
    match header.frame_id.as_str() {
        "" => Ok((offset, tool)),
        frame if frame == tool => Ok((offset, tool)),
        frame if frame == shared.parameters.now().frames.calibration_frame.clone() => {
            Ok((Isometry3::identity(), frame.into()))
        }
        frame if frame == base => {
            let pose = locked(&shared.poses).at(nanoseconds(&header.stamp)).ok_or(ServiceStatus::PoseUnavailable)?;
            Ok((pose.pose * offset, base))
        }
        _ => Err(ServiceStatus::UnknownFrame),
    }
}

/// Answers a batch of pixels.
pub fn pixel_to_world(shared: &Shared, request: &PixelToWorld::Request) -> PixelToWorld::Response {
    let stamp = request.header.stamp.clone();
    let (wanted_from_tool, frame_id) = match frame(shared, &request.header) {
        Ok(found) => found,
        Err(status) => return refused(request, status, Header { stamp, frame_id: String::new() }),
    };
    let header = Header { stamp, frame_id };
    let Some(calibration) = shared.calibration() else { return refused(request, ServiceStatus::NotCalibrated, header) };
    let (left, right, sigma_px) = (&request.left, &request.right, request.pixel_sigma);
    let answers = match wanted(&request.camera) {
        Some(Wanted::Both) if left.len() == right.len() => {
            let pairs = calibration.pairs(sigma_px);
            let answer = |i: usize| pairs.point(pixel(&left[i]), pixel(&right[i]));
            work::map(left.len(), |i| point_in(&answer(i), &wanted_from_tool))
        }
        None | Some(Wanted::Both) => return refused(request, ServiceStatus::UnknownCamera, header),
        Some(Wanted::One(camera)) => {
            let (pixels, plane_z_mm) = (if camera == Camera::Left { left } else { right }, 1e3 * request.plane_z);
            work::map(pixels.len(), |i| {
                let answer = calibration.noisy_pixel_to_plane(camera, pixel(&pixels[i]), plane_z_mm, sigma_px);
                point_in(&answer, &wanted_from_tool)
            })
        }
    };
    let statuses = answers.iter().filter_map(|answer| ServiceStatus::from_code(answer.status));
    PixelToWorld::Response { header, message: remedy(statuses), answers }
}

/// The same status for all of a batch.
fn refused(request: &PixelToWorld::Request, status: ServiceStatus, header: Header) -> PixelToWorld::Response {
    let count = request.left.len().max(request.right.len());
    PixelToWorld::Response {
        header,
        answers: vec![no_point(status); count],
        message: remedy((0..count).map(|_| status)),
    }
}

fn pixel(message: &Pixel) -> Vector2<f64> {
    Vector2::new(message.u, message.v)
}

/// An answer in another frame, m; `wanted_from_calibration` in mm.
pub fn point_in(answer: &PointAnswer, wanted_from_calibration: &Isometry3<f64>) -> PointEstimate {
    let status = ServiceStatus::Answer(answer.status);
    // Of rays that miss it says by how much.
    let epipolar_px = answer.estimate.epipolar_px;
    if !answer.status.is_answered() {
        return PointEstimate { epipolar_px, ..no_point(status) };
    }
    let point = 1e-3 * (wanted_from_calibration * nalgebra::Point3::from(answer.estimate.point_mm)).coords;
    let rotation: Matrix3<f64> = wanted_from_calibration.rotation.to_rotation_matrix().into_inner();
    let covariance = 1e-6 * rotation * answer.estimate.covariance_mm2 * rotation.transpose();
    PointEstimate {
        status: status.code(),
        point: Point { x: point.x, y: point.y, z: point.z },
        covariance: covariance.transpose().as_slice().to_vec(),
        epipolar_px,
    }
}

/// An answer without a point.
pub fn no_point(status: ServiceStatus) -> PointEstimate {
    // Every field by name: r2r's defaults come from C and cost as much as an answer.
    let point = Point { x: 0.0, y: 0.0, z: 0.0 };
    PointEstimate { status: status.code(), point, covariance: vec![0.0; 9], epipolar_px: 0.0 }
}

/// What to do about the first answer that is not OK.
fn remedy(statuses: impl Iterator<Item = ServiceStatus>) -> String {
    let first = statuses.enumerate().find(|(_, status)| *status != ServiceStatus::Answer(AnswerStatus::Ok));
    first.map_or(String::new(), |(index, status)| format!("item {index}: {}", status.remedy()))
}

/// Answers a batch of points.
pub fn world_to_pixel(shared: &Shared, request: &WorldToPixel::Request) -> WorldToPixel::Response {
    let calibration = shared.calibration();
    let tool_from_wanted = frame(shared, &request.header).map(|(wanted_from_tool, _)| wanted_from_tool.inverse());
    let answer = |camera: Camera, point: &Point| -> Result<PixelAnswer, ServiceStatus> {
        let tool_from_wanted = tool_from_wanted?;
        let calibration = calibration.as_deref().ok_or(ServiceStatus::NotCalibrated)?;
        let point_mm = 1e3 * Vector3::new(point.x, point.y, point.z);
        let point_in_tool_mm = (tool_from_wanted * nalgebra::Point3::from(point_mm)).coords;
        Ok(calibration.point_to_pixel(camera, point_in_tool_mm))
    };
    let points = &request.points;
    let all = |camera: Camera| work::map(points.len(), |i| pixel_estimate(answer(camera, &points[i])));
    let (left, right) = match wanted(&request.camera) {
        Some(Wanted::Both) => (all(Camera::Left), all(Camera::Right)),
        Some(Wanted::One(Camera::Left)) => (all(Camera::Left), Vec::new()),
        Some(Wanted::One(Camera::Right)) => (Vec::new(), all(Camera::Right)),
        None => {
            let refused = vec![pixel_estimate(Err(ServiceStatus::UnknownCamera)); points.len()];
            (refused.clone(), refused)
        }
    };
    let message = remedy(left.iter().chain(&right).filter_map(|answer| ServiceStatus::from_code(answer.status)));
    WorldToPixel::Response { left, right, message }
}

fn pixel_estimate(answer: Result<PixelAnswer, ServiceStatus>) -> PixelEstimate {
    let refused = |status: ServiceStatus| PixelEstimate {
        status: status.code(),
        pixel: Pixel { u: 0.0, v: 0.0 },
        covariance: vec![0.0; 4],
    };
    match answer {
        Ok(answer) if answer.status.is_answered() => PixelEstimate {
            status: ServiceStatus::Answer(answer.status).code(),
            pixel: Pixel { u: answer.pixel.x, v: answer.pixel.y },
            covariance: answer.covariance_px2.transpose().as_slice().to_vec(),
        },
        Ok(PixelAnswer { status, .. }) => refused(ServiceStatus::Answer(status)),
        Err(status) => refused(status),
    }
}

/// The request's file, else the parameter's; inside the folder that the node may use.
fn file(shared: &Shared, asked: &str) -> Result<PathBuf, String> {
    let file =
        if asked.is_empty() { shared.parameters.now().calibration.calibration_file.clone() } else { asked.into() };
    shared.files.resolve(&file).map_err(|error| error.to_string())
}

/// Saves the calibration in use.
pub fn save(shared: &Shared, request: &Save::Request) -> Save::Response {
    let saved = file(shared, &request.file).and_then(|path| {
        let calibration = shared.calibration().ok_or_else(|| ServiceStatus::NotCalibrated.remedy().to_string())?;
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
    let tool = shared.parameters.now().frames.tool_frame.clone();
    let offset = show::transform::offset_of(shared, calibration.tool_rotation);
    match camera_files::write(calibration, path, &tool, &offset) {
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
