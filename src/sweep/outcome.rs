//! What a sweep gives, pair by pair and at its end.

use crate::camera::Stereo;
use crate::mapping::calibration::Calibration;
use crate::mapping::dataset::CameraDataset;
use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

/// What one image pair gave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairReport {
    /// Height above the first pair, mm.
    pub height_mm: f64,
    /// Intersections found.
    pub intersections: Stereo<usize>,
    /// RMS residual of the grating fit over the RMS of what it explains.
    pub residual: Stereo<f64>,
    /// Margin of the phase tracking over the runner-up, pitches; infinite for the first pair.
    pub phase_margin: Stereo<f64>,
    /// Time of fit and intersections, ms.
    pub fit_ms: Stereo<f64>,
}

/// A finished calibration with what led to it.
#[derive(Clone, Debug)]
pub struct CalibrationOutcome {
    /// The calibration with its verdict.
    pub calibration: Calibration,
    /// One entry per pair.
    pub pairs: Vec<PairReport>,
    /// What the models were fitted to.
    pub data: Stereo<CameraDataset>,
    /// Where each pair's pose was minus where it was measured, about the mean of all, robot axes, mm; none where nothing
    /// tells.
    pub pose_errors_mm: Vec<Vector3<f64>>,
}
