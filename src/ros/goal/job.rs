//! What a goal fixes, from request and parameters: parameters that change later don't change it.

use crate::camera::{Camera, Stereo};
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::ros::goal::request::CalibrationRequest;
use crate::ros::robot::stop::{Stop, failed};
use crate::ros::support::files::Files;
use crate::sweep::images::still_pair::StillPairSettings;
use crate::sweep::motion::plan::Plan;
use crate::sweep::settings::CalibrationSettings;
use nalgebra::Vector2;
use std::path::PathBuf;

/// Everything that a goal fixes.
pub struct Job {
    /// The poses.
    pub plan: Plan,
    /// How images are fitted.
    pub settings: CalibrationSettings,
    /// Where the calibration is written.
    pub file: Option<PathBuf>,
    /// Folder of the image pairs and poses.
    pub record: Option<PathBuf>,
    /// All checks, but no motion.
    pub is_dry_run: bool,
    /// Continue what [`Self::record`] holds.
    pub resumes: bool,
    /// What its image pairs must be.
    pub still_pairs: StillPairSettings,
    /// Frame of the poses.
    pub base_frame: String,
}

impl Job {
    /// What `request` asks for, with the parameters of this moment.
    ///
    /// # Errors
    /// [`Stop`] with what is wrong and what to do.
    pub fn new(request: &CalibrationRequest, parameters: &NodeParameters, files: &Files) -> Result<Self, Stop> {
        let calibration = &parameters.calibration;
        let mut plan = Plan::new(request.height_start_mm, request.height_stop_mm, request.height_step_mm)?;
        if !request.jogs_mm.is_empty() {
            let Some(pitch_mm) = calibration.pitch_mm() else {
                return failed("jogs are made in steps of a fraction of the pitch: set the parameter pitch");
            };
            plan = plan.with_jogs(&request.jogs_mm, pitch_mm)?;
        }
        let mut settings = calibration.settings(request.method);
        if let Some(origin_px) = origins(request)? {
            settings.origin_px = origin_px.map(Some);
        }
        let file = if request.file.is_empty() { &calibration.calibration_file } else { &request.file };
        let resolved = |text: &str| (!text.is_empty()).then(|| files.resolve(text)).transpose();
        let record = resolved(&calibration.record_dir)?;
        if request.resumes && record.is_none() {
            return failed(
                "nothing can be resumed: no calibration is recorded; set the parameter record_dir before the calibration",
            );
        }
        Ok(Job {
            plan,
            settings,
            file: resolved(file)?,
            record,
            is_dry_run: request.is_dry_run,
            resumes: request.resumes,
            still_pairs: parameters.still_pairs(),
            base_frame: parameters.frames.base_frame.clone(),
        })
    }
}

/// The request's pixels of the origin, if it gives any.
fn origins(request: &CalibrationRequest) -> Result<Option<Stereo<Vector2<f64>>>, Stop> {
    let pixels = match request.origins_px.as_slice() {
        [] => return Ok(None),
        [left, right] => Stereo { left: *left, right: *right },
        other => {
            return failed(format!(
                "origins has {} pixels: give the origin's pixel in the left image and then in the right one, or none",
                other.len()
            ));
        }
    };
    let is_pixel = |camera: &Camera| pixels[*camera].iter().all(|x| x.is_finite());
    match Camera::BOTH.into_iter().find(|camera| !is_pixel(camera)) {
        None => Ok(Some(pixels)),
        Some(camera) => failed(format!(
            "the grid's origin in the {camera} image is no pixel: give both in the goal's origins or as parameters \
             origin_left and origin_right, or none where the origin mark is in view"
        )),
    }
}
