//! Clicks with their points as messages: `clicked_point`, `~/click`.

use crate::camera::Camera;
use crate::ros::service::messages::{self, no_point, point_estimate};
use crate::ros::state::clicked::{AnsweredClick, FoundBy};
use crate::ros::time;
use nalgebra::Vector2;
use r2r::geometry_msgs::msg::{Point, PointStamped};
use r2r::grating_calibration::msg::{Click, Pixel};
use r2r::std_msgs::msg::Header;

fn pixel(pixel: Option<Vector2<f64>>) -> Pixel {
    pixel.map_or(Pixel { u: f64::NAN, v: f64::NAN }, |pixel| Pixel { u: pixel.x, v: pixel.y })
}

fn header(click: &AnsweredClick) -> Header {
    Header { stamp: time(click.stamp_ns), frame_id: click.frame.clone() }
}

/// With pixels, covariance and reason.
pub fn click(click: &AnsweredClick) -> Click {
    Click {
        header: header(click),
        camera: click.camera.map_or(String::new(), |camera: Camera| camera.to_string()),
        by: click.found_by.map_or("", FoundBy::name).into(),
        left: pixel(click.pixels.left),
        right: pixel(click.pixels.right),
        estimate: click.answer.map_or_else(no_point, |answer| point_estimate(&answer)),
        message: click.message.clone(),
    }
}

/// The point alone; NaN where there is none.
pub fn point(click: &AnsweredClick) -> PointStamped {
    let nan = Point { x: f64::NAN, y: f64::NAN, z: f64::NAN };
    let point = click.estimate().map_or(nan, |estimate| messages::point(estimate.point_mm));
    PointStamped { header: header(click), point }
}
