//! A physical camera: pinhole with Brown's lens distortion, in a frame that may be oblique.
//!
//! ```text
//! (u, v) = pinhole(x, y, z; k1 k2 p1 p2 k3)
//! ```
//! Formula, symbols, frames and units are those of [`crate::mapping::models::pinhole`]; this row has five coefficients of
//! distortion in OpenCV's order. Radial k1, k2, k3 and decentring p1, p2 are those of Brown, "Close-range camera
//! calibration" (1971).

use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::CameraModel;
use crate::mapping::models::pinhole::distortion::BROWN;
use crate::mapping::models::pinhole::{Pinhole, parameters};
use crate::validation::ValidationError;
use nalgebra::{Matrix2x3, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// A fitted pinhole with Brown's distortion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Brown(pub Pinhole);

impl CameraModel for Brown {
    fn parameter_count() -> usize {
        parameters(BROWN)
    }

    fn fit(data: &CameraDataset) -> Option<Self> {
        Pinhole::fit(BROWN, data.image_size, &data.correspondences).map(Brown)
    }

    fn refit(&self, points: &[Correspondence]) -> Option<Self> {
        self.0.refit(points).map(Brown)
    }

    fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
        self.0.pixel_and_jacobian(point_mm)
    }

    fn validate(&self) -> Result<(), ValidationError> {
        self.0.validate(BROWN)
    }
}
