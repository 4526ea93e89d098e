//! The served models with everything that is known about them, and answers that say whether they can be trusted.

use crate::camera::{Camera, Stereo};
use crate::mapping::bundle::Bundle;
use crate::mapping::checks::Checks;
use crate::mapping::dataset::CameraDataset;
use crate::mapping::invert::{self, PointEstimate};
use crate::mapping::model::{Model, ModelKind, Volume};
use crate::mapping::select::{Ladder, LadderEntry, Rung, SelectError, fit_ladder};
use crate::mapping::stereo_ladder::{StereoEntry, held_out, shared_pairs};
use crate::mapping::uncertainty::{self, Uncertainty};
use crate::sweep::session::Method;
use nalgebra::{Matrix2, Matrix4, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// Why an answer is, or is not, to be trusted. The numbers are those of msg/PointEstimate.msg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerStatus {
    /// Inside the calibrated volume.
    Ok = 0,
    /// Answered, but extrapolated.
    OutsideVolume = 1,
    /// No calibration is loaded.
    NotCalibrated = 2,
    /// NaN or infinite input.
    InvalidInput = 3,
    /// The pixel lies outside the image.
    OutsideImage = 4,
    /// Neither stereo, left nor right.
    UnknownCamera = 5,
    /// Neither the tool nor the base frame.
    UnknownFrame = 6,
    /// The two rays of the pair miss each other.
    RaysMiss = 7,
    /// The model has no solution there.
    NoConvergence = 8,
    /// No robot pose for the stamp.
    PoseUnavailable = 9,
}

impl AnswerStatus {
    /// The number of msg/PointEstimate.msg.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Whether point and covariance mean something.
    pub fn is_answered(self) -> bool {
        matches!(self, AnswerStatus::Ok | AnswerStatus::OutsideVolume)
    }

    /// As written in CSV files.
    pub fn name(self) -> &'static str {
        match self {
            AnswerStatus::Ok => "ok",
            AnswerStatus::OutsideVolume => "outside_volume",
            AnswerStatus::NotCalibrated => "not_calibrated",
            AnswerStatus::InvalidInput => "invalid_input",
            AnswerStatus::OutsideImage => "outside_image",
            AnswerStatus::UnknownCamera => "unknown_camera",
            AnswerStatus::UnknownFrame => "unknown_frame",
            AnswerStatus::RaysMiss => "rays_miss",
            AnswerStatus::NoConvergence => "no_convergence",
            AnswerStatus::PoseUnavailable => "pose_unavailable",
        }
    }

    /// What to do about it; empty for [`AnswerStatus::Ok`].
    pub fn remedy(self) -> &'static str {
        match self {
            AnswerStatus::Ok => "",
            AnswerStatus::OutsideVolume => "outside the calibrated volume: extrapolated, expect larger errors",
            AnswerStatus::NotCalibrated => "not calibrated: run the calibrate action or load a calibration file",
            AnswerStatus::InvalidInput => "a coordinate is not a finite number",
            AnswerStatus::OutsideImage => "the pixel lies outside the image",
            AnswerStatus::UnknownCamera => {
                "unknown camera: use stereo, left or right, with as many left as right pixels"
            }
            AnswerStatus::UnknownFrame => "unknown frame: use the tool frame, the base frame, or leave it empty",
            AnswerStatus::RaysMiss => "the two rays miss each other: these pixels don't show the same point",
            AnswerStatus::NoConvergence => "no point of the calibrated region is seen there",
            AnswerStatus::PoseUnavailable => {
                "no robot pose is known for that stamp: ask for the tool frame, or a later stamp"
            }
        }
    }
}

/// A point with its status. Numbers mean something only where the status is answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointAnswer {
    pub status: AnswerStatus,
    pub estimate: PointEstimate,
}

/// A pixel with its status.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelAnswer {
    pub status: AnswerStatus,
    pub pixel: Vector2<f64>,
    pub covariance_px2: Matrix2<f64>,
}

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
/// A pair whose RMS residual exceeds this many standard deviations, and [`MISS_PX`], is not one point.
const MISS_SIGMA: f64 = 8.0;
const MISS_PX: f64 = 2.0;
/// Swept heights are measured; a plane this little outside is still inside, mm.
const HEIGHT_TOLERANCE_MM: f64 = 0.02;

fn is_sigma(sigma_px: f64) -> bool {
    sigma_px >= 0.0 && sigma_px.is_finite()
}

