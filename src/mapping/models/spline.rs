//! A pinhole camera with Brown's distortion and, on top, a smooth correction of whatever that leaves.
//!
//! ```text
//! (ũ, ṽ) = pinhole(X)
//! (u, v) = (ũ, ṽ) + Σ_ij (a_ij, b_ij) B_i(ũ) B_j(ṽ)
//! ```
//! B_i are the uniform cubic B-splines whose knots divide the image's width and height into `cells`; outside the image they
//! go on straight. Neighbouring coefficients are held together by the bending energy of a thin plate, of second differences
//! as in P-splines,
//!
//! ```text
//! Σ (Δ_i² a)² + 2 (Δ_i Δ_j a)² + (Δ_j² a)²   over   σ²,   σ = m (h / L)²
//! ```
//! | symbol | | unit |
//! | --- | --- | --- |
//! | X | the point, tool frame, see [`crate::mapping::models::pinhole`] | mm |
//! | a_ij, b_ij | coefficients along u and v | px |
//! | Δ_i | difference of neighbouring coefficients across or down | px |
//! | m | RMS residual per axis that Brown's model leaves beyond noise | px |
//! | h | size of a cell, in halves of the image's longer side | 1 |
//! | L | length over which corrections of the size m bend, in the same | 1 |
//!
//! Where there are correspondences they outweigh the energy; where there are none it goes on straight, so that
//! extrapolation stays tame.
//!
//! Sources: Eilers and Marx, "Flexible smoothing with B-splines and penalties" (1996); the plate's energy: Duchon, "Splines
//! minimizing rotation-invariant semi-norms in Sobolev spaces" (1977).

use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::CameraModel;
use crate::mapping::models::pinhole::distortion::BROWN;
use crate::mapping::models::pinhole::{Pinhole, parameters};
use crate::mapping::robust::adjust::{AddPrior, Adjustable, adjust};
use crate::mapping::robust::sparse_sums::SparseRow;
use crate::validation::{ValidationError, finite, length, positive};
use nalgebra::{Matrix2, Matrix2x3, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// A fitted pinhole with a spline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spline {
    /// The camera below the correction.
    pub pinhole: Pinhole,
    /// Cells across and down the image.
    pub cells: [usize; 2],
    /// Standard deviation of the thin-plate differences, σ above, px.
    pub bending_px: f64,
    /// [a_ij, b_ij], j runs fastest, `(cells[0] + 3) · (cells[1] + 3)` of them, px.
    pub coefficients: Vec<[f64; 2]>,
}

/// Cells along the longer side of the image: finer ones follow noise, coarser ones not the lens.
const CELLS: usize = 8;
const BROWN_PARAMETERS: usize = parameters(BROWN);
/// Largest number of cells along a side: the coefficients of a file stay below a megabyte.
const MAX_CELLS: usize = 256;
/// Fewest correspondences for each coefficient of the spline, along u and along v.
const POINTS_PER_NODE: usize = 2;
/// L above.
const BENDING_LENGTH: f64 = 0.2;
/// m is no less than this share of the residual: stated noise may be overstated.
const MIN_CORRECTION_SHARE: f64 = 0.3;
/// m is no less than this, px: a plate of no energy would have no weight to speak of.
const MIN_CORRECTION_PX: f64 = 1e-3;
/// σ of each coefficient, px: weak, so that whatever the pinhole can do is done by it.
const SIZE_SIGMA_PX: f64 = 1.0;
/// Correspondences while the parameters are still off: some dozen for each coefficient.
const COARSE_POINTS: usize = 6000;

/// Values and slopes of the four B-splines that are not 0 at a place, and the first one's index.
struct Basis {
    first: usize,
    values: [f64; 4],
    slopes: [f64; 4],
}

impl Basis {
    /// `place` in cells, 0 … `cells` inside; beyond, straight on.
    fn at(place: f64, cells: usize) -> Self {
        let inside = place.clamp(0.0, cells as f64);
        let first = (inside as usize).min(cells - 1);
        let t = inside - first as f64;
        let (s, t2) = (1.0 - t, t * t);
        let mut values = [s * s * s, 4.0 + t2 * (3.0 * t - 6.0), 1.0 + 3.0 * t * (1.0 + t - t2), t * t2];
        let slopes = [-0.5 * s * s, t * (1.5 * t - 2.0), 0.5 + t - 1.5 * t2, 0.5 * t2];
        for (value, slope) in values.iter_mut().zip(slopes) {
            *value = *value / 6.0 + slope * (place - inside);
        }
        Basis { first, values, slopes }
    }
}

/// The correction at one pixel of the pinhole.
struct Correction {
    basis: [Basis; 2],
    /// px
    shift: Vector2<f64>,
    /// 1 + ∂shift/∂(ũ, ṽ)
    bend: Matrix2<f64>,
}

