//! A box in the tool frame.

use crate::validation::ValidationError;
use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

/// Coordinates beyond this are in other units, mm.
const MAX_REACH_MM: f64 = 1e5;

/// A box in the tool frame, mm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Lowest x, y, z.
    pub min_mm: [f64; 3],
    /// Highest x, y, z.
    pub max_mm: [f64; 3],
}

impl Volume {
    /// The smallest box around `points`.
    pub fn around(points: impl Iterator<Item = Vector3<f64>>) -> Self {
        let start = (Vector3::repeat(f64::INFINITY), Vector3::repeat(f64::NEG_INFINITY));
        let (min, max) = points.fold(start, |(low, high), p| (low.inf(&p), high.sup(&p)));
        Volume { min_mm: min.into(), max_mm: max.into() }
    }

    /// Its middle.
    pub fn centre_mm(&self) -> Vector3<f64> {
        0.5 * (Vector3::from(self.min_mm) + Vector3::from(self.max_mm))
    }

    /// Half the size; at least a micrometre.
    pub fn half_mm(&self) -> Vector3<f64> {
        (0.5 * (Vector3::from(self.max_mm) - Vector3::from(self.min_mm))).sup(&Vector3::repeat(1e-3))
    }

    /// −1 … 1 inside.
    pub fn normalise(&self, point_mm: Vector3<f64>) -> Vector3<f64> {
        (point_mm - self.centre_mm()).component_div(&self.half_mm())
    }

    /// Checks numbers that were read from a file.
    ///
    /// # Errors
    /// [`ValidationError`] when an axis has no length, or is longer than any cell.
    pub fn validate(&self) -> Result<(), ValidationError> {
        for axis in 0..3 {
            let (low, high) = (self.min_mm[axis], self.max_mm[axis]);
            if !(low < high && low > -MAX_REACH_MM && high < MAX_REACH_MM) {
                let problem = format!("is {low} mm and max_mm[{axis}] {high} mm, which is no range");
                return Err(ValidationError::new(format!("min_mm[{axis}]"), problem));
            }
        }
        Ok(())
    }
}