/// Fits both cameras.
///
/// # Errors
/// [`SelectError`] when a camera's data does not determine any model.
pub fn fit_calibration(data: Stereo<&CameraDataset>, context: &CalibrationContext) -> Result<Calibration, SelectError> {
    let kinds: &[ModelKind] = match context.method {
        Method::Auto => &ModelKind::LADDER,
        Method::Original => &[ModelKind::Published],
    };
    let (left, right) = rayon::join(|| fit_ladder(data.left, kinds), || fit_ladder(data.right, kinds));
    let (left, right) = (left?, right?);
    let all = || data.left.correspondences.iter().chain(&data.right.correspondences);
    let volume = Volume::around(all().map(|p| p.point_in_tool_mm));
    let heights = all().map(|p| p.view).collect::<std::collections::HashSet<_>>().len();
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
        min_phase_margin: context.min_phase_margin,
        volume,
        stereo: StereoFigures { pairs: 0, rms_mm: [0.0; 3], max_mm: 0.0, epipolar_rms_px: 0.0 },
        stage: context.bundle.map(Bundle::stage_figures),
        uncertainty: context.bundle.and_then(|bundle| bundle.uncertainty(&volume)),
        checks: Checks::default(),
        stereo_ladder: held_out(Stereo { left: &left, right: &right }, &volume),
        left: served(left, data.left),
        right: served(right, data.right),
    };
    calibration.stereo = calibration.stereo_figures(data);
    (calibration.usable, calibration.reason) = calibration.verdict(context.usable_rms_mm);
    Ok(calibration)
}

