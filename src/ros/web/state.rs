//! What the page shows, as JSON: at once, and again after each change.

use crate::camera::{Camera, Stereo};
use crate::mapping::calibration::{Calibration, ladder_rows};
use crate::mapping::checks::finding::remarks;
use crate::ros::input::camera_input;
use crate::ros::show::status;
use crate::ros::state::clicked::{AnsweredClick, FoundBy};
use crate::ros::state::progress::Progress;
use crate::ros::web::sources::PageSources;
use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use nalgebra::Vector2;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Shortest and longest time between two events.
const MIN_PERIOD: Duration = Duration::from_millis(250);
const MAX_PERIOD: Duration = Duration::from_secs(1);

/// The state now.
pub async fn now(State(sources): State<Arc<PageSources>>) -> Json<Value> {
    Json(state(&sources))
}

/// The state after each change, and once a second.
pub async fn events(State(sources): State<Arc<PageSources>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = sources.live.subscribe();
    let stream = futures::stream::unfold((sources, changes, true), |(sources, mut changes, is_first)| async move {
        if !is_first {
            tokio::time::sleep(MIN_PERIOD).await;
            // No change within that time is fine; a node that ends closes the channel.
            if let Ok(Err(_)) = tokio::time::timeout(MAX_PERIOD - MIN_PERIOD, changes.changed()).await {
                return None;
            }
        }
        changes.mark_unchanged();
        let event = Event::default().data(state(&sources).to_string());
        Some((Ok(event), (sources, changes, false)))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

fn state(sources: &PageSources) -> Value {
    let served = sources.served.now();
    let calibration = served.calibration.as_deref();
    let live = sources.live.borrow();
    let heights = live.reports.iter().map(|report| {
        json!([report.height_mm, report.residual.left, report.residual.right, margin(report.phase_margin)])
    });
    let models = |calibration: &Calibration| Camera::BOTH.map(|c| calibration.camera(c).model.kind().to_string());
    json!({
        "state": match status::State::new(&served, sources.robot.task()) {
            status::State::Calibrating => "calibrating",
            status::State::Ready => "ready",
            status::State::Uncalibrated => "uncalibrated",
        },
        "usable": served.is_usable(),
        "reason": served.reason,
        "method": calibration.map_or(String::new(), |calibration| calibration.method.to_string()),
        "models": calibration.map(models).as_ref().map_or(&[] as &[String], |both| both),
        "file": served.file,
        "armed": sources.robot.is_armed(),
        "progress": live.progress.as_ref().map(progress),
        "ended": live.ended.as_ref().map(|ended| json!({"usable": ended.is_usable, "reason": ended.reason})),
        "heights": heights.collect::<Vec<_>>(),
        "dataset": live.dataset.len(),
        "calibration": calibration.map(figures),
        "cameras": Camera::BOTH.map(|side| camera(sources, side)),
        "robot": robot(sources),
        "clicks": live.clicks.iter().map(click).collect::<Vec<_>>(),
    })
}

/// The smaller of both, pitches; null for the first pair, which has none.
fn margin(margin: Stereo<f64>) -> Option<f64> {
    Some(margin.left.min(margin.right)).filter(|margin| margin.is_finite())
}

fn progress(progress: &Progress) -> Value {
    json!({
        "stage": progress.stage.name(),
        "step": progress.step,
        "steps": progress.steps,
        "height_mm": progress.height_mm,
        "residual": progress.residual,
        "eta_s": progress.remaining.as_secs(),
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

fn camera(sources: &PageSources, camera: Camera) -> Value {
    let health = sources.cameras.health(camera);
    let limit_s = sources.parameters.now().cameras.image_timeout_s;
    let problem = match (health.age_s, &health.last_error) {
        (Some(age_s), _) if age_s > limit_s => {
            Some(format!("no usable image for {age_s:.0} s: is the camera running?"))
        }
        (Some(_), Some(error)) => Some(format!("some images are unusable: {error}")),
        (Some(_), None) => None,
        (None, Some(error)) => Some(format!("no usable image so far: {error}")),
        (None, None) => Some(format!("no image so far: is {} remapped?", camera_input::topic(camera))),
    };
    json!({"rate_hz": health.rate_hz, "size": health.size, "problem": problem})
}

fn robot(sources: &PageSources) -> Value {
    match sources.poses.fresh(sources.parameters.now().robot.pose_timeout_s) {
        Ok(pose) => json!({"position_mm": pose.position_mm(), "problem": null}),
        Err(loss) => json!({"problem": format!("no fresh pose ({loss}): is the robot's driver running?")}),
    }
}

/// A click as the page's table shows it; mm and px.
pub fn click(click: &AnsweredClick) -> Value {
    let estimate = click.estimate();
    let pixel = |pixel: Option<Vector2<f64>>| pixel.map_or([None; 2], |pixel| [Some(pixel.x), Some(pixel.y)]);
    json!({
        // Nanoseconds don't fit into a JavaScript number.
        "stamp_ns": click.stamp_ns.to_string(),
        "camera": click.camera.map_or(String::new(), |camera| camera.to_string()),
        "by": click.found_by.map_or("", FoundBy::name),
        "left": pixel(click.pixels.left),
        "right": pixel(click.pixels.right),
        "status": click.status().name(),
        "frame": click.frame,
        "point_mm": estimate.map(|found| <[f64; 3]>::from(found.point_mm)),
        "sigma_mm": estimate.map(|found| [0, 1, 2].map(|axis| found.covariance_mm2[(axis, axis)].sqrt())),
        "message": click.message,
    })
}
