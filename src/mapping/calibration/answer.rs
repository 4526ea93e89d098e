//! Answers that say whether they can be trusted.

use crate::camera::Camera;
use crate::mapping::bundle::uncertainty::Uncertainty;
use crate::mapping::calibration::Calibration;
use crate::mapping::inverse::invert::{self, PairSolver, PointEstimate};
use crate::mapping::inverse::starts::Starts;
use nalgebra::{Matrix2, Matrix4, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// Why an answer is, or is not, to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(strum::Display, strum::EnumMessage, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AnswerStatus {
    /// Inside the calibrated volume.
    Ok,
    /// Answered, but extrapolated.
    OutsideVolume,
    /// NaN or infinite input.
    InvalidInput,
    /// The pixel lies outside the image.
    OutsideImage,
    /// The two rays of the pair miss each other.
    RaysMiss,
    /// The model has no solution there.
    NoConvergence,
}

impl AnswerStatus {
    /// Whether point and covariance mean something.
    pub fn is_answered(self) -> bool {
        matches!(self, AnswerStatus::Ok | AnswerStatus::OutsideVolume)
    }

    /// What to do about it; empty for [`AnswerStatus::Ok`].
    pub fn remedy(self) -> &'static str {
        match self {
            AnswerStatus::Ok => "",
            AnswerStatus::OutsideVolume => "outside the calibrated volume: extrapolated, expect larger errors",
            AnswerStatus::InvalidInput => "a coordinate is not a finite number",
            AnswerStatus::OutsideImage => "the pixel lies outside the image",
            AnswerStatus::RaysMiss => "the two rays miss each other: these pixels don't show the same point",
            AnswerStatus::NoConvergence => "no point of the calibrated region is seen there",
        }
    }
}

/// A point with its status. Numbers mean something only where the status is answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointAnswer {
    /// Whether the numbers can be used.
    pub status: AnswerStatus,
    /// The point in the tool frame; of rays that miss each other it says by how much.
    pub estimate: PointEstimate,
}

/// A pixel with its status.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelAnswer {
    /// Whether the numbers can be used.
    pub status: AnswerStatus,
    /// Raw pixel (u, v).
    pub pixel: Vector2<f64>,
    /// Its covariance, px²: that of the model.
    pub covariance_px2: Matrix2<f64>,
}

/// A pair whose RMS residual exceeds this many standard deviations is not one point …
const MISS_SIGMAS: f64 = 8.0;
/// … if it exceeds this as well, px: models are sure of themselves to a hundredth of a pixel.
const MISS_PX: f64 = 2.0;
/// Swept heights are measured; a plane this little outside is still inside, mm.
const HEIGHT_TOLERANCE_MM: f64 = 0.02;
/// Standard deviations of its height by which a point of two noisy pixels may lie outside.
const VOLUME_SIGMAS: f64 = 2.0;
/// Pixels that are more uncertain say nothing, px; squares of much more would overflow.
const MAX_SIGMA_PX: f64 = 1e5;
/// Half-sizes of the volume from its middle beyond which models mean nothing.
const MAX_REACH: f64 = 3.0;
/// A pixel's point farther than this from the one that was asked for is another one: the lens folds back, mm.
const FOLD_MM: f64 = 1e-3;
/// Least standard deviation of a pixel that a search of points counts with, px.
const MIN_SIGMA_PX: f64 = 1e-3;
/// Least standard deviation of a model's pixels, px.
const MIN_SYSTEMATIC_PX: f64 = 1e-4;

fn is_sigma(sigma_px: f64) -> bool {
    (0.0..=MAX_SIGMA_PX).contains(&sigma_px)
}

impl PointAnswer {
    /// No answer, for the reason `status`.
    pub fn refused(status: AnswerStatus) -> Self {
        let estimate =
            PointEstimate { point_mm: Vector3::zeros(), covariance_mm2: nalgebra::Matrix3::zeros(), epipolar_px: 0.0 };
        PointAnswer { status, estimate }
    }
}

/// Answers pairs of pixels, one after the other: made by [`Calibration::pairs`].
pub struct Pairs<'a> {
    calibration: &'a Calibration,
    solver: PairSolver<'a>,
    camera_sigma_px: [f64; 2],
    sigma_px: f64,
}

