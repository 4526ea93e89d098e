//! The camera as other software wants it: OpenCV's pinhole with `plumb_bob` or `rational_polynomial` distortion, fitted to
//! the same correspondences as the served model, with what it misses.
//!
//! Both are [`Pinhole`]s, whose distortion is OpenCV's: five coefficients k1 k2 p1 p2 k3, or eight with k4 k5 k6. No standard
//! format can say that the frame is oblique (see there), so it is not: the motion axis is held to the normal. Where it is
//! not, by tenths of a degree without jogs, the residuals say what that costs.

use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::pinhole::distortion::BROWN;
use crate::mapping::models::pinhole::{A, Pinhole};
use crate::mapping::robust::adjust::{AddPrior, Adjustable, adjust};
use crate::mapping::robust::sparse_sums::SparseRow;
use crate::validation::{ValidationError, finite};
use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// Coefficients of `rational_polynomial`.
const RATIONAL: usize = 8;
/// The simpler model is preferred unless it misses more than this factor of what the other does.
const PARITY: f64 = 1.05;
/// Correspondences of the fit: a few numbers are well determined by them.
const USED: usize = 8000;

/// Name of a distortion model, as in sensor_msgs/distortion_models.hpp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distortion {
    /// Brown's, five coefficients.
    PlumbBob,
    /// Eight coefficients.
    RationalPolynomial,
}

impl Distortion {
    /// As `distortion_model` of a CameraInfo.
    pub fn name(self) -> &'static str {
        match self {
            Distortion::PlumbBob => "plumb_bob",
            Distortion::RationalPolynomial => "rational_polynomial",
        }
    }
}

/// A camera for other software.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandardCamera {
    /// Which of both models.
    pub distortion: Distortion,
    /// RMS residual per axis over the dataset, px: what its users lose against the served model.
    pub misfit_rms_px: f64,
    /// Length of the largest residual, px.
    pub misfit_max_px: f64,
    /// Intrinsics, distortion and pose; its frame is at right angles.
    pub camera: Pinhole,
}

impl StandardCamera {
    /// The better of both models, begun at `near`, a camera with Brown's distortion, where there is one; `None` when the points
    /// don't determine them.
    pub fn fit(data: &CameraDataset, near: Option<&Pinhole>) -> Option<Self> {
        let used = data.thinned(USED);
        let points = &used.correspondences;
        let found = |camera: Pinhole, distortion| {
            let residuals = || points.iter().map(|p| p.pixel - camera.pixel_and_jacobian(p.point_in_tool_mm).0);
            let squares: f64 = residuals().map(|residual| residual.norm_squared()).sum();
            let misfit_rms_px = (squares / (2 * points.len()).max(1) as f64).sqrt();
            let misfit_max_px = residuals().map(|residual| residual.norm()).fold(0.0, f64::max);
            misfit_rms_px.is_finite().then_some(StandardCamera { distortion, misfit_rms_px, misfit_max_px, camera })
        };
        let near = near.cloned().or_else(|| Pinhole::fit(BROWN, data.image_size, points))?;
        let brown = upright(near, points)?;
        let mut flexible = brown.clone();
        flexible.distortion.resize(RATIONAL, 0.0);
        let rational = upright(flexible, points).and_then(|camera| found(camera, Distortion::RationalPolynomial));
        let simple = found(brown, Distortion::PlumbBob);
        match (simple, rational) {
            (Some(simple), Some(rational)) if simple.misfit_rms_px > PARITY * rational.misfit_rms_px => Some(rational),
            (simple, rational) => simple.or(rational),
        }
    }

    /// K, px: fx, fy, cx, cy and no skew.
    pub fn camera_matrix(&self) -> Matrix3<f64> {
        let ([fx, fy], [cx, cy]) = (self.camera.focal_px, self.camera.principal_point_px);
        Matrix3::new(fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0)
    }

    /// Where the camera is in the calibration frame (optical axes: x right, y down, z forward), mm.
    pub fn tool_from_camera(&self) -> Option<Isometry3<f64>> {
        let centre = self.camera.centre_in_tool_mm()?;
        let rotation = UnitQuaternion::from_rotation_matrix(&self.camera.camera_from_tool().inverse());
        Some(Isometry3::from_parts(Translation3::from(centre), rotation))
    }

    /// Checks numbers that were read from a file.
    ///
    /// # Errors
    /// [`ValidationError`] with the first impossible field.
    pub fn validate(&self) -> Result<(), ValidationError> {
        let coefficients = match self.distortion {
            Distortion::PlumbBob => BROWN,
            Distortion::RationalPolynomial => RATIONAL,
        };
        finite("misfit_rms_px", &[self.misfit_rms_px])?;
        finite("misfit_max_px", &[self.misfit_max_px])?;
        self.camera.validate(coefficients).map_err(|error| error.within("camera"))
    }
}

/// A camera whose motion axis is not adjusted.
#[derive(Clone)]
struct Upright(Pinhole);

