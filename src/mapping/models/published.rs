//! World → pixel as published, Eq. (16).
//!
//! ```text
//! (u, v) = A [1 x y z x'² y'² z'² w² x'y' x'z' y'z' x'w y'w z'w]ᵀ,   x' = x/10, y' = y/10, z' = z/10, w = d/(d − z)
//! ```
//! | symbol | | unit |
//! | --- | --- | --- |
//! | x, y, z | the point: x and y of the tool frame, and the height z = h = −z_tool | mm |
//! | A | 2 × 14 coefficients, by ordinary least squares | px/mm to the power of each term |
//! | d | depth at which w is infinite: outside the swept heights | mm |
//!
//! Erratum: the note has d = 20, infinite at the last height of its own sweep. Here d is the parameter `w_depth_mm`,
//! found by a golden-section search (Kiefer, "Sequential minimax search for a maximum", 1953).

use crate::least_squares::NormalSums;
use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::CameraModel;
use crate::validation::{ValidationError, finite, length};
use nalgebra::{Matrix2x3, SVector, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// Terms of Eq. (16).
const TERMS: usize = 14;
/// Correspondences that d is searched with: it needs hundreds of them, not tens of thousands.
const SEARCHED: usize = 3000;

/// A fitted Eq. (16).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// d above, mm of h; outside the swept range.
    pub w_depth_mm: f64,
    /// Rows of A, [u, v] per term, px.
    pub coefficients: Vec<[f64; 2]>,
}

type Terms = SVector<f64, TERMS>;

/// The vector of Eq. (16) and its derivatives by x, y and the tool's z.
fn terms(point_mm: Vector3<f64>, depth_mm: f64) -> (Terms, [Terms; 3]) {
    let h = -point_mm.z;
    let (x, y, z) = (0.1 * point_mm.x, 0.1 * point_mm.y, 0.1 * h);
    let w = depth_mm / (depth_mm - h);
    // dw/dh = w² / d.
    let dw = w * w / depth_mm;
    let values = [1.0, point_mm.x, point_mm.y, h, x * x, y * y, z * z, w * w, x * y, x * z, y * z, x * w, y * w, z * w];
    let by_x = [0.0, 1.0, 0.0, 0.0, 0.2 * x, 0.0, 0.0, 0.0, 0.1 * y, 0.1 * z, 0.0, 0.1 * w, 0.0, 0.0];
    let by_y = [0.0, 0.0, 1.0, 0.0, 0.0, 0.2 * y, 0.0, 0.0, 0.1 * x, 0.0, 0.1 * z, 0.0, 0.1 * w, 0.0];
    let by_h =
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.2 * z, 2.0 * w * dw, 0.0, 0.1 * x, 0.1 * y, x * dw, y * dw, 0.1 * w + z * dw];
    (Terms::from(values), [Terms::from(by_x), Terms::from(by_y), -Terms::from(by_h)])
}

impl CameraModel for Published {
    fn parameter_count() -> usize {
        2 * TERMS + 1
    }

    /// Ordinary least squares for each depth on a ladder outside the swept heights, then a golden-section search.
    fn fit(data: &CameraDataset) -> Option<Self> {
        let points = &data.correspondences;
        let heights = points.iter().map(|p| -p.point_in_tool_mm.z);
        let (low, high) = heights.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        let span = (high - low).max(1.0);
        let step = (points.len() / SEARCHED).max(1);
        let few: Vec<Correspondence> = points.iter().step_by(step).copied().collect();
        let cost = |depth: f64| Self::with_depth(&few, depth).map_or(f64::INFINITY, |m| m.sum_of_squares(&few));
        // d = high + span·e^t and d = low − span·e^t.
        let above = |t: f64| high + span * t.exp();
        let below = |t: f64| low.min(0.0) - span * t.exp();
        let mut best: Option<(f64, f64)> = None;
        for side in [&above as &dyn Fn(f64) -> f64, &below] {
            let costs: Vec<f64> = (0..13).map(|i| cost(side(f64::from(i) * 0.5 - 3.0))).collect();
            let Some(i) = (0..13).min_by(|a, b| costs[*a].total_cmp(&costs[*b])) else {
                continue;
            };
            let middle = i as f64 * 0.5 - 3.0;
            let t = golden_section(&|t| cost(side(t)), middle - 0.5, middle + 0.5);
            let reached = cost(side(t));
            if best.is_none_or(|(least, _)| reached < least) {
                best = Some((reached, side(t)));
            }
        }
        Self::with_depth(points, best?.1)
    }

    /// The same depth fitted to other points.
    fn refit(&self, points: &[Correspondence]) -> Option<Self> {
        Self::with_depth(points, self.w_depth_mm)
    }

    fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
        let (values, [by_x, by_y, by_z]) = terms(point_mm, self.w_depth_mm);
        let mut sums = [Vector2::zeros(); 4];
        for (n, c) in self.coefficients.iter().take(TERMS).enumerate() {
            for (sum, row) in sums.iter_mut().zip([&values, &by_x, &by_y, &by_z]) {
                *sum += Vector2::from(*c) * row[n];
            }
        }
        let [pixel, slopes @ ..] = sums;
        (pixel, Matrix2x3::from_columns(&slopes))
    }

    fn validate(&self) -> Result<(), ValidationError> {
        length("coefficients", self.coefficients.len(), TERMS)?;
        finite("coefficients", self.coefficients.as_flattened())?;
        finite("w_depth_mm", &[self.w_depth_mm])?;
        if self.w_depth_mm == 0.0 {
            return Err(ValidationError::new("w_depth_mm", "is 0: every height would be the same"));
        }
        Ok(())
    }
}

impl Published {
    fn with_depth(points: &[Correspondence], depth_mm: f64) -> Option<Self> {
        let mut sums = NormalSums::new(TERMS, 2);
        for p in points {
            let (row, _) = terms(p.point_in_tool_mm, depth_mm);
            sums.add(|out| out.copy_from_slice(row.as_slice()), &[p.pixel.x, p.pixel.y], 1.0);
        }
        let solution = sums.solve(0.0)?;
        let coefficients = (0..TERMS).map(|n| [solution[(n, 0)], solution[(n, 1)]]).collect();
        Some(Published { w_depth_mm: depth_mm, coefficients })
    }

    fn sum_of_squares(&self, points: &[Correspondence]) -> f64 {
        points.iter().map(|p| (self.pixel_and_jacobian(p.point_in_tool_mm).0 - p.pixel).norm_squared()).sum()
    }
}

/// Minimum of a function with one minimum in low … high.
fn golden_section(f: &dyn Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let ratio = 0.5 * (5.0_f64.sqrt() - 1.0);
    for _ in 0..16 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if f(a) < f(b) { high = b } else { low = a }
    }
    0.5 * (low + high)
}
