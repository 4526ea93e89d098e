//! A physical camera: pinhole with rational lens distortion and thin prism, in a frame that may be oblique.
//!
//! ```text
//! (u, v) = pinhole(x, y, z; k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4)
//! ```
//! Formula, symbols, frames and units are those of [`crate::mapping::models::pinhole`]; this row has all twelve
//! coefficients of OpenCV's model. They are Brown's (1971), a denominator k4, k5, k6 for strong lenses, and a thin prism
//! s1 … s4. The prism is that of Weng, Cohen and Herniou, "Camera calibration with distortion models and accuracy
//! evaluation" (1992).

use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::CameraModel;
use crate::mapping::models::pinhole::distortion::RATIONAL;
use crate::mapping::models::pinhole::{Pinhole, parameters};
use crate::validation::ValidationError;
use nalgebra::{Matrix2x3, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// A fitted pinhole with rational distortion and thin prism.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rational(pub Pinhole);

impl CameraModel for Rational {
    fn parameter_count() -> usize {
        parameters(RATIONAL)
    }

    fn fit(data: &CameraDataset) -> Option<Self> {
        Pinhole::fit(RATIONAL, data.image_size, &data.correspondences).map(Rational)
    }

    fn refit(&self, points: &[Correspondence]) -> Option<Self> {
        self.0.refit(points).map(Rational)
    }

    fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
        self.0.pixel_and_jacobian(point_mm)
    }

    fn validate(&self) -> Result<(), ValidationError> {
        self.0.validate(RATIONAL)
    }
}
