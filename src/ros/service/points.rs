//! `pixel_to_world`, `world_to_pixel`: every item of a batch has its own status.

use crate::camera::Camera;
use crate::mapping::calibration::answer::{PixelAnswer, PointAnswer};
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::input::pose_input::PoseInput;
use crate::ros::nanoseconds;
use crate::ros::service::messages::{no_point, pixel, pixel_estimate, point_estimate, point_mm};
use crate::ros::state::clicked::in_frame;
use crate::ros::state::served::ServedCalibration;
use crate::ros::state::service_status::ServiceStatus;
use crate::ros::support::respond::answer_with;
use crate::ros::support::work;
use nalgebra::{Isometry3, Point3};
use r2r::geometry_msgs::msg::Point;
use r2r::grating_calibration::msg::{PixelEstimate, PointEstimate};
use r2r::grating_calibration::srv::{PixelToWorld, WorldToPixel};
use r2r::std_msgs::msg::Header;
use std::sync::Arc;

/// Which cameras a request is about.
#[derive(Clone, Copy)]
enum Cameras {
    One(Camera),
    Both,
}

impl Cameras {
    fn named(name: &str) -> Option<Self> {
        match name {
            "" | "stereo" => Some(Cameras::Both),
            "left" => Some(Cameras::One(Camera::Left)),
            "right" => Some(Cameras::One(Camera::Right)),
            _ => None,
        }
    }
}

/// Answers batches of pixels and points.
pub struct PointService {
    /// The calibration that answers.
    pub served: Arc<ServedCalibration>,
    /// For answers in the base frame.
    pub poses: Arc<PoseInput>,
    /// Names of the frames.
    pub parameters: ParameterTable<NodeParameters>,
}

impl PointService {
    /// Offers both services.
    ///
    /// # Errors
    /// Those of r2r.
    pub fn start(self, node: &mut r2r::Node) -> r2r::Result<()> {
        let service = Arc::new(self);
        let known = service.clone();
        answer_with::<PixelToWorld::Service>(node, "pixel_to_world", move |asked| known.pixel_to_world(asked))?;
        answer_with::<WorldToPixel::Service>(node, "world_to_pixel", move |asked| service.world_to_pixel(asked))
    }

    /// frame_from_calibration for a request's header, mm, with the frame's name; or why there is none.
    fn frame(&self, header: &Header) -> Result<(Isometry3<f64>, String), ServiceStatus> {
        let parameters = self.parameters.now();
        let frames = &parameters.frames;
        let tool_from_calibration = self.served.tool_from_calibration();
        match header.frame_id.as_str() {
            "" => Ok((tool_from_calibration, frames.tool_frame.clone())),
            name if name == frames.tool_frame => Ok((tool_from_calibration, name.into())),
            name if name == frames.calibration_frame => Ok((Isometry3::identity(), name.into())),
            name if name == frames.base_frame => {
                let stamp_ns = nanoseconds(&header.stamp);
                let base_from_tool = self.poses.at(stamp_ns).ok_or(ServiceStatus::PoseUnavailable)?.pose;
                Ok((base_from_tool * tool_from_calibration, name.into()))
            }
            _ => Err(ServiceStatus::UnknownFrame),
        }
    }

    fn pixel_to_world(&self, request: &PixelToWorld::Request) -> PixelToWorld::Response {
        let stamp = request.header.stamp.clone();
        let (frame_from_calibration, frame_id) = match self.frame(&request.header) {
            Ok(found) => found,
            Err(status) => return refused(request, status, Header { stamp, frame_id: String::new() }),
        };
        let header = Header { stamp, frame_id };
        let Some(calibration) = self.served.calibration() else {
            return refused(request, ServiceStatus::NotCalibrated, header);
        };
        let (left, right, sigma_px) = (&request.left, &request.right, request.pixel_sigma);
        let message =
            |answer: PointAnswer| (answer.status.into(), point_estimate(&in_frame(&answer, &frame_from_calibration)));
        let answers = match Cameras::named(&request.camera) {
            Some(Cameras::Both) if left.len() == right.len() => {
                let pairs = calibration.pairs(sigma_px);
                work::map(left.len(), |i| message(pairs.point(pixel(&left[i]), pixel(&right[i]))))
            }
            None | Some(Cameras::Both) => return refused(request, ServiceStatus::UnknownCamera, header),
            Some(Cameras::One(camera)) => {
                let pixels = if camera == Camera::Left { left } else { right };
                let plane_z_mm = 1e3 * request.plane_z;
                work::map(pixels.len(), |i| {
                    message(calibration.noisy_pixel_to_plane(camera, pixel(&pixels[i]), plane_z_mm, sigma_px))
                })
            }
        };
        let message = remedy(answers.iter().map(|(status, _)| *status));
        PixelToWorld::Response { header, message, answers: answers.into_iter().map(|(_, answer)| answer).collect() }
    }

    fn world_to_pixel(&self, request: &WorldToPixel::Request) -> WorldToPixel::Response {
        let calibration = self.served.calibration();
        let calibration_from_frame = self.frame(&request.header).map(|(frame, _)| frame.inverse());
        let answer = |camera: Camera, point: &Point| -> Result<PixelAnswer, ServiceStatus> {
            let calibration_from_frame = calibration_from_frame?;
            let calibration = calibration.as_deref().ok_or(ServiceStatus::NotCalibrated)?;
            let point_in_tool_mm = (calibration_from_frame * Point3::from(point_mm(point))).coords;
            Ok(calibration.point_to_pixel(camera, point_in_tool_mm))
        };
        let points = &request.points;
        let all = |camera: Camera| -> Vec<(ServiceStatus, PixelEstimate)> {
            work::map(points.len(), |i| {
                let answer = answer(camera, &points[i]);
                (answer.as_ref().map_or_else(|status| *status, |answer| answer.status.into()), pixel_estimate(answer))
            })
        };
        let (left, right) = match Cameras::named(&request.camera) {
            Some(Cameras::Both) => (all(Camera::Left), all(Camera::Right)),
            Some(Cameras::One(Camera::Left)) => (all(Camera::Left), Vec::new()),
            Some(Cameras::One(Camera::Right)) => (Vec::new(), all(Camera::Right)),
            None => {
                let status = ServiceStatus::UnknownCamera;
                let refused = vec![(status, pixel_estimate(Err(status))); points.len()];
                (refused.clone(), refused)
            }
        };
        let message = remedy(left.iter().chain(&right).map(|(status, _)| *status));
        let [left, right] = [left, right].map(|answers| answers.into_iter().map(|(_, answer)| answer).collect());
        WorldToPixel::Response { left, right, message }
    }
}

/// The same status for all of a batch.
fn refused(request: &PixelToWorld::Request, status: ServiceStatus, header: Header) -> PixelToWorld::Response {
    let count = request.left.len().max(request.right.len());
    let answers: Vec<PointEstimate> = vec![no_point(status); count];
    PixelToWorld::Response { header, answers, message: remedy((0..count).map(|_| status)) }
}

/// What to do about the first answer that is not OK.
fn remedy(statuses: impl Iterator<Item = ServiceStatus>) -> String {
    let first = statuses.enumerate().find(|(_, status)| *status != ServiceStatus::OK);
    first.map_or(String::new(), |(index, status)| format!("item {index}: {}", status.remedy()))
}
