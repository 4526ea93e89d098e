//! A projective camera with a smooth lens: all rays pass one point, the lens may bend them in any smooth way.
//!
//! ```text
//! (ξ, η) = (P₁ X, P₂ X) / (P₃ X),                       X = (x̂, ŷ, ẑ, 1),  P₃ ends in 1
//! û = ξ + Σ_{2 ≤ i+j ≤ n} a_ij T_i(ξ) T_j(η),           v̂ = η + Σ b_ij T_i(ξ) T_j(η)
//! ```
//! û, v̂ are the pixel scaled to [−1, 1]. P is a full 3×4 matrix, so the frame of the points may be oblique: grid lines not
//! at right angles, motion axis not along their normal. The lens has no constant or linear terms: those are P's.

use crate::grating::chebyshev::values_and_slopes;
use crate::least_squares::{NormalSums, solve_equilibrated};
use crate::mapping::adjust::{misfit, student};
use crate::mapping::dataset::Correspondence;
use crate::mapping::model::Volume;
use nalgebra::{DMatrix, Matrix2, Matrix2x3, Matrix3x4, Vector2, Vector3, Vector4};
use serde::{Deserialize, Serialize};

/// A fitted central camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Central {
    pub volume: Volume,
    /// Half the width and height of the image, px, and its centre.
    pub pixel_half: [f64; 2],
    pub pixel_centre: [f64; 2],
    /// Rows of P.
    pub projection: [[f64; 4]; 3],
    /// Degree n of the lens.
    pub lens_degree: usize,
    /// [a_ij, b_ij] in the order of [`lens_exponents`].
    pub lens: Vec<[f64; 2]>,
}

/// Largest lens degree that a file may hold.
pub const MAX_LENS_DEGREE: usize = 15;
const POSE: usize = 11;
/// Relative to the diagonal.
const LEAST_DAMPING: f64 = 1e-10;

/// All (i, j) with 2 ≤ i + j ≤ degree.
pub fn lens_exponents(degree: usize) -> impl Iterator<Item = (usize, usize)> {
    (2..=degree).flat_map(|total| (0..=total).map(move |j| (total - j, j)))
}

/// Whether P's depth may tilt, that is P₃ change along x and y.
///
/// A homography of (ξ, η) does the same to all pixels as a change of P₃ that the lens undoes, so a flexible lens leaves the
/// tilt undetermined. A stiff one determines it; then it stays.
#[derive(Clone, Copy, PartialEq)]
enum Tilt {
    Free,
    Fixed,
}

/// What a point becomes on its way to the pixel.
struct Projected {
    homogeneous: Vector4<f64>,
    /// P₃ X.
    depth: f64,
    ideal: Vector2<f64>,
    values: [[f64; MAX_LENS_DEGREE + 1]; 2],
    /// (û, v̂)
    pixel: Vector2<f64>,
    /// ∂(û, v̂)/∂(ξ, η)
    bend: Matrix2<f64>,
}

impl Central {
    /// Direct linear transform, then least squares with rising lens degree. `None` when the points don't determine it.
    pub fn fit(lens_degree: usize, volume: Volume, image_size: [u32; 2], points: &[Correspondence]) -> Option<Self> {
        if points.len() < POSE + 2 * lens_exponents(lens_degree).count() {
            return None;
        }
        let mut camera = Self::linear(volume, image_size, points)?;
        let few: Vec<Correspondence> = points.iter().step_by((points.len() / 6000).max(1)).copied().collect();
        camera.set_lens_degree(3);
        camera.refine(&few, 5, Tilt::Free)?;
        for degree in [lens_degree.min(6), lens_degree] {
            camera.set_lens_degree(degree);
            camera.refine(&few, 3, Tilt::Fixed)?;
        }
        camera.refine(points, 2, Tilt::Fixed)?;
        Some(camera)
    }

    /// Direct linear transform: P without a lens.
    pub(super) fn linear(volume: Volume, image_size: [u32; 2], points: &[Correspondence]) -> Option<Self> {
        let mut camera = Central {
            volume,
            pixel_half: image_size.map(|n| 0.5 * f64::from(n)),
            pixel_centre: image_size.map(|n| 0.5 * (f64::from(n) - 1.0)),
            projection: [[0.0; 4]; 3],
            lens_degree: 1,
            lens: Vec::new(),
        };
        camera.direct_linear_transform(points)?;
        Some(camera)
    }

