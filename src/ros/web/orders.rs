//! What the page may ask for. Whatever moves the robot needs `move_to.armed`, as the service does.

use crate::camera::Camera;
use crate::ros::click::click_record;
use crate::ros::click::clicks::{self, Clicked};
use crate::ros::goal::action::{self, Turn};
use crate::ros::node::shared::Shared;
use crate::ros::service::move_to as mover;
use crate::ros::web::state;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use nalgebra::Vector2;
use r2r::geometry_msgs::msg::Point;
use r2r::grating_calibration::action::Calibrate;
use r2r::grating_calibration::msg::Pixel;
use r2r::grating_calibration::srv::MoveTo;
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
pub struct Wanted {
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
pub async fn calibrate(State(shared): State<Arc<Shared>>, Json(wanted): Json<Wanted>) -> Response {
    if !wanted.dry_run && !shared.parameters.now().move_to.armed {
        return refused(StatusCode::FORBIDDEN, UNARMED);
    }
    let goal = Calibrate::Goal {
        height_start: 0.0,
        height_stop: 1e-3 * wanted.stop_mm,
        height_step: 1e-3 * wanted.step_mm,
        method: "auto".into(),
        origins: wanted.origins.iter().map(|[u, v]| Pixel { u: *u, v: *v }).collect(),
        dry_run: wanted.dry_run,
        resume: wanted.resume,
        ..Calibrate::Goal::default()
    };
    let Some(turn) = Turn::take(&shared) else {
        return refused(StatusCode::CONFLICT, "a calibration or a move is under way: wait for its end, or cancel it");
    };
    tokio::spawn(async move {
        let calibration = turn.run(goal, Box::new(|_| ()));
        if wanted.dry_run { calibration.await } else { action::while_armed(&shared, calibration).await }
    });
    Json(json!({})).into_response()
}

/// Ends the calibration or the move that runs; the tool stops where it is.
pub async fn cancel(State(shared): State<Arc<Shared>>) -> Response {
    match action::cancel(&shared) {
        true => Json(json!({})).into_response(),
        false => refused(StatusCode::CONFLICT, "nothing is running"),
    }
}

/// A click with sub-pixel place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClickedPixel {
    camera: Camera,
    u: f64,
    v: f64,
    /// Of the picture, as text.
    stamp_ns: String,
}

/// Answers a click as those from topics are.
pub async fn click(State(shared): State<Arc<Shared>>, Json(clicked): Json<ClickedPixel>) -> Response {
    let Ok(stamp_ns) = clicked.stamp_ns.parse() else {
        return refused(StatusCode::BAD_REQUEST, format!("'{}' is no stamp", clicked.stamp_ns));
    };
    let clicked = Clicked { camera: clicked.camera, pixel: Vector2::new(clicked.u, clicked.v), stamp_ns };
    Json(state::click(&clicks::take(shared, clicked).await)).into_response()
}

/// A point in the base frame.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    point_mm: [f64; 3],
}

/// Moves the tool's origin there plus `click.approach`; answers when it is at rest.
pub async fn move_to(State(shared): State<Arc<Shared>>, Json(place): Json<Place>) -> Response {
    let approach_mm = shared.parameters.now().click.approach_m.map(|m| 1e3 * m);
    let [x, y, z] = [0, 1, 2].map(|i| 1e-3 * (place.point_mm[i] + approach_mm[i]));
    let asked = MoveTo::Request { point: Point { x, y, z }, dry_run: false };
    // On its own: a page that is closed takes nothing with it, the move ends as it should.
    let moved = tokio::spawn(async move { mover::run(&shared, &asked).await }).await;
    match moved.unwrap_or_else(|failure| Err(failure.into())) {
        Ok((message, at)) => {
            Json(json!({"message": message, "reached_mm": [1e3 * at.x, 1e3 * at.y, 1e3 * at.z]})).into_response()
        }
        Err(stop) => refused(StatusCode::CONFLICT, stop.reason()),
    }
}

/// All clicks that are shown, as the file has them.
pub async fn points(State(shared): State<Arc<Shared>>) -> Response {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut written = writer.write_record(click_record::HEADER);
    for click in &shared.live.borrow().clicks {
        written = written.and_then(|()| writer.write_record(click_record::row(click)));
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
