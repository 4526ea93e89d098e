//! `~/check`: one image pair, taken where the tool stands, against the calibration in use. Nothing moves.

use crate::camera::Stereo;
use crate::ros::locked;
use crate::ros::node::shared::Shared;
use crate::ros::support::respond::respond;
use crate::ros::support::work;
use crate::sweep::drift::{CheckError, DriftMeasurement, Verdict, check};
use r2r::grating_calibration::srv::Check;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A grid that was left alone is nearer than this to where the pose says, mm.
const LEFT_ALONE_MM: f64 = 0.05;

/// Checks, then answers.
pub async fn answer(shared: Arc<Shared>, request: r2r::ServiceRequest<Check::Service>) {
    let unknown = |message| without_numbers(Check::Response::UNKNOWN as u8, message);
    let response = run(&shared).await.unwrap_or_else(unknown);
    match response.verdict {
        verdict if verdict == Check::Response::GOOD as u8 => tracing::info!("~/check: {}", response.message),
        _ => tracing::warn!("~/check: {}", response.message),
    }
    tokio::task::spawn_blocking(|| respond("~/check", request, response));
}

async fn run(shared: &Arc<Shared>) -> Result<Check::Response, String> {
    let calibration = shared.calibration().ok_or("no calibration is in use: calibrate, or load one")?;
    let asked_ns = shared.now_ns();
    let timeout = Duration::from_secs_f64(shared.parameters.now().cameras.image_timeout_s);
    let begun = Instant::now();
    let pair = loop {
        let latest = shared.recent().pop().filter(|pair| pair.left.stamp_ns.min(pair.right.stamp_ns) > asked_ns);
        if let Some(pair) = latest {
            break pair;
        }
        if begun.elapsed() > timeout {
            return Err(format!("no image pair came: {}", shared.frames().troubles()));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let pose = locked(&shared.poses).at(pair.left.stamp_ns).map(|pose| pose.position_mm());
    let displacement_mm =
        pose.zip(calibration.reference_mm).map(|(here, start)| std::array::from_fn(|i| here[i] - start[i]));
    let checked = work::in_background(move || {
        let images = Stereo::from_fn(|camera| pair[camera].to_gray());
        check(&calibration, images.as_ref(), displacement_mm)
    });
    let found = match checked.await.map_err(|error| error.to_string())? {
        Ok(found) => found,
        Err(error @ CheckError::NoHeight { .. }) => {
            return Ok(without_numbers(Check::Response::WRONG_TARGET as u8, error.to_string()));
        }
        Err(error) => return Err(error.to_string()),
    };
    let tolerances = shared.parameters.now().check.tolerances();
    let (verdict, message) = in_words(&found, found.verdict(&tolerances));
    Ok(Check::Response {
        verdict,
        message,
        shift_px: found.shift_px,
        scale: found.scale,
        residual_px: found.residual_px,
        height: 1e-3 * found.height_mm,
        moved: found.moved_mm.map_or(f64::NAN, |mm| 1e-3 * mm),
    })
}

fn without_numbers(verdict: u8, message: String) -> Check::Response {
    let nan = f64::NAN;
    Check::Response { verdict, message, shift_px: nan, scale: nan, residual_px: nan, height: nan, moved: nan }
}

fn in_words(found: &DriftMeasurement, verdict: Verdict) -> (u8, String) {
    let DriftMeasurement { shift_px, scale, residual_px, .. } = *found;
    let figures = format!("shift {shift_px:.3} px, scale {scale:.5}, residual {residual_px:.3} px");
    match verdict {
        Verdict::WrongTarget => (
            Check::Response::WRONG_TARGET as u8,
            format!("wrong target: {figures}; put the calibrated sheet back, or calibrate with this one"),
        ),
        Verdict::Drifted => {
            let other = match found.pitch_at_pose {
                Some(_) => "",
                None => " (or this is another sheet: without the robot's pose that can't be told)",
            };
            let text = format!("drifted: {figures}; a camera or its lens has moved{other}: calibrate again");
            (Check::Response::DRIFTED as u8, text)
        }
        Verdict::Good => {
            let moved = match found.moved_mm {
                Some(mm) if mm > LEFT_ALONE_MM => {
                    format!("; the grid is {mm:.3} mm from where the robot's pose says: sheet or camera rig was moved")
                }
                _ => String::new(),
            };
            (Check::Response::GOOD as u8, format!("good: {figures}{moved}"))
        }
    }
}
