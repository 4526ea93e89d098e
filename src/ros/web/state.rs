//! What the page shows, as JSON: at once, and again after each change.

use crate::camera::{Camera, Stereo};
use crate::mapping::calibration::{Calibration, ladder_rows};
use crate::mapping::checks::finding::remarks;
use crate::ros::nanoseconds;
use crate::ros::node::shared::Shared;
use crate::ros::robot::mover::fresh_pose;
use crate::ros::service::status::ServiceStatus;
use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use r2r::grating_calibration::action::Calibrate;
use r2r::grating_calibration::msg::{CalibrationStatus, Click, PointEstimate};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Shortest and longest time between two events.
const SOONEST: Duration = Duration::from_millis(250);
const LATEST: Duration = Duration::from_secs(1);

/// The state now.
pub async fn now(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(state(&shared))
}

/// The state after each change, and once a second.
pub async fn events(State(shared): State<Arc<Shared>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = shared.live.subscribe();
    let stream = futures::stream::unfold((shared, changes, true), |(shared, mut changes, first)| async move {
        if !first {
            tokio::time::sleep(SOONEST).await;
            // No change within that time is fine; a node that ends closes the channel.
            if let Ok(Err(_)) = tokio::time::timeout(LATEST - SOONEST, changes.changed()).await {
                return None;
            }
        }
        changes.mark_unchanged();
        let event = Event::default().data(state(&shared).to_string());
        Some((Ok(event), (shared, changes, false)))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

fn state(shared: &Shared) -> Value {
    let status = shared.status();
    let calibration = shared.calibration();
    let live = shared.live.borrow();
    let heights = live.reports.iter().map(|report| {
        json!([report.height_mm, report.residual.left, report.residual.right, margin(report.phase_margin)])
    });
    json!({
        "state": match status.state {
            state if state == CalibrationStatus::CALIBRATING as u8 => "calibrating",
            state if state == CalibrationStatus::READY as u8 => "ready",
            _ => "uncalibrated",
        },
        "usable": status.usable,
        "reason": status.reason,
        "method": status.method,
        "models": status.models,
        "file": status.file,
        "armed": shared.parameters.now().move_to.armed,
        "progress": live.progress.as_ref().map(progress),
        "ended": live.ended.as_ref().map(|ended| json!({"usable": ended.usable, "reason": ended.reason})),
        "heights": heights.collect::<Vec<_>>(),
        "dataset": live.dataset.len(),
        "calibration": calibration.as_deref().map(figures),
        "cameras": Camera::BOTH.map(|side| camera(shared, side)),
        "robot": robot(shared),
        "clicks": live.clicks.iter().map(click).collect::<Vec<_>>(),
    })
}

/// The smaller of both, pitches; null for the first pair, which has none.
fn margin(margin: Stereo<f64>) -> Option<f64> {
    Some(margin.left.min(margin.right)).filter(|margin| margin.is_finite())
}

fn progress(feedback: &Calibrate::Feedback) -> Value {
    json!({
        "stage": feedback.stage,
        "step": feedback.step,
        "steps": feedback.steps,
        "height_mm": 1e3 * feedback.height,
        "residual": feedback.residual,
        "eta_s": feedback.eta.sec,
    })
}

fn figures(calibration: &Calibration) -> Value {
    json!({
        "heights": calibration.heights,
        "height_range_mm": calibration.height_range_mm,
        "pitch_mm": calibration.pitch_mm,
        "created": calibration.created,
        "rms_um": calibration.stereo.rms_mm.map(|mm| 1e3 * mm),
        "max_um": 1e3 * calibration.stereo.max_mm,
        "sentences": remarks(&calibration.findings),
        "ladder": ladder_rows::rows(calibration),
    })
}

fn camera(shared: &Shared, camera: Camera) -> Value {
    let health = shared.frames().health(camera);
    let limit_s = shared.parameters.now().cameras.image_timeout_s;
    let problem = match (health.age_s, &health.last_error) {
        (Some(age_s), _) if age_s > limit_s => {
            Some(format!("no usable picture for {age_s:.0} s: is the camera running?"))
        }
        (Some(_), Some(error)) => Some(format!("some pictures are unusable: {error}")),
        (Some(_), None) => None,
        (None, Some(error)) => Some(format!("no usable picture so far: {error}")),
        (None, None) => Some(format!("no picture so far: is {camera}/image_raw remapped?")),
    };
    json!({"rate_hz": health.rate_hz, "size": health.size, "problem": problem})
}

fn robot(shared: &Shared) -> Value {
    match fresh_pose(shared, shared.parameters.now().robot.pose_timeout_s) {
        Ok(pose) => json!({"position_mm": pose.position_mm(), "problem": null}),
        Err(age) => json!({"problem": format!("no fresh pose ({age}): is the robot's driver running?")}),
    }
}

/// A click as the page's table shows it; mm.
pub fn click(click: &Click) -> Value {
    let answered = click.estimate.status <= PointEstimate::OUTSIDE_VOLUME as u8;
    let p = &click.estimate.point;
    let sigma = |i: usize| 1e3 * click.estimate.covariance.get(i).map_or(0.0, |variance| variance.sqrt());
    json!({
        // Nanoseconds don't fit into a JavaScript number.
        "stamp_ns": nanoseconds(&click.header.stamp).to_string(),
        "camera": click.camera,
        "by": click.by,
        "left": [click.left.u, click.left.v],
        "right": [click.right.u, click.right.v],
        "status": ServiceStatus::from_code(click.estimate.status).map_or("", ServiceStatus::name),
        "frame": click.header.frame_id,
        "point_mm": answered.then_some([1e3 * p.x, 1e3 * p.y, 1e3 * p.z]),
        "sigma_mm": answered.then(|| [sigma(0), sigma(4), sigma(8)]),
        "message": click.message,
    })
}
