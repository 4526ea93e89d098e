//! What a calibration needs to know besides images and poses.

use crate::camera::Stereo;
use crate::grating::fit::refine::FitOptions;
use crate::mapping::method::Method;
use crate::sweep::original::OriginalSettings;
use nalgebra::Vector2;
use serde::{Deserialize, Serialize};

/// What a calibration needs to know besides images and poses. A journal keeps it: a calibration is resumed with the same
/// settings only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationSettings {
    /// How images are fitted and mapped.
    pub method: Method,
    /// Pitch of the printed lines, mm; none: the origin mark tells it.
    pub pitch_mm: Option<f64>,
    /// Pixel of the grid's origin in the first pair; none: the origin mark tells it.
    pub origin_px: Stereo<Option<Vector2<f64>>>,
    /// How the default method fits an image.
    pub fit: FitOptions,
    /// How hard the original method searches.
    pub original: OriginalSettings,
    /// Worst RMS error along any axis with which a robot may still go by the result, mm.
    pub usable_rms_mm: f64,
}

impl CalibrationSettings {
    /// Defaults for everything that has one.
    pub fn new(pitch_mm: f64, origin_px: Stereo<Vector2<f64>>) -> Self {
        let origin_px = origin_px.map(Some);
        CalibrationSettings { pitch_mm: Some(pitch_mm), origin_px, ..CalibrationSettings::by_mark() }
    }

    /// Origin, axes and pitch from the origin mark.
    pub fn by_mark() -> Self {
        CalibrationSettings {
            method: Method::Auto,
            pitch_mm: None,
            origin_px: Stereo::default(),
            fit: FitOptions::default(),
            original: OriginalSettings::default(),
            usable_rms_mm: 0.05,
        }
    }
}