impl CameraModel for Spline {
    /// Brown's: the coefficients are held by their neighbours.
    fn parameter_count() -> usize {
        BROWN_PARAMETERS
    }

    /// Brown's camera, then everything at once.
    fn fit(data: &CameraDataset) -> Option<Self> {
        let (image_size, points) = (data.image_size, &data.correspondences[..]);
        let pinhole = Pinhole::fit(BROWN, image_size, points)?;
        let correction_px = correction_px(&pinhole, points);
        let cells = cells(image_size, points.len())?;
        let camera = Spline {
            bending_px: correction_px * (cell_size(image_size, cells) / BENDING_LENGTH).powi(2),
            coefficients: vec![[0.0; 2]; (cells[0] + 3) * (cells[1] + 3)],
            pinhole,
            cells,
        };
        let few: Vec<Correspondence> = points.iter().step_by((points.len() / COARSE_POINTS).max(1)).copied().collect();
        let camera = adjust(camera, &few, 2, 6)?;
        if few.len() < points.len() { adjust(camera, points, 1, 2) } else { Some(camera) }
    }

    fn refit(&self, points: &[Correspondence]) -> Option<Self> {
        adjust(self.clone(), points, 1, 2)
    }

    fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
        let (pixel, jacobian) = self.pinhole.pixel_and_jacobian(point_mm);
        let correction = self.correction(pixel);
        (pixel + correction.shift, correction.bend * jacobian)
    }

    fn validate(&self) -> Result<(), ValidationError> {
        if let Some(cells) = self.cells.iter().find(|n| !(1..=MAX_CELLS).contains(*n)) {
            return Err(ValidationError::new("cells", format!("holds {cells}, it must be within 1 … {MAX_CELLS}")));
        }
        length("coefficients", self.coefficients.len(), (self.cells[0] + 3) * (self.cells[1] + 3))?;
        finite("coefficients", self.coefficients.as_flattened())?;
        positive("bending_px", &[self.bending_px])?;
        self.pinhole.validate(BROWN).map_err(|error| error.within("pinhole"))
    }
}

impl Spline {
    fn correction(&self, pixel: Vector2<f64>) -> Correction {
        let size = self.pinhole.image_size.map(f64::from);
        // The image's border is half a pixel outside its outermost centres.
        let basis =
            [0, 1].map(|axis| Basis::at((pixel[axis] + 0.5) / size[axis] * self.cells[axis] as f64, self.cells[axis]));
        let (mut shift, mut bend) = (Vector2::zeros(), Matrix2::zeros());
        let [x, y] = &basis;
        for i in 0..4 {
            let from = self.node([x.first + i, y.first]);
            for (j, c) in self.coefficients[from..from + 4].iter().enumerate() {
                let c = Vector2::from(*c);
                shift += c * (x.values[i] * y.values[j]);
                bend += c * Vector2::new(x.slopes[i] * y.values[j], x.values[i] * y.slopes[j]).transpose();
            }
        }
        for axis in 0..2 {
            bend.column_mut(axis).scale_mut(self.cells[axis] as f64 / size[axis]);
        }
        Correction { basis, shift, bend: Matrix2::identity() + bend }
    }

    fn node(&self, [i, j]: [usize; 2]) -> usize {
        i * (self.cells[1] + 3) + j
    }
}

/// m above: RMS residual per axis beyond what the pixels' covariances explain, px.
fn correction_px(pinhole: &Pinhole, points: &[Correspondence]) -> f64 {
    let square = |p: &Correspondence| 0.5 * (pinhole.pixel(p.point_in_tool_mm) - p.pixel).norm_squared();
    let mean = |value: &dyn Fn(&Correspondence) -> f64| points.iter().map(value).sum::<f64>() / points.len() as f64;
    let (all, noise) = (mean(&square), mean(&|p| 1.0 / p.weight()));
    (all - noise).max(MIN_CORRECTION_SHARE * MIN_CORRECTION_SHARE * all).sqrt().max(MIN_CORRECTION_PX)
}

/// Square cells, [`CELLS`] along the longer side, or fewer where there are few points. `None` if not even one a side.
fn cells(image_size: [u32; 2], points: usize) -> Option<[usize; 2]> {
    let longer = f64::from(image_size[0].max(image_size[1]));
    let divided = |most: usize| image_size.map(|n| ((most as f64 * f64::from(n) / longer).round() as usize).max(1));
    let nodes = |[across, down]: [usize; 2]| (across + 3) * (down + 3);
    (1..=CELLS).rev().map(divided).find(|cells| POINTS_PER_NODE * nodes(*cells) <= points)
}

/// In halves of the image's longer side.
fn cell_size(image_size: [u32; 2], cells: [usize; 2]) -> f64 {
    if image_size[0] >= image_size[1] { 2.0 / cells[0] as f64 } else { 2.0 / cells[1] as f64 }
}

