//! The `~/calibrate` action: goals, feedback and results as messages.

use crate::mapping::method::Method;
use crate::ros::goal::action_server::{ActionServer, RunningGoal};
use crate::ros::goal::calibrator::{Calibrator, OnProgress};
use crate::ros::goal::goal_table::State;
use crate::ros::goal::outcome::Outcome;
use crate::ros::goal::request::CalibrationRequest;
use crate::ros::robot::lease::{Robot, RobotLease, Task};
use crate::ros::robot::stop::Stop;
use crate::ros::state::progress::Progress;
use crate::ros::support::clock::Clock;
use nalgebra::Vector2;
use r2r::builtin_interfaces::msg::Duration;
use r2r::grating_calibration::action::Calibrate;
use std::sync::Arc;

/// Offers the action.
///
/// # Errors
/// Those of r2r.
pub fn start(
    node: &mut r2r::Node,
    calibrator: &Arc<Calibrator>,
    robot: &Arc<Robot>,
    clock: &Arc<Clock>,
) -> r2r::Result<()> {
    let take = {
        let (calibrator, robot) = (calibrator.clone(), robot.clone());
        move |goal: Calibrate::Goal| {
            let lease = robot.lease(Task::Calibration);
            if lease.is_none() {
                tracing::warn!(
                    "a goal was refused: a calibration or a move is under way; wait for its end, or cancel it"
                );
            }
            let calibrator = calibrator.clone();
            lease.map(|lease| move |running| drop(tokio::spawn(follow(calibrator, lease, goal, running))))
        }
    };
    let (robot, clock) = (robot.clone(), clock.clone());
    let cancel = move || {
        robot.cancel();
    };
    ActionServer::offer(node, take, cancel, move || clock.stamp())
}

/// One goal, to its end.
async fn follow(calibrator: Arc<Calibrator>, lease: RobotLease, goal: Calibrate::Goal, running: RunningGoal) {
    let running = Arc::new(running);
    let for_feedback = running.clone();
    let on_progress: OnProgress = Box::new(move |progress| for_feedback.publish_feedback(feedback(progress)));
    let ended = match request(&goal) {
        Ok(request) => calibrator.run(lease, request, on_progress).await,
        Err(stop) => calibrator.end(Err(stop)),
    };
    let (state, result) = match ended {
        Ok(outcome) => (State::Succeeded, result(&outcome)),
        // Cancelled by somebody else than the goal's client: to the client it was aborted.
        Err(Stop::Cancelled) if !running.is_canceling() => (
            State::Aborted,
            without("cancelled, but not by its client: on the live page, or because the node ends".into()),
        ),
        Err(Stop::Cancelled) => (State::Canceled, without("cancelled".into())),
        Err(Stop::Failed(reason)) => (State::Aborted, without(reason)),
    };
    running.end(state, result);
}

fn request(goal: &Calibrate::Goal) -> Result<CalibrationRequest, Stop> {
    let method = match goal.method.as_str() {
        "" | "auto" => Method::Auto,
        "original" => Method::Original,
        other => return Err(Stop::Failed(format!("method '{other}' is unknown: use auto or original"))),
    };
    Ok(CalibrationRequest {
        height_start_mm: 1e3 * goal.height_start,
        height_stop_mm: 1e3 * goal.height_stop,
        height_step_mm: 1e3 * goal.height_step,
        jogs_mm: goal.jogs.iter().map(|jog| [1e3 * jog.x, 1e3 * jog.y]).collect(),
        method,
        origins_px: goal.origins.iter().map(|pixel| Vector2::new(pixel.u, pixel.v)).collect(),
        file: goal.file.clone(),
        is_dry_run: goal.dry_run,
        resumes: goal.resume,
    })
}

fn feedback(progress: &Progress) -> Calibrate::Feedback {
    let remaining = progress.remaining;
    Calibrate::Feedback {
        stage: progress.stage.name().into(),
        step: progress.step,
        steps: progress.steps,
        height: 1e-3 * progress.height_mm,
        residual: progress.residual,
        eta: Duration { sec: remaining.as_secs().try_into().unwrap_or(i32::MAX), nanosec: remaining.subsec_nanos() },
    }
}

fn result(outcome: &Outcome) -> Calibrate::Result {
    let (usable, reason) = (outcome.is_usable(), outcome.reason());
    match outcome {
        Outcome::Planned { plan, .. } => Calibrate::Result { reason, plan: plan.clone(), ..Default::default() },
        Outcome::Calibrated { calibration, file, retaken } => {
            let both = [&calibration.left, &calibration.right];
            let worst_mm = calibration.stereo.rms_mm.iter().copied().fold(0.0, f64::max);
            Calibrate::Result {
                usable,
                reason,
                method: calibration.method.to_string(),
                file: file.clone(),
                heights: calibration.heights as u32,
                correspondences: both.iter().map(|camera| camera.correspondences as u32).sum(),
                models: both.iter().map(|camera| camera.model.kind().to_string()).collect(),
                residual_rms_px: both.iter().map(|camera| camera.residual_rms_px).collect(),
                cross_validation_rms_px: both.iter().map(|camera| camera.cross_validation_rms_px).collect(),
                stereo_rms: 1e-3 * worst_mm,
                min_phase_margin: calibration.min_phase_margin,
                retaken: *retaken,
                ..Default::default()
            }
        }
    }
}

/// The result of a goal that gave no calibration.
fn without(reason: String) -> Calibrate::Result {
    Calibrate::Result { reason, ..Default::default() }
}
