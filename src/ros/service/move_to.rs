//! `~/move_to`: one move, only when armed, within the limits of a calibration.

use crate::ros::each;
use crate::ros::robot::lease::Robot;
use crate::ros::service::messages::{point, point_mm};
use crate::ros::support::respond::respond;
use r2r::QosProfile;
use r2r::grating_calibration::srv::MoveTo;
use std::sync::Arc;

/// Offers the service.
///
/// # Errors
/// Those of r2r.
pub fn start(node: &mut r2r::Node, robot: &Arc<Robot>) -> r2r::Result<()> {
    let requests = node.create_service::<MoveTo::Service>("~/move_to", QosProfile::default())?;
    let robot = robot.clone();
    each(requests, move |request| drop(tokio::spawn(answer(robot.clone(), request))));
    Ok(())
}

/// Moves, then answers.
async fn answer(robot: Arc<Robot>, request: r2r::ServiceRequest<MoveTo::Service>) {
    let target_mm = point_mm(&request.message.point).into();
    let response = match robot.move_to(target_mm, request.message.dry_run).await {
        Ok(moved) => {
            tracing::info!("~/move_to: {}", moved.message);
            MoveTo::Response { success: true, message: moved.message, reached: point(moved.position_mm.into()) }
        }
        Err(stop) => {
            let message = stop.reason();
            tracing::warn!("~/move_to: {message}");
            MoveTo::Response { success: false, message, ..Default::default() }
        }
    };
    tokio::task::spawn_blocking(|| respond("~/move_to", request, response));
}