impl Pairs<'_> {
    /// The point that both cameras see, in the tool frame.
    pub fn point(&self, left: Vector2<f64>, right: Vector2<f64>) -> PointAnswer {
        let (calibration, sigma_px) = (self.calibration, self.sigma_px);
        if !is_sigma(sigma_px) {
            return PointAnswer::refused(AnswerStatus::InvalidInput);
        }
        for (camera, pixel) in [(Camera::Left, left), (Camera::Right, right)] {
            if let Some(status) = calibration.refuse_pixel(camera, pixel) {
                return PointAnswer::refused(status);
            }
        }
        let noise = Matrix4::identity() * (sigma_px * sigma_px);
        let found = self.solver.solve([left, right], |point_mm| calibration.model_covariance(point_mm) + noise);
        let Some(estimate) = found else {
            return PointAnswer::refused(AnswerStatus::NoConvergence);
        };
        let sigma = self.camera_sigma_px[0].max(self.camera_sigma_px[1]).hypot(sigma_px);
        if estimate.epipolar_px > MISS_PX.max(MISS_SIGMAS * sigma) {
            return PointAnswer { status: AnswerStatus::RaysMiss, estimate };
        }
        let inside = calibration.covers(Camera::Left, left) && calibration.covers(Camera::Right, right);
        // A point that may as well lie inside is not called outside.
        let tolerance_mm = HEIGHT_TOLERANCE_MM.max(VOLUME_SIGMAS * estimate.covariance_mm2.m33.sqrt());
        PointAnswer { status: calibration.volume_status(inside, estimate.point_mm.z, tolerance_mm), estimate }
    }
}

impl Calibration {
    /// How much the two equations of a pixel count, px: what the model misses at held-out places, noise included.
    fn pixel_sigma(&self, camera: Camera) -> f64 {
        self.camera(camera).cross_validation_rms_px.max(MIN_SIGMA_PX)
    }

    /// Covariance of the models' (u_left, v_left, u_right, v_right) at a point, px². The asked pixel is taken as exact.
    fn model_covariance(&self, point_mm: Vector3<f64>) -> Matrix4<f64> {
        let mut covariance = Matrix4::zeros();
        for (c, camera) in Camera::BOTH.into_iter().enumerate() {
            let side = self.camera(camera);
            // Without a table of what the parameters cost, all of the held-out error.
            let systematic_px =
                if self.uncertainty.is_some() { side.systematic_rms_px } else { side.cross_validation_rms_px }
                    .max(MIN_SYSTEMATIC_PX);
            covariance
                .fixed_view_mut::<2, 2>(2 * c, 2 * c)
                .copy_from(&(Matrix2::identity() * (systematic_px * systematic_px)));
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
        self.pairs(sigma_px).point(left, right)
    }

    /// Works out what all answers share, some milliseconds of the first one's time otherwise.
    pub fn prepare(&self) -> &Starts {
        let models = [&self.left.model, &self.right.model];
        let image_size = [self.left.image_size, self.right.image_size];
        self.starts.get_or_init(|| Starts::of(models, &self.volume, image_size))
    }

    /// For many pairs that are uncertain by `sigma_px`.
    pub fn pairs(&self, sigma_px: f64) -> Pairs<'_> {
        let camera_sigma_px = Camera::BOTH.map(|camera| self.pixel_sigma(camera));
        let models = [&self.left.model, &self.right.model];
        let solver = PairSolver::new(models, &self.volume, camera_sigma_px).starting_at(self.prepare());
        Pairs { calibration: self, solver, camera_sigma_px, sigma_px }
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
                let status = self.volume_status(self.covers(camera, pixel), plane_z_mm, HEIGHT_TOLERANCE_MM);
                PointAnswer { status, estimate }
            }
        }
    }

    /// Where `camera` sees a point of the tool frame.
    pub fn point_to_pixel(&self, camera: Camera, point_mm: Vector3<f64>) -> PixelAnswer {
        let covariance_px2 = match point_mm.iter().all(|x| x.is_finite()) {
            true => Uncertainty::camera(&self.model_covariance(point_mm), camera as usize),
            false => Matrix2::identity() * self.pixel_sigma(camera).powi(2),
        };
        let refused = |status| PixelAnswer { status, pixel: Vector2::zeros(), covariance_px2 };
        if !point_mm.iter().all(|x| x.is_finite()) {
            return refused(AnswerStatus::InvalidInput);
        }
        // Far outside the models mean nothing; near by they extrapolate.
        if self.volume.normalise(point_mm).abs().max() > MAX_REACH {
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
        if back.is_none_or(|back| (back.point_mm - point_mm).norm() > FOLD_MM) {
            return refused(AnswerStatus::OutsideImage);
        }
        PixelAnswer {
            status: self.volume_status(self.covers(camera, pixel), point_mm.z, HEIGHT_TOLERANCE_MM),
            pixel,
            covariance_px2,
        }
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

    fn volume_status(&self, pixels_covered: bool, z_mm: f64, tolerance_mm: f64) -> AnswerStatus {
        let [low, high] = [self.volume.min_mm[2] - tolerance_mm, self.volume.max_mm[2] + tolerance_mm];
        if pixels_covered && (low..=high).contains(&z_mm) { AnswerStatus::Ok } else { AnswerStatus::OutsideVolume }
    }
}