fn served(mut ladder: Ladder, data: &CameraDataset) -> CameraCalibration {
    let entries = ladder.rungs.iter().map(|rung| rung.entry).collect();
    let Rung { model, entry, .. } = ladder.rungs.swap_remove(ladder.best);
    let range = Volume::around(data.correspondences.iter().map(|p| p.pixel.push(0.0)));
    CameraCalibration {
        image_size: data.image_size,
        pixel_min: [range.min_mm[0], range.min_mm[1]],
        pixel_max: [range.max_mm[0], range.max_mm[1]],
        residual_rms_px: entry.residual_rms_px,
        residual_max_px: entry.residual_max_px,
        cross_validation_rms_px: entry.cross_validation_rms_px,
        systematic_rms_px: uncertainty::systematic_rms_px(&model, data),
        correspondences: data.correspondences.len(),
        ladder: entries,
        model,
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
        let fit = |data: &CameraDataset| fit_ladder(data, &[kind]).map(|ladder| served(ladder, data));
        let (left, right) = rayon::join(|| fit(data.left), || fit(data.right));
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

    /// How much the two equations of a pixel count, px²: what the model misses at held-out places, noise included.
    fn pixel_weight(&self, camera: Camera) -> Matrix2<f64> {
        let sigma = self.camera(camera).cross_validation_rms_px.max(1e-3);
        Matrix2::identity() * (sigma * sigma)
    }

    /// Covariance of the models' (u_left, v_left, u_right, v_right) at a point, px². The asked pixel is taken as exact.
    fn model_covariance(&self, point_mm: Vector3<f64>) -> Matrix4<f64> {
        let mut covariance = Matrix4::zeros();
        for (c, camera) in Camera::BOTH.into_iter().enumerate() {
            let side = self.camera(camera);
            // Without a table of what the parameters cost, all of the held-out error.
            let misfit = if self.uncertainty.is_some() { side.systematic_rms_px } else { side.cross_validation_rms_px }
                .max(1e-4);
            covariance.fixed_view_mut::<2, 2>(2 * c, 2 * c).copy_from(&(Matrix2::identity() * (misfit * misfit)));
        }
        match &self.uncertainty {
            Some(uncertainty) => covariance + uncertainty.at(&self.volume, point_mm),
            None => covariance,
        }
    }

    /// The point that both cameras see, in the tool frame; the pixels are taken as exact.
    pub fn pixel_pair_to_point(&self, left: Vector2<f64>, right: Vector2<f64>) -> PointAnswer {
        self.noisy_pair_to_point(left, right, 0.0)
    }

    /// The same for pixels that are uncertain by `sigma_px` in u and in v.
    pub fn noisy_pair_to_point(&self, left: Vector2<f64>, right: Vector2<f64>, sigma_px: f64) -> PointAnswer {
        if !is_sigma(sigma_px) {
            return PointAnswer::refused(AnswerStatus::InvalidInput);
        }
        for (camera, pixel) in [(Camera::Left, left), (Camera::Right, right)] {
            if let Some(status) = self.refuse_pixel(camera, pixel) {
                return PointAnswer::refused(status);
            }
        }
        let weights = Camera::BOTH.map(|camera| self.pixel_weight(camera));
        let models = [&self.left.model, &self.right.model];
        let noise = Matrix4::identity() * (sigma_px * sigma_px);
        let covariance = |point_mm| self.model_covariance(point_mm) + noise;
        let found = invert::pair_to_point(models, &self.volume, [left, right], weights, covariance);
        let Some(estimate) = found else {
            return PointAnswer::refused(AnswerStatus::NoConvergence);
        };
        let sigma = weights[0].m11.max(weights[1].m11).sqrt().hypot(sigma_px);
        if estimate.epipolar_px > MISS_PX.max(MISS_SIGMA * sigma) {
            return PointAnswer { status: AnswerStatus::RaysMiss, estimate };
        }
        let inside = self.covers(Camera::Left, left) && self.covers(Camera::Right, right);
        PointAnswer { status: self.volume_status(inside, estimate.point_mm.z), estimate }
    }

    /// The point on the plane z = `plane_z_mm` of the tool frame that one camera sees; the pixel is taken as exact.
    pub fn pixel_to_plane(&self, camera: Camera, pixel: Vector2<f64>, plane_z_mm: f64) -> PointAnswer {
        self.noisy_pixel_to_plane(camera, pixel, plane_z_mm, 0.0)
    }

    /// The same for a pixel that is uncertain by `sigma_px` in u and in v.
    pub fn noisy_pixel_to_plane(
        &self,
        camera: Camera,
        pixel: Vector2<f64>,
        plane_z_mm: f64,
        sigma_px: f64,
    ) -> PointAnswer {
        if !plane_z_mm.is_finite() || !is_sigma(sigma_px) {
            return PointAnswer::refused(AnswerStatus::InvalidInput);
        }
        if let Some(status) = self.refuse_pixel(camera, pixel) {
            return PointAnswer::refused(status);
        }
        let noise = Matrix2::identity() * (sigma_px * sigma_px);
        let covariance = |point_mm| Uncertainty::camera(&self.model_covariance(point_mm), camera as usize) + noise;
        let model = &self.camera(camera).model;
        match invert::pixel_to_plane(model, &self.volume, pixel, plane_z_mm, covariance) {
            None => PointAnswer::refused(AnswerStatus::NoConvergence),
            Some(estimate) => {
                PointAnswer { status: self.volume_status(self.covers(camera, pixel), plane_z_mm), estimate }
            }
        }
    }

    /// Where `camera` sees a point of the tool frame.
    pub fn point_to_pixel(&self, camera: Camera, point_mm: Vector3<f64>) -> PixelAnswer {
        let covariance_px2 = match point_mm.iter().all(|x| x.is_finite()) {
            true => Uncertainty::camera(&self.model_covariance(point_mm), camera as usize),
            false => self.pixel_weight(camera),
        };
        let refused = |status| PixelAnswer { status, pixel: Vector2::zeros(), covariance_px2 };
        if !point_mm.iter().all(|x| x.is_finite()) {
            return refused(AnswerStatus::InvalidInput);
        }
        // Far outside the models mean nothing; near by they extrapolate.
        if self.volume.normalise(point_mm).abs().max() > 3.0 {
            return refused(AnswerStatus::NoConvergence);
        }
        let (pixel, _) = self.camera(camera).model.pixel_and_jacobian(point_mm);
        if !pixel.iter().all(|x| x.is_finite()) {
            return refused(AnswerStatus::NoConvergence);
        }
        if self.refuse_pixel(camera, pixel).is_some() {
            return refused(AnswerStatus::OutsideImage);
        }
        // Far outside the image a lens model may fold back into it: then that pixel's own point is another one.
        let back =
            invert::pixel_to_plane(&self.camera(camera).model, &self.volume, pixel, point_mm.z, |_| covariance_px2);
        if back.is_none_or(|back| (back.point_mm - point_mm).norm() > 1e-3) {
            return refused(AnswerStatus::OutsideImage);
        }
        PixelAnswer { status: self.volume_status(self.covers(camera, pixel), point_mm.z), pixel, covariance_px2 }
    }

    fn refuse_pixel(&self, camera: Camera, pixel: Vector2<f64>) -> Option<AnswerStatus> {
        if !pixel.iter().all(|x| x.is_finite()) {
            return Some(AnswerStatus::InvalidInput);
        }
        let [width, height] = self.camera(camera).image_size.map(f64::from);
        let inside = (-0.5..=width - 0.5).contains(&pixel.x) && (-0.5..=height - 0.5).contains(&pixel.y);
        (!inside).then_some(AnswerStatus::OutsideImage)
    }

    /// Whether intersections were seen on all sides of `pixel`.
    fn covers(&self, camera: Camera, pixel: Vector2<f64>) -> bool {
        let camera = self.camera(camera);
        (0..2).all(|axis| (camera.pixel_min[axis]..=camera.pixel_max[axis]).contains(&pixel[axis]))
    }

    fn volume_status(&self, pixels_covered: bool, z_mm: f64) -> AnswerStatus {
        let [low, high] = [self.volume.min_mm[2] - HEIGHT_TOLERANCE_MM, self.volume.max_mm[2] + HEIGHT_TOLERANCE_MM];
        if pixels_covered && (low..=high).contains(&z_mm) { AnswerStatus::Ok } else { AnswerStatus::OutsideVolume }
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

impl PointAnswer {
    /// No answer, for the reason `status`.
    pub fn refused(status: AnswerStatus) -> Self {
        let estimate =
            PointEstimate { point_mm: Vector3::zeros(), covariance_mm2: nalgebra::Matrix3::zeros(), epipolar_px: 0.0 };
        PointAnswer { status, estimate }
    }
}
