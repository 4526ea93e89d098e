//! The served models with everything that is known about them, and whether a robot may go by them.

use crate::camera::{Camera, Stereo};
use crate::mapping::bundle::Bundle;
use crate::mapping::checks::Checks;
use crate::mapping::dataset::CameraDataset;
use crate::mapping::model::{Model, ModelKind, Volume};
use crate::mapping::select::{Ladder, LadderEntry, Rung, SelectError, fit_ladder};
use crate::mapping::standard::StandardCamera;
use crate::mapping::starts;
use crate::mapping::stereo_ladder::{StereoEntry, held_out, shared_pairs};
use crate::mapping::uncertainty::{self, Uncertainty};
use crate::sweep::session::Method;
use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

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

/// What the images say about the robot's poses and the printed grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageFigures {
    /// RMS difference between measured and estimated poses along x, y, z, mm.
    pub pose_error_rms_mm: [f64; 3],
    /// Whether jogs measured the print, or the axes and the pitch are those of the print as stated.
    pub print_measured: bool,
    /// Pitch across v lines and across h lines, mm.
    pub pitch_mm: [f64; 2],
    /// The v lines' normal against the robot's x axis, degrees; 0 by definition without jogs.
    pub rotation_deg: f64,
    /// Angle between the two sets of lines minus 90°.
    pub skew_deg: f64,
    /// RMS displacement of crossings from an even grid, mm; 0 without jogs.
    pub unevenness_rms_mm: f64,
    /// How far the sheet's normal leans from the robot's z towards x and y, degrees; none without jogs: then z is the
    /// motion axis and the sheet is z = 0, at right angles or not.
    pub tilt_deg: Option<[f64; 2]>,
}

impl StageFigures {
    /// For people.
    pub fn sentences(&self) -> Vec<String> {
        let [x, y, z] = self.pose_error_rms_mm.map(|rms| 1e3 * rms);
        let mut sentences =
            vec![format!("measured poses are off by x {x:.2}, y {y:.2}, z {z:.2} µm RMS, as the images see them")];
        if let Some([towards_x, towards_y]) = self.tilt_deg {
            let [across_v, across_h] = self.pitch_mm;
            sentences.push(format!(
                "the print's pitch is {across_v:.5} mm along x, {across_h:.5} mm along y; it is turned by {:.4}°, skew by \
                 {:.4}°, uneven by {:.1} µm RMS; its normal leans by {towards_x:.4}° to x and {towards_y:.4}° to y",
                self.rotation_deg,
                self.skew_deg,
                1e3 * self.unevenness_rms_mm
            ));
        }
        sentences
    }

    /// What no image can tell, for people.
    pub fn untold(&self) -> Vec<String> {
        let frame = "pose errors that all heights share, or that grow in proportion to the height, can't be told from the \
                     frame's own origin, axes and scale; the covariance takes them to be as large as the other pose errors"
            .to_string();
        let print =
            "the print's own errors (pitch, skew, warp, uneven lines) can't be told from the lens without jogs along \
                     x and y: answers follow the printed lines"
                .to_string();
        if self.print_measured { vec![frame] } else { vec![print, frame] }
    }
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

/// What the fit of the models needs to be told.
#[derive(Clone, Copy, Debug)]
pub struct CalibrationContext<'a> {
    pub method: Method,
    pub pitch_mm: f64,
    pub min_phase_margin: f64,
    /// Worst RMS error along any axis with which a robot may still go by the result, mm.
    pub usable_rms_mm: f64,
    /// What a solved bundle knows besides the points.
    pub bundle: Option<&'a Bundle>,
}

/// Version written to and accepted from files.
pub const FORMAT_VERSION: u32 = 1;
/// Fits both cameras.
///
/// # Errors
/// [`SelectError`] when a camera's data does not determine any model.
pub fn fit_calibration(data: Stereo<&CameraDataset>, context: &CalibrationContext) -> Result<Calibration, SelectError> {
    let kinds: &[ModelKind] = match context.method {
        Method::Auto => &ModelKind::LADDER,
        Method::Original => &[ModelKind::Published],
    };
    let Stereo { left, right } = Stereo::join(|camera| fit_ladder(data[camera], kinds));
    let ladders = Stereo { left: left?, right: right? };
    let all = || data.left.correspondences.iter().chain(&data.right.correspondences);
    let volume = Volume::around(all().map(|p| p.point_in_tool_mm));
    let heights = all().map(|p| p.view).collect::<std::collections::HashSet<_>>().len();
    let (Stereo { left, right }, (stereo_ladder, uncertainty)) = rayon::join(
        || Stereo::join(|camera| served(&ladders[camera], data[camera])),
        || {
            let uncertainty = || context.bundle.and_then(|bundle| bundle.uncertainty(&volume));
            rayon::join(|| held_out(ladders.as_ref(), &volume), uncertainty)
        },
    );
    let mut calibration = Calibration {
        version: FORMAT_VERSION,
        created: jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string(),
        method: context.method,
        usable: false,
        reason: String::new(),
        frame: if context.bundle.is_some_and(|bundle| bundle.print_measured) {
            "tool: the robot's axes, z up, origin at the grid's origin mark at h = 0".into()
        } else {
            "tool: axes along the grid's lines and the motion axis, z up, origin at the grid's origin mark at h = 0"
                .into()
        },
        units: "millimetres, pixels (integer coordinates are pixel centres)".into(),
        pitch_mm: context.pitch_mm,
        heights,
        height_range_mm: [0.0 - volume.max_mm[2], 0.0 - volume.min_mm[2]],
        reference_mm: None,
        tool_rotation: None,
        min_phase_margin: context.min_phase_margin,
        volume,
        stereo: StereoFigures { pairs: 0, rms_mm: [0.0; 3], max_mm: 0.0, epipolar_rms_px: 0.0 },
        stage: context.bundle.map(Bundle::stage_figures),
        uncertainty,
        checks: Checks::default(),
        stereo_ladder,
        left,
        right,
        starts: starts::Cached::default(),
    };
    calibration.stereo = calibration.stereo_figures(data);
    (calibration.usable, calibration.reason) = calibration.verdict(context.usable_rms_mm);
    Ok(calibration)
}

