//! Target, method and files of a calibration.

use crate::camera::Stereo;
use crate::grating::backend::choice::BackendChoice;
use crate::grating::fit::refine::FitOptions;
use crate::mapping::method::Method;
use crate::sweep::original::OriginalSettings;
use crate::sweep::settings::CalibrationSettings;
use nalgebra::Vector2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A smaller pitch means that the origin mark tells it, m.
const MIN_PITCH_M: f64 = 1e-5;

/// Target, method and files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationParameters {
    /// Distance between neighbouring printed lines; less than 1e-5: the distance that the origin mark tells (m).
    #[schemars(range(min = 0.0, max = 0.1))]
    #[serde(rename = "pitch")]
    pub pitch_m: f64,
    /// Pixel (u, v) of the grid's origin in the first left image; empty: that of the goal, else of the origin mark (px).
    #[schemars(with = "Vec<f64>", inner(range(min = -0.5, max = 65535.5)), length(max = 2))]
    #[serde(rename = "origin_left")]
    pub origin_left_px: OriginPixel,
    /// Pixel (u, v) of the grid's origin in the first right image; empty: that of the goal, else of the origin mark (px).
    #[schemars(with = "Vec<f64>", inner(range(min = -0.5, max = 65535.5)), length(max = 2))]
    #[serde(rename = "origin_right")]
    pub origin_right_px: OriginPixel,
    /// Calibration that is loaded at start, if the file exists, and written by the action; empty: none.
    pub calibration_file: String,
    /// Folder for the image pairs and poses of a calibration; empty: none.
    pub record_dir: String,
    /// Folder of the files that services and goals name; empty: that of calibration_file, else the working directory.
    #[schemars(extend("readOnly" = true))]
    pub file_dir: String,
    /// Largest RMS error along any axis of a calibration that is called usable (m).
    #[schemars(range(min = 1e-8, max = 1.0))]
    #[serde(rename = "usable_rms")]
    pub usable_rms_m: f64,
    /// Device that processes the images.
    pub backend: BackendChoice,
    /// Degree of the phase polynomials of method auto.
    #[schemars(range(min = 2, max = 12))]
    pub phase_degree: u32,
    /// The published method.
    pub original: OriginalParameters,
}

/// How much work the published method does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OriginalParameters {
    /// Number of draws for each image in method original; 18000 as published.
    #[schemars(range(min = 240, max = 10_000_000))]
    pub draws: u32,
    /// Distance between the pixels that method original uses, along u and v; 1 as published (px).
    #[schemars(range(min = 1, max = 32))]
    #[serde(rename = "stride")]
    pub stride_px: u32,
}

/// A pixel (u, v), or none; `[]` or `[u, v]` as a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct OriginPixel(pub Option<[f64; 2]>);

/// An array is no pixel.
#[derive(Debug, thiserror::Error)]
#[error("a pixel has two numbers, u and v: give both, or none")]
pub struct OriginPixelError;

impl TryFrom<Vec<f64>> for OriginPixel {
    type Error = OriginPixelError;

    fn try_from(numbers: Vec<f64>) -> Result<Self, Self::Error> {
        match numbers[..] {
            [] => Ok(OriginPixel(None)),
            [u, v] => Ok(OriginPixel(Some([u, v]))),
            _ => Err(OriginPixelError),
        }
    }
}

impl From<OriginPixel> for Vec<f64> {
    fn from(pixel: OriginPixel) -> Self {
        pixel.0.into_iter().flatten().collect()
    }
}

impl Default for CalibrationParameters {
    fn default() -> Self {
        CalibrationParameters {
            pitch_m: 0.0011,
            origin_left_px: OriginPixel(None),
            origin_right_px: OriginPixel(None),
            calibration_file: String::new(),
            record_dir: String::new(),
            file_dir: String::new(),
            usable_rms_m: 5e-5,
            backend: BackendChoice::Auto,
            phase_degree: FitOptions::default().phase_degree as u32,
            original: OriginalParameters::default(),
        }
    }
}

impl Default for OriginalParameters {
    fn default() -> Self {
        let OriginalSettings { draws, stride, .. } = OriginalSettings::default();
        OriginalParameters { draws: draws as u32, stride_px: stride as u32 }
    }
}

impl CalibrationParameters {
    /// The pitch, mm; `None` where the origin mark tells it.
    pub fn pitch_mm(&self) -> Option<f64> {
        (self.pitch_m >= MIN_PITCH_M).then_some(1e3 * self.pitch_m)
    }

    /// Pixels of the grid's origin, as far as they are given.
    pub fn origin_px(&self) -> Stereo<Option<Vector2<f64>>> {
        let pixels = Stereo { left: self.origin_left_px, right: self.origin_right_px };
        pixels.map(|pixel| pixel.0.map(Vector2::from))
    }

    /// What a calibration by `method` needs to know.
    pub fn settings(&self, method: Method) -> CalibrationSettings {
        let mut settings = CalibrationSettings {
            method,
            pitch_mm: self.pitch_mm(),
            origin_px: self.origin_px(),
            usable_rms_mm: 1e3 * self.usable_rms_m,
            ..CalibrationSettings::by_mark()
        };
        settings.fit.phase_degree = self.phase_degree as usize;
        settings.original.draws = self.original.draws as usize;
        settings.original.stride = self.original.stride_px as usize;
        settings
    }
}
