//! What a goal asks for, checked and in one place; parameters that change later don't change it.

use crate::camera::{Camera, Stereo};
use crate::mapping::method::Method;
use crate::ros::node::shared::Shared;
use crate::ros::robot::stop::{Stop, failed};
use crate::ros::support::params::Parameters;
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
        let parameters = &shared.parameters;
        let jogs_mm: Vec<[f64; 2]> = goal.jogs.iter().map(|jog| [1e3 * jog.x, 1e3 * jog.y]).collect();
        // Otherwise the origin mark tells it.
        let pitch_mm = Some(1e3 * parameters.number("pitch")).filter(|pitch_mm| *pitch_mm >= 0.01);
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
        let mut settings = CalibrationSettings {
            method,
            pitch_mm,
            origin_px: origins(parameters, goal)?,
            ..CalibrationSettings::by_mark()
        };
        settings.fit.phase_degree = parameters.whole("phase_degree") as usize;
        settings.usable_rms_mm = 1e3 * parameters.number("usable_rms");
        settings.original.draws = parameters.whole("original.draws") as usize;
        settings.original.stride = parameters.whole("original.stride") as usize;
        let file = if goal.file.is_empty() { parameters.text("calibration_file") } else { goal.file.clone() };
        let place = |text: String| (!text.is_empty()).then(|| shared.files.resolve(&text)).transpose();
        let record = place(parameters.text("record_dir"))?;
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
            image_tolerance_px: parameters.number("settle.image_tolerance"),
        })
    }

    /// What must be the same for a calibration to be resumed.
    pub fn fingerprint(&self) -> String {
        format!("{:?}", self.settings)
    }
}

/// Origin pixels of the goal, else of the parameters, else none: the origin mark is looked for.
fn origins(parameters: &Parameters, goal: &Calibrate::Goal) -> Result<Stereo<Option<Vector2<f64>>>, Stop> {
    let origins = match goal.origins.as_slice() {
        [] => Stereo { left: parameters.numbers("origin_left"), right: parameters.numbers("origin_right") },
        [left, right] => Stereo { left: vec![left.u, left.v], right: vec![right.u, right.v] },
        other => {
            return failed(format!(
                "origins has {} pixels: give the origin's pixel in the left image and then in the right one, or none",
                other.len()
            ));
        }
    };
    let pixel = |camera: Camera| match origins[camera].as_slice() {
        [] => Ok(None),
        [u, v] if u.is_finite() && v.is_finite() => Ok(Some(Vector2::new(*u, *v))),
        _ => failed(format!(
            "the grid's origin in the {camera} image is no pixel: give both in the goal's origins or as parameters \
             origin_left and origin_right, or none where the origin mark is in view"
        )),
    };
    Ok(Stereo { left: pixel(Camera::Left)?, right: pixel(Camera::Right)? })
}