fn served(ladder: &Ladder, data: &CameraDataset) -> CameraCalibration {
    let entries = ladder.rungs.iter().map(|rung| rung.entry).collect();
    let Rung { model, entry, .. } = &ladder.rungs[ladder.best];
    let brown = ladder.rungs.iter().find_map(|rung| match &rung.model {
        Model::Brown(camera) => Some(camera),
        _ => None,
    });
    let range = Volume::around(data.correspondences.iter().map(|p| p.pixel.push(0.0)));
    CameraCalibration {
        image_size: data.image_size,
        pixel_min: [range.min_mm[0], range.min_mm[1]],
        pixel_max: [range.max_mm[0], range.max_mm[1]],
        residual_rms_px: entry.residual_rms_px,
        residual_max_px: entry.residual_max_px,
        cross_validation_rms_px: entry.cross_validation_rms_px,
        systematic_rms_px: uncertainty::systematic_rms_px(model, data),
        correspondences: data.correspondences.len(),
        ladder: entries,
        model: model.clone(),
        standard: StandardCamera::fit(&ladder.clean, brown),
    }
}

impl Calibration {
    /// The same knowledge served by one kind of model, fitted to the same `data`.
    ///
    /// # Errors
    /// [`SelectError`] when the data does not determine it.
    pub fn with_model(
        &self,
        kind: ModelKind,
        data: Stereo<&CameraDataset>,
        usable_rms_mm: f64,
    ) -> Result<Calibration, SelectError> {
        let fit = |data: &CameraDataset| fit_ladder(data, &[kind]).map(|ladder| served(&ladder, data));
        let Stereo { left, right } = Stereo::join(|camera| fit(data[camera]));
        let beside = |camera: &CameraCalibration, new| CameraCalibration { ladder: camera.ladder.clone(), ..new };
        let (left, right) = (beside(&self.left, left?), beside(&self.right, right?));
        let mut calibration = Calibration { left, right, ..self.clone() };
        calibration.stereo = calibration.stereo_figures(data);
        (calibration.usable, calibration.reason) = calibration.verdict(usable_rms_mm);
        Ok(calibration)
    }

    /// The model of one camera.
    pub fn camera(&self, camera: Camera) -> &CameraCalibration {
        match camera {
            Camera::Left => &self.left,
            Camera::Right => &self.right,
        }
    }

    /// Answers the dataset's own pairs and compares: intersections that both cameras saw at the same pose.
    fn stereo_figures(&self, data: Stereo<&CameraDataset>) -> StereoFigures {
        let shared = shared_pairs(data);
        let (mut squares, mut worst, mut epipolar, mut pairs) = (Vector3::zeros(), 0.0_f64, 0.0, 0);
        // A few thousand are plenty.
        for (left, right) in shared.iter().step_by((shared.len() / 5000).max(1)) {
            let answer = self.pixel_pair_to_point(left.pixel, right.pixel);
            if !answer.status.is_answered() {
                continue;
            }
            let miss = answer.estimate.point_mm - left.point_in_tool_mm;
            squares += miss.component_mul(&miss);
            worst = worst.max(miss.norm());
            epipolar += answer.estimate.epipolar_px.powi(2);
            pairs += 1;
        }
        let per = 1.0 / f64::from(pairs.max(1));
        StereoFigures {
            pairs: pairs as usize,
            rms_mm: (squares * per).map(f64::sqrt).into(),
            max_mm: worst,
            epipolar_rms_px: (epipolar * per).sqrt(),
        }
    }

    /// Whether a robot may go by the models, and why (not); see [`Self::refuse`] for what speaks against the sweep.
    pub fn verdict(&self, usable_rms_mm: f64) -> (bool, String) {
        let worst = self.stereo.rms_mm.iter().copied().fold(0.0, f64::max);
        let held_out = self.left.cross_validation_rms_px.max(self.right.cross_validation_rms_px);
        if self.stereo.pairs < 50 {
            let pairs = self.stereo.pairs;
            return (false, format!("only {pairs} pixel pairs could be checked, at least 50 are needed"));
        }
        // Written so that NaN is unusable.
        if !(worst <= usable_rms_mm) {
            let (worst, limit) = (1e3 * worst, 1e3 * usable_rms_mm);
            return (
                false,
                format!("points from pixel pairs err by {worst:.1} µm RMS, at most {limit:.1} µm is accepted"),
            );
        }
        let held_out_um = 1e3 * self.held_out_mm();
        if !(held_out_um <= 1e3 * usable_rms_mm) {
            let limit = 1e3 * usable_rms_mm;
            return (
                false,
                format!(
                    "points at held-out heights and regions err by {held_out_um:.1} µm RMS ({held_out:.3} px), at most \
                     {limit:.1} µm is accepted: did something move during the sweep, are heights and pitch right?"
                ),
            );
        }
        (
            true,
            format!(
                "points from pixel pairs err by {:.2} µm RMS at most along an axis; {held_out:.3} px RMS at held-out heights and regions",
                1e3 * worst
            ),
        )
    }
}