    /// Width and height of the image, px.
    pub(super) fn image_size(&self) -> [u32; 2] {
        self.pixel_half.map(|half| (2.0 * half).round() as u32)
    }

    /// The same camera moved on to other points.
    pub fn refit(&self, points: &[Correspondence]) -> Option<Self> {
        let mut camera = self.clone();
        camera.refine(points, 3, Tilt::Fixed)?;
        Some(camera)
    }

    fn set_lens_degree(&mut self, degree: usize) {
        self.lens_degree = degree;
        // A higher degree only appends terms.
        self.lens.resize(lens_exponents(degree).count(), [0.0; 2]);
    }

    fn scaled(&self, pixel: Vector2<f64>) -> Vector2<f64> {
        (pixel - Vector2::from(self.pixel_centre)).component_div(&Vector2::from(self.pixel_half))
    }

    /// P without a lens from û P₃X = P₁X, v̂ P₃X = P₂X, linear in P.
    fn direct_linear_transform(&mut self, points: &[Correspondence]) -> Option<()> {
        let mut sums = NormalSums::new(POSE, 1);
        for point in points {
            let x = self.volume.normalise(point.point_in_tool_mm);
            let seen = self.scaled(point.pixel);
            for axis in 0..2 {
                let fill = |row: &mut [f64]| {
                    row[4 * axis..4 * axis + 3].copy_from_slice(x.as_slice());
                    row[4 * axis + 3] = 1.0;
                    for i in 0..3 {
                        row[8 + i] = -seen[axis] * x[i];
                    }
                };
                sums.add(fill, &[seen[axis]], point.weight());
            }
        }
        self.set_projection(&sums.solve(0.0)?);
        Some(())
    }

    fn set_projection(&mut self, values: &DMatrix<f64>) {
        for (i, value) in values.iter().take(POSE).enumerate() {
            self.projection[i / 4][i % 4] = *value;
        }
        self.projection[2][3] = 1.0;
    }

    fn matrix(&self) -> Matrix3x4<f64> {
        Matrix3x4::from_fn(|i, j| self.projection[i][j])
    }

    fn project(&self, point_mm: Vector3<f64>) -> Projected {
        let homogeneous = self.volume.normalise(point_mm).push(1.0);
        let camera = self.matrix() * homogeneous;
        let ideal = Vector2::new(camera.x / camera.z, camera.y / camera.z);
        let mut values = [[0.0; MAX_LENS_DEGREE + 1]; 2];
        let mut slopes = [[0.0; MAX_LENS_DEGREE + 1]; 2];
        let n = self.lens_degree.max(1);
        for axis in 0..2 {
            values_and_slopes(ideal[axis], &mut values[axis][..=n], &mut slopes[axis][..=n]);
        }
        let (mut pixel, mut bend) = (ideal, Matrix2::identity());
        let ([x, y], [dx, dy]) = (&values, &slopes);
        for ((i, j), c) in lens_exponents(self.lens_degree).zip(&self.lens) {
            let c = Vector2::from(*c);
            pixel += c * (x[i] * y[j]);
            bend += c * Vector2::new(dx[i] * y[j], x[i] * dy[j]).transpose();
        }
        Projected { homogeneous, depth: camera.z, ideal, values, pixel, bend }
    }

    /// Levenberg–Marquardt. `None` when no step lowers a cost that is no number.
    fn refine(&mut self, points: &[Correspondence], steps: usize, tilt: Tilt) -> Option<()> {
        let lens = self.lens.len();
        let half = Vector2::from(self.pixel_half);
        let misfit = misfit(points, |point| self.pixel_and_jacobian(point).0);
        let mut damping = LEAST_DAMPING;
        let mut cost = self.cost(points, misfit);
        for _ in 0..steps {
            let mut sums = NormalSums::new(POSE + 2 * lens, 1);
            for point in points {
                let at = self.project(point.point_in_tool_mm);
                let residual = self.scaled(point.pixel) - at.pixel;
                let (weight, _) = student(point.weight(), misfit, residual.component_mul(&half));
                for axis in 0..2 {
                    let fill = |row: &mut [f64]| self.fill_row(&at, axis, tilt, row);
                    sums.add(fill, &[residual[axis]], weight * half[axis] * half[axis]);
                }
            }
            let (ata, atb) = sums.finish();
            let before = self.clone();
            loop {
                self.step(solve_equilibrated(ata.clone(), atb.clone(), damping)?.as_slice());
                let next = self.cost(points, misfit);
                // Written so that NaN is refused.
                if next <= cost * (1.0 + 1e-9) {
                    (damping, cost) = ((damping * 0.01).max(LEAST_DAMPING), next);
                    break;
                }
                *self = before.clone();
                damping = (damping * 100.0).max(1e-8);
                if damping > 1.0 {
                    return cost.is_finite().then_some(());
                }
            }
        }
        cost.is_finite().then_some(())
    }

