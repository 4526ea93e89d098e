//! The served models with everything that is known about them.
//!
//! | file | holds |
//! | --- | --- |
//! | [`fit`] | both cameras fitted, the models chosen |
//! | [`verdict`] | whether a robot may go by them, and why (not) |
//! | [`ladder_rows`] | the ladder of both cameras side by side |
//! | [`answer`] | what the models answer, each time with a status |
//! | [`frustum`] | what a camera sees of the calibrated volume |

pub mod answer;
pub mod fit;
pub mod frustum;
pub mod ladder_rows;
pub mod verdict;

use crate::camera::Camera;
use crate::mapping::bundle::stage::StageFigures;
use crate::mapping::bundle::uncertainty::Uncertainty;
use crate::mapping::checks::record::Checks;
use crate::mapping::interop::standard::StandardCamera;
use crate::mapping::inverse::starts;
use crate::mapping::method::Method;
use crate::mapping::models::registry::Model;
use crate::mapping::selection::ladder::LadderEntry;
use crate::mapping::selection::stereo_ladder::StereoEntry;
use crate::mapping::volume::Volume;
use serde::{Deserialize, Serialize};

/// Version written to and accepted from files.
pub const FORMAT_VERSION: u32 = 1;

/// One camera's model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraCalibration {
    /// Width and height, px.
    pub image_size: [u32; 2],
    /// Smallest and largest (u, v) of the dataset, px: beyond, the model extrapolates.
    pub pixel_min: [f64; 2],
    pub pixel_max: [f64; 2],
    pub residual_rms_px: f64,
    pub residual_max_px: f64,
    pub cross_validation_rms_px: f64,
    /// What neighbouring residuals have in common: not noise but what the model can't follow, RMS per axis, px.
    pub systematic_rms_px: f64,
    pub correspondences: usize,
    /// All models that were tried.
    pub ladder: Vec<LadderEntry>,
    pub model: Model,
    /// The camera as OpenCV and ROS know cameras; none where the data does not determine it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard: Option<StandardCamera>,
}

/// How far points from the dataset's own pixel pairs lie from where they were.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StereoFigures {
    pub pairs: usize,
    /// RMS along x, y, z of the tool frame, mm.
    pub rms_mm: [f64; 3],
    /// Largest distance, mm.
    pub max_mm: f64,
    /// RMS epipolar residual, px.
    pub epipolar_rms_px: f64,
}

/// A finished calibration: what `calibration.yaml` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Version of the file format.
    pub version: u32,
    /// When it was fitted, RFC 3339.
    pub created: String,
    pub method: Method,
    /// Whether a robot may go by it, and why (not).
    pub usable: bool,
    pub reason: String,
    /// What the numbers below mean.
    pub frame: String,
    pub units: String,
    pub pitch_mm: f64,
    /// Number of heights, and the lowest and highest, mm.
    pub heights: usize,
    pub height_range_mm: [f64; 2],
    /// Measured position of the tool at h = 0, mm in the robot's base frame; none for correspondences from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_mm: Option<[f64; 3]>,
    /// Orientation of the robot's tool frame in its base frame at h = 0, quaternion x, y, z, w: the calibrated frame has the axes
    /// of the base. None: no robot told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_rotation: Option<[f64; 4]>,
    /// Smallest margin of the phase tracking, pitches.
    pub min_phase_margin: f64,
    /// Box around all intersections, tool frame.
    pub volume: Volume,
    pub stereo: StereoFigures,
    /// How far each model's points lie from pairs that it has not seen.
    pub stereo_ladder: Vec<StereoEntry>,
    /// What the images say about the robot's poses and the print; none for correspondences from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageFigures>,
    /// How sure the models are of their pixels; without it answers assume the error at held-out places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty: Option<Uncertainty>,
    #[serde(default)]
    pub checks: Checks,
    pub left: CameraCalibration,
    pub right: CameraCalibration,
    /// Follows from the models.
    #[serde(skip)]
    pub starts: starts::Cached,
}

impl Calibration {
    /// The model of one camera.
    pub fn camera(&self, camera: Camera) -> &CameraCalibration {
        match camera {
            Camera::Left => &self.left,
            Camera::Right => &self.right,
        }
    }
}
