//! Clicks with their points.

use crate::camera::{Camera, Stereo};
use crate::mapping::calibration::answer::PointAnswer;
use crate::mapping::inverse::invert::PointEstimate;
use crate::ros::state::service_status::ServiceStatus;
use nalgebra::{Isometry3, Matrix3, Point3, Vector2};

/// How the point of a click was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// In one camera, on the plane `click.height` above the sheet.
    Plane,
    /// Where the rays of two clicks meet.
    Stereo,
}

impl FoundBy {
    /// As messages and files name it.
    pub fn name(self) -> &'static str {
        match self {
            FoundBy::Plane => "plane",
            FoundBy::Stereo => "stereo",
        }
    }
}

/// A click with its answer.
#[derive(Clone, Debug)]
pub struct AnsweredClick {
    /// Of the image that was clicked.
    pub stamp_ns: i64,
    /// Clicked last; `None`: a camera that is not known.
    pub camera: Option<Camera>,
    /// How the point was found; `None`: it was not.
    pub found_by: Option<FoundBy>,
    /// Clicked pixels, as far as there are any.
    pub pixels: Stereo<Option<Vector2<f64>>>,
    /// The point, in [`Self::frame`], or why the calibration was not asked.
    pub answer: Result<PointAnswer, ServiceStatus>,
    /// Frame of the answer; empty where no camera is known.
    pub frame: String,
    /// Why there is no point, or what to mind; empty: all is well.
    pub message: String,
}

impl AnsweredClick {
    /// What the answer's status is.
    pub fn status(&self) -> ServiceStatus {
        self.answer.map_or_else(|status| status, |answer| answer.status.into())
    }

    /// Point and covariance, where there are any.
    pub fn estimate(&self) -> Option<PointEstimate> {
        self.answer.ok().filter(|answer| answer.status.is_answered()).map(|answer| answer.estimate)
    }
}

/// An answer of the calibration frame in another frame.
pub fn in_frame(answer: &PointAnswer, frame_from_calibration: &Isometry3<f64>) -> PointAnswer {
    let mut answer = *answer;
    let rotation: Matrix3<f64> = frame_from_calibration.rotation.to_rotation_matrix().into_inner();
    let estimate = &mut answer.estimate;
    estimate.point_mm = (frame_from_calibration * Point3::from(estimate.point_mm)).coords;
    estimate.covariance_mm2 = rotation * estimate.covariance_mm2 * rotation.transpose();
    answer
}
