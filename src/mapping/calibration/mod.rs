//! The served models with everything that is known about them.
//!
//! | file | holds |
//! | --- | --- |
//! | `fit` | both cameras fitted, the models chosen |
//! | [`verdict`] | whether a robot may go by them, and why (not) |
//! | [`ladder_rows`] | the ladder of both cameras side by side |
//! | [`answer`] | what the models answer, each time with a status |
//! | [`frustum`] | what a camera sees of the calibrated volume |
//! | `validate` | whether one that was read can be one |
//!
//! Its form on disk is [`crate::folder::calibration_file`]'s affair.

pub mod answer;
pub mod fit;
pub mod frustum;
pub mod ladder_rows;
mod validate;
pub mod verdict;

use crate::camera::Camera;
use crate::mapping::bundle::stage::StageFigures;
use crate::mapping::bundle::uncertainty::Uncertainty;
use crate::mapping::checks::finding::Finding;
use crate::mapping::interop::standard::StandardCamera;
use crate::mapping::inverse::starts;
use crate::mapping::method::Method;
use crate::mapping::models::registry::Model;
use crate::mapping::selection::ladder::LadderEntry;
use crate::mapping::selection::stereo_ladder::StereoEntry;
use crate::mapping::volume::Volume;
use serde::{Deserialize, Serialize};

/// Units of all numbers of a calibration, for people.
pub const UNITS: &str = "millimetres, pixels (integer coordinates are pixel centres)";

/// One camera's model, and how well it follows its data.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraCalibration {
    /// Width and height of the images, px.
    pub image_size: [u32; 2],
    /// Smallest (u, v) of the dataset, px: beyond, the model extrapolates.
    pub pixel_min: [f64; 2],
    /// Largest (u, v) of the dataset, px.
    pub pixel_max: [f64; 2],
    /// RMS residual per axis at the correspondences that the model was fitted to, px.
    pub residual_rms_px: f64,
    /// Length of the largest of these residuals, px.
    pub residual_max_px: f64,
    /// RMS residual per axis at held-out heights and image regions, px.
    pub cross_validation_rms_px: f64,
    /// What neighbouring residuals have in common: not noise but what the model can't follow, RMS per axis, px.
    pub systematic_rms_px: f64,
    /// Number of correspondences.
    pub correspondences: usize,
    /// All models that were tried, simplest first.
    pub ladder: Vec<LadderEntry>,
    /// The served one.
    pub model: Model,
    /// The camera as OpenCV and ROS know cameras; none where the data does not determine it.
    pub standard: Option<StandardCamera>,
}

/// How far points from the dataset's own pixel pairs lie from where they were.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StereoFigures {
    /// Pixel pairs that were answered.
    pub pairs: usize,
    /// RMS along x, y, z of the tool frame, mm.
    pub rms_mm: [f64; 3],
    /// Largest distance, mm.
    pub max_mm: f64,
    /// RMS epipolar residual, px.
    pub epipolar_rms_px: f64,
}

