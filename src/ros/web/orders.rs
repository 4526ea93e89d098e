//! What the page may ask for. Whatever moves the robot needs `move_to.armed`, as the service does.

use crate::camera::Camera;
use crate::mapping::method::Method;
use crate::ros::click::partner::Clicked;
use crate::ros::click::record;
use crate::ros::goal::request::CalibrationRequest;
use crate::ros::robot::lease::Task;
use crate::ros::web::sources::PageSources;
use crate::ros::web::state;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use nalgebra::Vector2;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

const UNARMED: &str =
    "the robot is not armed: set the node's parameter move_to.armed to true, and stay near the emergency stop";

fn refused(status: StatusCode, why: impl Into<String>) -> Response {
    (status, Json(json!({"error": why.into()}))).into_response()
}

/// A calibration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationOrder {
    stop_mm: f64,
    step_mm: f64,
    /// Left and right pixel of the grid's origin; empty: the parameters', else the mark's.
    #[serde(default)]
    origins: Vec<[f64; 2]>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    resume: bool,
}

/// Starts a calibration; its end is in the state.
pub async fn calibrate(State(sources): State<Arc<PageSources>>, Json(order): Json<CalibrationOrder>) -> Response {
    if !order.dry_run && !sources.robot.is_armed() {
        return refused(StatusCode::FORBIDDEN, UNARMED);
    }
    let request = CalibrationRequest {
        height_start_mm: 0.0,
        height_stop_mm: order.stop_mm,
        height_step_mm: order.step_mm,
        jogs_mm: Vec::new(),
        method: Method::Auto,
        origins_px: order.origins.iter().map(|pixel| Vector2::from(*pixel)).collect(),
        file: String::new(),
        is_dry_run: order.dry_run,
        resumes: order.resume,
    };
    let Some(lease) = sources.robot.lease(Task::Calibration) else {
        return refused(StatusCode::CONFLICT, "a calibration or a move is under way: wait for its end, or cancel it");
    };
    tokio::spawn(async move {
        let calibration = sources.calibrator.run(lease, request, Box::new(|_| ()));
        if order.dry_run { calibration.await } else { sources.robot.while_armed(calibration).await }
    });
    Json(json!({})).into_response()
}

/// Ends the calibration or the move that runs; the tool stops where it is.
pub async fn cancel(State(sources): State<Arc<PageSources>>) -> Response {
    match sources.robot.cancel() {
        true => Json(json!({})).into_response(),
        false => refused(StatusCode::CONFLICT, "nothing is running"),
    }
}

/// A click at a fraction of a pixel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClickOrder {
    camera: Camera,
    u: f64,
    v: f64,
    /// Of the image, as text.
    stamp_ns: String,
}

/// Answers a click as those from topics are.
pub async fn click(State(sources): State<Arc<PageSources>>, Json(order): Json<ClickOrder>) -> Response {
    let Ok(stamp_ns) = order.stamp_ns.parse() else {
        return refused(StatusCode::BAD_REQUEST, format!("'{}' is no stamp", order.stamp_ns));
    };
    let clicked = Clicked { camera: order.camera, pixel: Vector2::new(order.u, order.v), stamp_ns };
    match sources.clicks.clone().take(clicked).await {
        Ok(click) => Json(state::click(&click)).into_response(),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// A point in the base frame.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveOrder {
    point_mm: [f64; 3],
}

/// Moves the tool's origin there plus `click.approach`; answers when it is at rest.
pub async fn move_to(State(sources): State<Arc<PageSources>>, Json(order): Json<MoveOrder>) -> Response {
    // On its own: a page that is closed takes nothing with it, the move ends as it should.
    let moved = tokio::spawn(async move { sources.clicks.move_to(order.point_mm).await }).await;
    match moved.unwrap_or_else(|failure| Err(failure.into())) {
        Ok(moved) => Json(json!({"message": moved.message, "reached_mm": moved.position_mm})).into_response(),
        Err(stop) => refused(StatusCode::CONFLICT, stop.reason()),
    }
}

/// All clicks that are shown, as the file has them.
pub async fn points(State(sources): State<Arc<PageSources>>) -> Response {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut written = writer.write_record(record::HEADER);
    for click in &sources.live.borrow().clicks {
        written = written.and_then(|()| writer.write_record(record::row(click)));
    }
    match written.map_err(|error| error.to_string()).and_then(|()| writer.into_inner().map_err(|e| e.to_string())) {
        Ok(bytes) => {
            let headers = [
                (CONTENT_TYPE, "text/csv; charset=utf-8"),
                (CONTENT_DISPOSITION, "attachment; filename=\"points.csv\""),
            ];
            (headers, bytes).into_response()
        }
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}
