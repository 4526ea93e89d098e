//! What a goal asks for.

use crate::mapping::method::Method;
use nalgebra::Vector2;

/// What a goal asks for; mm and px.
#[derive(Clone, Debug, PartialEq)]
pub struct CalibrationRequest {
    /// First height above the pose that the tool has when the goal starts.
    pub height_start_mm: f64,
    /// Last height.
    pub height_stop_mm: f64,
    /// Distance between two heights.
    pub height_step_mm: f64,
    /// Displacements along x and y at the first height.
    pub jogs_mm: Vec<[f64; 2]>,
    /// How images are fitted.
    pub method: Method,
    /// Pixel of the grid's origin in the left and in the right image of the first pair; empty: the parameters', else the mark's.
    pub origins_px: Vec<Vector2<f64>>,
    /// Where the calibration is written; empty: the parameter `calibration_file`.
    pub file: String,
    /// All checks and the whole plan, but no motion.
    pub is_dry_run: bool,
    /// Continue the calibration that `record_dir` holds.
    pub resumes: bool,
}