impl Adjustable for Spline {
    fn parameters(&self) -> usize {
        self.pinhole.parameters() + 2 * self.coefficients.len()
    }

    fn pixel_and_rows(&self, point_mm: Vector3<f64>, rows: &mut [SparseRow; 2]) -> Option<Vector2<f64>> {
        let below = self.pinhole.pixel_and_rows(point_mm, rows)?;
        let correction = self.correction(below);
        let pinhole = self.pinhole.parameters();
        let mut dense = [Vector2::zeros(); BROWN_PARAMETERS];
        for (axis, row) in rows.iter().enumerate() {
            row.iter().for_each(|(n, by)| dense[*n] += correction.bend.column(axis) * *by);
        }
        let [x, y] = &correction.basis;
        for (axis, row) in rows.iter_mut().enumerate() {
            row.clear();
            row.extend(dense.iter().take(pinhole).enumerate().map(|(n, by)| (n, by[axis])));
            for i in 0..4 {
                let from = pinhole + axis * self.coefficients.len() + self.node([x.first + i, y.first]);
                row.extend((0..4).map(|j| (from + j, x.values[i] * y.values[j])));
            }
        }
        Some(below + correction.shift)
    }

    fn pixel(&self, point_mm: Vector3<f64>) -> Vector2<f64> {
        let below = self.pinhole.pixel(point_mm);
        below + self.correction(below).shift
    }

    fn step(&mut self, step: &[f64]) {
        let (pinhole, correction) = step.split_at(self.pinhole.parameters());
        self.pinhole.step(pinhole);
        let (along_u, along_v) = correction.split_at(self.coefficients.len());
        for (c, (u, v)) in self.coefficients.iter_mut().zip(along_u.iter().zip(along_v)) {
            c[0] += u;
            c[1] += v;
        }
    }

    fn priors(&self, add: &mut AddPrior) {
        self.pinhole.priors(add);
        let root = 2.0_f64.sqrt();
        // Differences of neighbouring coefficients: steps across and down, factor.
        let along_u = [(0, 0, 1.0), (1, 0, -2.0), (2, 0, 1.0)];
        let along_v = [(0, 0, 1.0), (0, 1, -2.0), (0, 2, 1.0)];
        let mixed = [(0, 0, root), (0, 1, -root), (1, 0, -root), (1, 1, root)];
        let [across, down] = self.cells.map(|n| n + 3);
        let mut row = SparseRow::new();
        for axis in 0..2 {
            let start = self.pinhole.parameters() + axis * self.coefficients.len();
            for (i, j) in (0..across).flat_map(|i| (0..down).map(move |j| (i, j))) {
                let own = self.node([i, j]);
                add(&[(start + own, 1.0)], -self.coefficients[own][axis], SIZE_SIGMA_PX);
                for difference in [&along_u[..], &along_v, &mixed] {
                    if difference.iter().any(|(a, b, _)| i + a >= across || j + b >= down) {
                        continue;
                    }
                    row.clear();
                    row.extend(difference.iter().map(|(a, b, factor)| (start + self.node([i + a, j + b]), *factor)));
                    let value: f64 = row.iter().map(|(n, factor)| factor * self.coefficients[n - start][axis]).sum();
                    add(&row, -value, self.bending_px);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basis_sums_to_one_and_its_slopes_are_right_inside_and_beyond() {
        for place in [-1.7, -0.2, 0.0, 0.3, 1.0, 2.9999, 4.2, 5.0, 6.5] {
            let at = Basis::at(place, 5);
            assert!((at.values.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            // Straight lines stay straight: node n stands at n − 1.
            let line =
                |b: &Basis| b.values.iter().enumerate().map(|(i, v)| v * ((b.first + i) as f64 - 1.0)).sum::<f64>();
            assert!((line(&at) - place).abs() < 1e-13, "{place}");
            let curve = |place: f64| {
                let b = Basis::at(place, 5);
                b.values.iter().enumerate().map(|(i, v)| v * ((b.first + i) as f64).powi(3)).sum::<f64>()
            };
            let slope: f64 = at.slopes.iter().enumerate().map(|(i, v)| v * ((at.first + i) as f64).powi(3)).sum();
            assert!((slope - (curve(place + 1e-6) - curve(place - 1e-6)) / 2e-6).abs() < 1e-3, "{place}");
        }
    }

    #[test]
    fn cells_are_square_and_few_where_points_are_few() {
        assert_eq!(cells([1280, 720], 50_000), Some([8, 5]));
        assert_eq!(cells([720, 1280], 50_000), Some([5, 8]));
        let few = cells([1280, 720], 240).unwrap();
        assert!((few[0] + 3) * (few[1] + 3) <= 120, "{few:?}");
        assert_eq!(cells([1280, 720], 20), None);
    }
}
