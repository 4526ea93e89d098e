//! What a goal asks for, checked and in one place; parameters that change later don't change it.

use crate::camera::{Camera, Stereo};
use crate::mapping::method::Method;
use crate::ros::node::shared::Shared;
use crate::ros::robot::stop::{Stop, failed};
use crate::sweep::motion::plan::Plan;
use crate::sweep::settings::CalibrationSettings;
use nalgebra::Vector2;
use r2r::grating_calibration::action::Calibrate;
use std::path::PathBuf;

/// Everything a goal fixes.
pub struct Job {
    pub plan: Plan,
    pub settings: CalibrationSettings,
    pub file: Option<PathBuf>,
    pub record: Option<PathBuf>,
    pub dry_run: bool,
    pub resume: bool,
    /// Largest movement of the picture at rest, px.
    pub image_tolerance_px: f64,
}

impl Job {
    /// # Errors
    /// [`Stop`] with what is wrong and what to do.
    pub fn new(shared: &Shared, goal: &Calibrate::Goal) -> Result<Self, Stop> {
        let parameters = shared.parameters.now();
        let jogs_mm: Vec<[f64; 2]> = goal.jogs.iter().map(|jog| [1e3 * jog.x, 1e3 * jog.y]).collect();
        let pitch_mm = parameters.calibration.pitch_mm();
        let mut plan = Plan::new(1e3 * goal.height_start, 1e3 * goal.height_stop, 1e3 * goal.height_step)?;
        if !jogs_mm.is_empty() {
            let Some(pitch_mm) = pitch_mm else {
                return failed("jogs are made in steps of a fraction of the pitch: set the parameter pitch");
            };
            plan = plan.with_jogs(&jogs_mm, pitch_mm)?;
        }
        let method = match goal.method.as_str() {
            "" | "auto" => Method::Auto,
            "original" => Method::Original,
            other => return failed(format!("method '{other}' is unknown: use auto or original")),
        };
        let mut settings = parameters.calibration.settings(method);
        settings.origin_px = origins(settings.origin_px, goal)?;
        let file =
            if goal.file.is_empty() { parameters.calibration.calibration_file.clone() } else { goal.file.clone() };
        let place = |text: String| (!text.is_empty()).then(|| shared.files.resolve(&text)).transpose();
        let record = place(parameters.calibration.record_dir.clone())?;
        if goal.resume && record.is_none() {
            return failed(
                "nothing can be resumed: no calibration is recorded; set the parameter record_dir before the calibration",
            );
        }
        Ok(Job {
            plan,
            settings,
            file: place(file)?,
            record,
            dry_run: goal.dry_run,
            resume: goal.resume,
            image_tolerance_px: parameters.settle.image_tolerance_px,
        })
    }
}

/// Origin pixels of the goal, else those of the parameters, else none: the origin mark is looked for.
fn origins(given: Stereo<Option<Vector2<f64>>>, goal: &Calibrate::Goal) -> Result<Stereo<Option<Vector2<f64>>>, Stop> {
    match goal.origins.as_slice() {
        [] => Ok(given),
        [left, right] => {
            let pixels = Stereo { left, right };
            for camera in Camera::BOTH {
                if !(pixels[camera].u.is_finite() && pixels[camera].v.is_finite()) {
                    return failed(format!(
                        "the grid's origin in the {camera} image is no pixel: give both in the goal's origins or as \
                         parameters origin_left and origin_right, or none where the origin mark is in view"
                    ));
                }
            }
            Ok(pixels.map(|pixel| Some(Vector2::new(pixel.u, pixel.v))))
        }
        other => failed(format!(
            "origins has {} pixels: give the origin's pixel in the left image and then in the right one, or none",
            other.len()
        )),
    }
}