    /// Σ ρ of the residuals, see [`crate::mapping::adjust`].
    fn cost(&self, points: &[Correspondence], misfit: f64) -> f64 {
        let half = Vector2::from(self.pixel_half);
        let part = |point: &Correspondence| {
            let residual = self.scaled(point.pixel) - self.project(point.point_in_tool_mm).pixel;
            student(point.weight(), misfit, residual.component_mul(&half)).1
        };
        points.iter().map(part).sum()
    }

    /// ∂û or ∂v̂ (`axis` 0 or 1) by the parameters.
    fn fill_row(&self, at: &Projected, axis: usize, tilt: Tilt, row: &mut [f64]) {
        let x = at.homogeneous;
        // ∂ξ/∂P₁ = X/depth, ∂ξ/∂P₃ = −ξ X/depth.
        let (by_xi, by_eta) = (at.bend[(axis, 0)] / at.depth, at.bend[(axis, 1)] / at.depth);
        let by_depth = -(by_xi * at.ideal.x + by_eta * at.ideal.y);
        for i in 0..4 {
            row[i] = by_xi * x[i];
            row[4 + i] = by_eta * x[i];
        }
        if tilt == Tilt::Free {
            row[8] = by_depth * x[0];
            row[9] = by_depth * x[1];
        }
        row[10] = by_depth * x[2];
        let start = POSE + axis * self.lens.len();
        for (value, (i, j)) in row[start..].iter_mut().zip(lens_exponents(self.lens_degree)) {
            *value = at.values[0][i] * at.values[1][j];
        }
    }

    /// How many numbers [`Self::step`] takes.
    pub(super) fn parameters(&self) -> usize {
        POSE + 2 * self.lens.len()
    }

    /// Adds to the parameters: P row by row, the lens along u, along v.
    pub(super) fn step(&mut self, step: &[f64]) {
        let lens = self.lens.len();
        for i in 0..POSE {
            self.projection[i / 4][i % 4] += step[i];
        }
        for n in 0..lens {
            self.lens[n][0] += step[POSE + n];
            self.lens[n][1] += step[POSE + lens + n];
        }
    }

    /// ∂u and ∂v by the parameters at a point, px; the depth's tilt stays as it is.
    pub(super) fn fill_rows(&self, point_mm: Vector3<f64>, rows: [&mut [f64]; 2]) {
        let at = self.project(point_mm);
        for (axis, row) in rows.into_iter().enumerate() {
            self.fill_row(&at, axis, Tilt::Fixed, row);
            row.iter_mut().for_each(|x| *x *= self.pixel_half[axis]);
        }
    }

    /// Pixel and ∂(u, v)/∂(x, y, z), px/mm.
    pub fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
        let at = self.project(point_mm);
        let half = Vector2::from(self.pixel_half);
        let pixel = at.pixel.component_mul(&half) + Vector2::from(self.pixel_centre);
        let p = self.matrix();
        let rows = p.fixed_columns::<3>(0).into_owned();
        let ideal_by_point = Matrix2x3::from_rows(&[
            (rows.row(0) - rows.row(2) * at.ideal.x) / at.depth,
            (rows.row(1) - rows.row(2) * at.ideal.y) / at.depth,
        ]);
        let mut jacobian = at.bend * ideal_by_point;
        let volume_half = self.volume.half_mm();
        for axis in 0..3 {
            jacobian.column_mut(axis).unscale_mut(volume_half[axis]);
        }
        for axis in 0..2 {
            jacobian.row_mut(axis).scale_mut(half[axis]);
        }
        (pixel, jacobian)
    }
}
