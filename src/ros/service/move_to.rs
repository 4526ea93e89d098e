//! `~/move_to`: one move, only when armed, within the limits of a calibration.

use crate::ros::goal::action::{Turn, while_armed};
use crate::ros::node::shared::Shared;
use crate::ros::robot::mover::Mover;
use crate::ros::robot::stop::{Stop, failed};
use crate::ros::support::respond::respond;
use r2r::geometry_msgs::msg::Point;
use r2r::grating_calibration::srv::MoveTo;
use std::sync::Arc;

/// Moves, then answers.
pub async fn answer(shared: Arc<Shared>, request: r2r::ServiceRequest<MoveTo::Service>) {
    let asked = request.message.clone();
    let response = match run(&shared, &asked).await {
        Ok((message, reached)) => MoveTo::Response { success: true, message, reached },
        Err(stop) => MoveTo::Response { success: false, message: stop.reason(), ..Default::default() },
    };
    match response.success {
        true => tracing::info!("~/move_to: {}", response.message),
        false => tracing::warn!("~/move_to: {}", response.message),
    }
    tokio::task::spawn_blocking(|| respond("~/move_to", request, response));
}

/// One move.
///
/// # Errors
/// [`Stop`] with why nothing was moved, or what stopped the move.
pub async fn run(shared: &Arc<Shared>, asked: &MoveTo::Request) -> Result<(String, Point), Stop> {
    let target_mm = [asked.point.x, asked.point.y, asked.point.z].map(|m| 1e3 * m);
    shared.parameters.now().limits.limits().check_box(target_mm)?;
    if !asked.dry_run && !shared.parameters.now().move_to.armed {
        return failed("~/move_to is not armed: set the parameter move_to.armed to true to let it move the robot");
    }
    let Some(turn) = Turn::take(shared) else {
        return failed("a calibration or another move is under way: wait for its end, or cancel it");
    };
    if asked.dry_run {
        return moved(&turn, asked, target_mm).await;
    }
    match while_armed(shared, moved(&turn, asked, target_mm)).await {
        Err(Stop::Cancelled) if !shared.parameters.now().move_to.armed => {
            failed("stopped where it was: move_to.armed was set to false")
        }
        moved => moved,
    }
}

async fn moved(turn: &Turn, asked: &MoveTo::Request, target_mm: [f64; 3]) -> Result<(String, Point), Stop> {
    let mut mover = Mover::new(turn.shared.clone(), turn.cancelled.clone(), false).await?;
    let start_mm = mover.start_mm;
    mover.commander.limits().check_step(start_mm, target_mm)?;
    let duration_s = mover.commander.duration_s(start_mm, target_mm);
    let point = |mm: [f64; 3]| Point { x: 1e-3 * mm[0], y: 1e-3 * mm[1], z: 1e-3 * mm[2] };
    if asked.dry_run {
        return Ok((format!("allowed; it takes {duration_s:.2} s and the time to settle"), point(start_mm)));
    }
    match mover.go_to(target_mm, "the point").await {
        Ok(settled) => Ok((format!("at rest after {duration_s:.2} s of motion"), point(settled.position_mm))),
        Err(stop) => {
            mover.hold();
            Err(stop)
        }
    }
}
