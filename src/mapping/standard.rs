//! The camera as other software wants it: OpenCV's pinhole with `plumb_bob` or `rational_polynomial` distortion, fitted to
//! the same pairs as the served model, with what it misses.
//!
//! Both are [`Pinhole`]s, whose distortion is OpenCV's: five coefficients k1 k2 p1 p2 k3, or eight with k4 k5 k6. Their frame
//! may be oblique (see there), which no standard format can say: rotations below are those of a camera at right angles, so
//! the angle between motion axis and grid normal, tenths of a degree, is in the extrinsics' error.

use crate::mapping::dataset::CameraDataset;
use crate::mapping::distortion::BROWN;
use crate::mapping::pinhole::Pinhole;
use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};

/// Coefficients of `rational_polynomial`.
const RATIONAL: usize = 8;
/// The simpler model is preferred unless it misses more than this factor of what the other does.
const PARITY: f64 = 1.05;
/// Most pairs of the fit: a few numbers are well determined by them.
const MOST: usize = 8000;

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
    pub distortion: Distortion,
    /// RMS residual per axis over the dataset, and the largest, px: what its users lose against the served model.
    pub misfit_rms_px: f64,
    pub misfit_max_px: f64,
    pub camera: Pinhole,
}

impl StandardCamera {
    /// The better of both models; `None` when the pairs don't determine them.
    pub fn fit(data: &CameraDataset) -> Option<Self> {
        let few = data.thinned(MOST);
        let fit = |coefficients, distortion| {
            let camera = Pinhole::fit(coefficients, data.image_size, &few.correspondences)?;
            let misses = || few.correspondences.iter().map(|p| p.pixel - camera.pixel_and_jacobian(p.point_in_tool_mm).0);
            let squares: f64 = misses().map(|miss| miss.norm_squared()).sum();
            let misfit_rms_px = (squares / (2 * few.correspondences.len()).max(1) as f64).sqrt();
            let misfit_max_px = misses().map(|miss| miss.norm()).fold(0.0, f64::max);
            misfit_rms_px.is_finite().then_some(StandardCamera { distortion, misfit_rms_px, misfit_max_px, camera })
        };
        let simple = fit(BROWN, Distortion::PlumbBob);
        let rational = fit(RATIONAL, Distortion::RationalPolynomial);
        match (simple, rational) {
            (Some(simple), Some(rational)) if simple.misfit_rms_px > PARITY * rational.misfit_rms_px => Some(rational),
            (simple, rational) => simple.or(rational),
        }
    }

    /// K.
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

    pub(super) fn complaint(&self) -> Option<String> {
        let coefficients = match self.distortion {
            Distortion::PlumbBob => BROWN,
            Distortion::RationalPolynomial => RATIONAL,
        };
        let misfits = [self.misfit_rms_px, self.misfit_max_px];
        if let Some(misfit) = misfits.iter().find(|x| !x.is_finite()) {
            return Some(format!("misfit is {misfit}, which is not a finite number"));
        }
        self.camera.complaint(coefficients)
    }
}

/// R and T of OpenCV's stereo calibration, X_right = R X_left + T, mm.
pub fn right_from_left(left: &StandardCamera, right: &StandardCamera) -> Option<(Rotation3<f64>, Vector3<f64>)> {
    let (left, right) = (left.tool_from_camera()?, right.tool_from_camera()?);
    let between = right.inverse() * left;
    Some((between.rotation.to_rotation_matrix(), between.translation.vector))
}