/// The camera with the motion axis along the normal that fits the points best.
fn upright(mut camera: Pinhole, points: &[Correspondence]) -> Option<Pinhole> {
    camera.axis = [0.0, 0.0, camera.axis[2].signum()];
    adjust(Upright(camera), points, 2, 20).map(|camera| camera.0)
}

impl Adjustable for Upright {
    fn parameters(&self) -> usize {
        self.0.parameters()
    }

    fn pixel_and_rows(&self, point_mm: Vector3<f64>, rows: &mut [SparseRow; 2]) -> Option<Vector2<f64>> {
        let pixel = self.0.pixel_and_rows(point_mm, rows)?;
        // Only the prior speaks about the axis, and it is content.
        rows.iter_mut().for_each(|row| row.retain(|(i, _)| !(A..A + 3).contains(i)));
        Some(pixel)
    }

    fn pixel(&self, point_mm: Vector3<f64>) -> Vector2<f64> {
        self.0.pixel(point_mm)
    }

    fn step(&mut self, step: &[f64]) {
        self.0.step(step);
    }

    fn priors(&self, add: &mut AddPrior) {
        self.0.priors(add);
    }
}

/// R and T of OpenCV's stereo calibration, X_right = R X_left + T, mm; `None` where a camera has no centre.
pub fn right_from_left(left: &StandardCamera, right: &StandardCamera) -> Option<(Rotation3<f64>, Vector3<f64>)> {
    let (left, right) = (left.tool_from_camera()?, right.tool_from_camera()?);
    let between = right.inverse() * left;
    Some((between.rotation.to_rotation_matrix(), between.translation.vector))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Matrix2;

    /// A camera of OpenCV's, looking down from 30 mm, over three heights.
    fn seen(distortion: Vec<f64>) -> (Pinhole, CameraDataset) {
        let down = Rotation3::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
        let rotation = Rotation3::new(Vector3::new(0.02, -0.19, 0.03)) * down;
        let centre = Vector3::new(-6.0, 0.5, 30.0);
        let camera = Pinhole {
            image_size: [640, 360],
            focal_px: [671.0, 671.0],
            principal_point_px: [322.5, 177.0],
            distortion,
            rotation: std::array::from_fn(|i| rotation.matrix().row(i).transpose().into()),
            translation_mm: (-centre).into(),
            axis: [0.0, 0.0, 1.0],
        };
        let lines = (-14..=14).flat_map(|x| (-9..=9).map(move |y| [x, y]));
        let points = (0..5).flat_map(|view| {
            let h = 2.0 * f64::from(view);
            lines.clone().map(move |[x, y]| (view, Vector3::new(1.1 * f64::from(x), 1.1 * f64::from(y), -h)))
        });
        let correspondences = points.filter_map(|(view, point_in_tool_mm)| {
            let pixel = camera.pixel_and_jacobian(point_in_tool_mm).0;
            let inside = (0.0..640.0).contains(&pixel.x) && (0.0..360.0).contains(&pixel.y);
            let pixel_covariance_px2 = Matrix2::identity() * 1e-4;
            inside.then_some(Correspondence { pixel, pixel_covariance_px2, point_in_tool_mm, view: view as u32 })
        });
        let correspondences = correspondences.collect();
        (camera.clone(), CameraDataset { image_size: [640, 360], correspondences })
    }

    #[test]
    fn a_brown_camera_comes_back_as_plumb_bob() {
        let (truth, data) = seen(vec![-0.18, 0.06, 6e-4, -4e-4, 0.0]);
        let found = StandardCamera::fit(&data, None).unwrap();
        assert_eq!(found.distortion.name(), "plumb_bob");
        assert!(found.misfit_rms_px < 1e-3, "{}", found.misfit_rms_px);
        let place = found.tool_from_camera().unwrap();
        assert!((place.translation.vector - Vector3::new(-6.0, 0.5, 30.0)).norm() < 0.05, "{place}");
        // Both cameras' own axes: it looks down.
        assert!((place.rotation * Vector3::z()).z < -0.95);
        // The same camera twice stands where it stands.
        let (rotation, translation) = right_from_left(&found, &found).unwrap();
        let turned = (rotation.matrix() - nalgebra::Matrix3::identity()).norm();
        assert!(turned < 1e-9 && translation.norm() < 1e-9, "{rotation} {translation}");
        assert_eq!(found.camera.axis, [0.0, 0.0, 1.0]);
        assert!((found.camera.focal_px[0] / truth.focal_px[0] - 1.0).abs() < 0.002);
        assert!((found.camera.principal_point_px[0] - truth.principal_point_px[0]).abs() < 1.0);
    }

    #[test]
    fn what_plumb_bob_misses_becomes_rational() {
        let (_, data) = seen(vec![0.4, -0.9, 0.0, 0.0, 0.2, 0.9, -0.8, 0.1]);
        let found = StandardCamera::fit(&data, None).unwrap();
        assert_eq!((found.distortion, found.camera.distortion.len()), (Distortion::RationalPolynomial, 8));
        assert!(found.misfit_rms_px < 0.02, "{}", found.misfit_rms_px);
    }
}
