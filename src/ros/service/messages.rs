//! Answers as messages, in metres.

use crate::mapping::calibration::answer::{PixelAnswer, PointAnswer};
use crate::ros::state::service_status::ServiceStatus;
use nalgebra::{Vector2, Vector3};
use r2r::geometry_msgs::msg::Point;
use r2r::grating_calibration::msg::{Pixel, PixelEstimate, PointEstimate};

/// A point in m.
pub fn point(mm: Vector3<f64>) -> Point {
    Point { x: 1e-3 * mm.x, y: 1e-3 * mm.y, z: 1e-3 * mm.z }
}

/// A point in mm.
pub fn point_mm(message: &Point) -> Vector3<f64> {
    1e3 * Vector3::new(message.x, message.y, message.z)
}

/// A pixel.
pub fn pixel(message: &Pixel) -> Vector2<f64> {
    Vector2::new(message.u, message.v)
}

/// An answer, in the frame that it is in.
pub fn point_estimate(answer: &PointAnswer) -> PointEstimate {
    let (estimate, status) = (&answer.estimate, ServiceStatus::from(answer.status));
    // Of rays that miss it says by how much.
    let epipolar_px = estimate.epipolar_px;
    if !answer.status.is_answered() {
        return PointEstimate { epipolar_px, ..no_point(status) };
    }
    let covariance = 1e-6 * estimate.covariance_mm2;
    PointEstimate {
        status: status.code(),
        point: point(estimate.point_mm),
        covariance: covariance.transpose().as_slice().to_vec(),
        epipolar_px,
    }
}

/// An answer without a point.
pub fn no_point(status: ServiceStatus) -> PointEstimate {
    // Every field by name: r2r's defaults come from C and cost as much as an answer.
    PointEstimate { status: status.code(), point: point(Vector3::zeros()), covariance: vec![0.0; 9], epipolar_px: 0.0 }
}

/// An answer, or why there is none.
pub fn pixel_estimate(answer: Result<PixelAnswer, ServiceStatus>) -> PixelEstimate {
    let refused = |status: ServiceStatus| PixelEstimate {
        status: status.code(),
        pixel: Pixel { u: 0.0, v: 0.0 },
        covariance: vec![0.0; 4],
    };
    match answer {
        Ok(answer) if answer.status.is_answered() => PixelEstimate {
            status: ServiceStatus::from(answer.status).code(),
            pixel: Pixel { u: answer.pixel.x, v: answer.pixel.y },
            covariance: answer.covariance_px2.transpose().as_slice().to_vec(),
        },
        Ok(answer) => refused(answer.status.into()),
        Err(status) => refused(status),
    }
}