/// A finished calibration. Points are in the tool frame, whose origin is the tool's at h = 0, mm.
///
/// A [`SweepSession`](crate::sweep::session::SweepSession) makes one of images, [`fit::fit_calibration`] of correspondences:
/// ```
/// use grating_calibration::camera::{Camera, Stereo};
/// use grating_calibration::mapping::calibration::{Calibration, answer::AnswerStatus};
/// use grating_calibration::mapping::calibration::fit::{CalibrationContext, fit_calibration};
/// use grating_calibration::mapping::dataset::{CameraDataset, Correspondence};
/// use grating_calibration::mapping::method::Method;
/// use nalgebra::{Matrix2, Vector2, Vector3};
///
/// // Cameras 6 mm to the left and to the right of the origin, 40 mm above it, look straight down; focal length 900 px.
/// let camera = |camera: Camera, point_mm: Vector3<f64>| {
///     let x_mm = if camera == Camera::Left { -6.0 } else { 6.0 };
///     let tangent = Vector2::new(point_mm.x - x_mm, -point_mm.y) / (40.0 - point_mm.z);
///     Vector2::new(319.5, 239.5) + 900.0 * tangent
/// };
/// // Intersections of a grid with a pitch of 1 mm at six heights, measured to 0.02 px.
/// let data = Stereo::from_fn(|side| {
///     let seen = |x: i32, y: i32, view: u32| {
///         let point_in_tool_mm = Vector3::new(x.into(), y.into(), -3.0 * f64::from(view));
///         let wave = f64::from(x + 3 * y) + 2.0 * f64::from(view);
///         let noise_px = 0.02 * Vector2::new((7.1 * wave).sin(), (5.3 * wave).cos());
///         let (pixel, pixel_covariance_px2) = (camera(side, point_in_tool_mm) + noise_px, Matrix2::identity() * 4e-4);
///         Correspondence { pixel, pixel_covariance_px2, point_in_tool_mm, view }
///     };
///     let views = (0..6).flat_map(|view| (-8..=8).flat_map(move |x| (-8..=8).map(move |y| seen(x, y, view))));
///     CameraDataset { image_size: [640, 480], correspondences: views.collect() }
/// });
/// let context = CalibrationContext {
///     method: Method::Auto,
///     pitch_mm: 1.0,
///     min_phase_margin: f64::INFINITY,
///     usable_rms_mm: 0.05,
///     bundle: None,
/// };
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("calibration.yaml");
/// fit_calibration(data.as_ref(), &context)?.save(&path)?;
///
/// let calibration = Calibration::load(&path)?;
/// assert!(calibration.usable, "{}", calibration.reason);
/// let point_mm = Vector3::new(1.5, -2.5, -7.0);
/// let [left, right] = Camera::BOTH.map(|side| camera(side, point_mm));
/// // The asked pixels are uncertain by 0.1 px: that is in the covariance.
/// let answer = calibration.noisy_pair_to_point(left, right, 0.1);
/// assert_eq!(answer.status, AnswerStatus::Ok);
/// assert!((answer.estimate.point_mm - point_mm).norm() < 0.02);
/// let sigma_mm = answer.estimate.covariance_mm2.diagonal().map(f64::sqrt);
/// assert!(sigma_mm.z > 2.0 * sigma_mm.x, "depth is what a stereo pair knows least: {sigma_mm} mm");
/// // A pixel outside the image has a status and no point.
/// let refused = calibration.pixel_pair_to_point(Vector2::new(-50.0, 0.0), right);
/// assert_eq!(refused.status, AnswerStatus::OutsideImage);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// When it was fitted, RFC 3339.
    pub created: String,
    /// How its images were fitted.
    pub method: Method,
    /// Whether a robot may go by it.
    pub usable: bool,
    /// Why, or why not.
    pub reason: String,
    /// Axes and origin of the tool frame, for people.
    pub frame: String,
    /// Distance between neighbouring lines as stated, mm.
    pub pitch_mm: f64,
    /// Number of views.
    pub heights: usize,
    /// Lowest and highest height, mm.
    pub height_range_mm: [f64; 2],
    /// Measured position of the tool at h = 0, mm in the robot's base frame; none for correspondences from elsewhere.
    pub reference_mm: Option<[f64; 3]>,
    /// Orientation of the robot's tool frame in its base frame at h = 0, quaternion x, y, z, w; the calibrated frame has
    /// the base's axes. None: no robot told.
    pub tool_rotation: Option<[f64; 4]>,
    /// Smallest margin of the phase tracking, pitches; infinite where nothing was tracked.
    pub min_phase_margin: f64,
    /// Box around all intersections, tool frame.
    pub volume: Volume,
    /// Errors of the dataset's own stereo points.
    pub stereo: StereoFigures,
    /// How far each model's points lie from pairs that it has not seen.
    pub stereo_ladder: Vec<StereoEntry>,
    /// What the images say about the robot's poses and the print; none for correspondences from elsewhere.
    pub stage: Option<StageFigures>,
    /// How sure the models are of their pixels; without it answers assume the error at held-out places.
    pub uncertainty: Option<Uncertainty>,
    /// What the checks found: about the sweep, then about the models. `usable` and `reason` follow from them.
    pub findings: Vec<Finding>,
    /// The left camera.
    pub left: CameraCalibration,
    /// The right camera.
    pub right: CameraCalibration,
    /// Follows from the models.
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
