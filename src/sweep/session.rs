//! One calibration from the first image pair to the fitted mapping.
//!
//! ```text
//! SweepSession::new(settings) → add_pair(left, right, pose) for h = 0, then rising, then jogs → finish()
//! ```

use crate::camera::Stereo;
use crate::GrayImage;
use nalgebra::Vector2;
use serde::{Deserialize, Serialize};

/// How the images are fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Automatic start, Levenberg–Marquardt, local measurement, the best model of the ladder.
    #[default]
    Auto,
    /// As published: stochastic search on Eq. (1)–(4), Eq. (5)–(16).
    Original,
}

/// The tool's measured pose for one image pair, mm, in the robot's base frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolPose {
    pub x_mm: f64,
    pub y_mm: f64,
    pub z_mm: f64,
}

/// What a calibration needs to know besides images and poses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationSettings {
    pub method: Method,
    /// Pitch of the printed lines, mm. With jogs only a starting value.
    pub pitch_mm: f64,
    /// Pixel of the grid's origin at h = 0.
    pub origin_px: Stereo<Vector2<f64>>,
}

/// What one image pair gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairReport {
    pub height_mm: f64,
    /// Intersections found.
    pub intersections: Stereo<usize>,
    /// RMS residual of the grating fit as a fraction of the contrast.
    pub residual: Stereo<f64>,
    /// Margin of the phase tracking over the runner-up, in pitches.
    pub phase_margin: Stereo<f64>,
    /// Time of the fit, ms.
    pub fit_ms: Stereo<f64>,
}

#[allow(unused)]
fn signatures_follow(_: &GrayImage) {}
