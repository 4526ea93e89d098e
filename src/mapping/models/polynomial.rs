//! Full polynomial of (x, y, z), total degree ≤ n; the cubic is Soloff's of 1997, without its missing z³.
//!
//! ```text
//! (u, v) = Σ_{i+j+k ≤ n} c_ijk T_i(x̂) T_j(ŷ) T_k(ẑ),   x̂, ŷ, ẑ ∈ [−1, 1] over the dataset
//! ```

use crate::grating::chebyshev::values_and_slopes;
use crate::least_squares::{NormalSums, rank_margin, solve_equilibrated};
use crate::mapping::dataset::Correspondence;
use crate::mapping::models::adjust::{ROBUST, misfit, student};
use crate::mapping::volume::Volume;
use nalgebra::{Matrix2x3, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// A fitted polynomial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Polynomial {
    pub degree: usize,
    /// Where the normalised coordinates run from −1 to 1.
    pub volume: Volume,
    /// [c_u, c_v] in the order of [`exponents`], px.
    pub coefficients: Vec<[f64; 2]>,
}

/// Largest degree that a file may hold.
pub const MAX_DEGREE: usize = 9;

/// Pairs that the robust weights are found with.
const FEW: usize = 4000;
/// A term that is this nearly (squared) a sum of the others is not determined.
const LEAST_PIVOT: f64 = 1e-9;

/// All (i, j, k) with i + j + k ≤ degree.
pub fn exponents(degree: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..=degree).flat_map(move |i| (0..=degree - i).flat_map(move |j| (0..=degree - i - j).map(move |k| (i, j, k))))
}

impl Polynomial {
    /// Robust least squares: weights from a fit to some of the points, then all of them at once. `None` when the points
    /// don't determine the polynomial: too few heights, say.
    pub fn fit(degree: usize, volume: Volume, points: &[Correspondence]) -> Option<Self> {
        let few: Vec<Correspondence> = points.iter().step_by((points.len() / FEW).max(1)).copied().collect();
        let mut fitted = Self::weighted(degree, volume, &few, Correspondence::weight)?;
        for points in [&few, points] {
            let misfit = misfit(points, |point| fitted.pixel_and_jacobian(point).0);
            let weight = |point: &Correspondence| {
                let miss = point.pixel - fitted.pixel_and_jacobian(point.point_in_tool_mm).0;
                student(point.weight(), misfit, miss, ROBUST).0
            };
            fitted = Self::weighted(degree, volume, points, weight)?;
        }
        Some(fitted)
    }

    /// Plain weighted least squares on points without outliers.
    pub fn refit(&self, points: &[Correspondence]) -> Option<Self> {
        Self::weighted(self.degree, self.volume, points, Correspondence::weight)
    }

    fn weighted(
        degree: usize,
        volume: Volume,
        points: &[Correspondence],
        weight: impl Fn(&Correspondence) -> f64,
    ) -> Option<Self> {
        let terms = exponents(degree).count();
        if points.len() < terms {
            return None;
        }
        let mut sums = NormalSums::new(terms, 2);
        for point in points {
            let basis = Basis::at(degree, &volume, point.point_in_tool_mm);
            sums.add(|row| basis.fill(degree, row), &[point.pixel.x, point.pixel.y], weight(point));
        }
        let (ata, atb) = sums.finish();
        if rank_margin(&ata) < LEAST_PIVOT {
            return None;
        }
        let solution = solve_equilibrated(ata, atb, 0.0)?;
        let coefficients = (0..terms).map(|n| [solution[(n, 0)], solution[(n, 1)]]).collect();
        Some(Polynomial { degree, volume, coefficients })
    }

    /// Pixel and ∂(u, v)/∂(x, y, z), px/mm.
    pub fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
        let basis = Basis::at(self.degree, &self.volume, point_mm);
        let ([x, y, z], [dx, dy, dz]) = (&basis.values, &basis.slopes);
        let (mut pixel, mut jacobian) = (Vector2::zeros(), Matrix2x3::zeros());
        let mut left = self.coefficients.as_slice();
        for i in 0..=self.degree {
            for j in 0..=self.degree - i {
                // Of these x and y, all z.
                let (along_z, rest) = left.split_at((self.degree - i - j + 1).min(left.len()));
                left = rest;
                let (mut value, mut slope) = (Vector2::zeros(), Vector2::zeros());
                for (c, (z, dz)) in along_z.iter().zip(z.iter().zip(dz)) {
                    let c = Vector2::from(*c);
                    value += c * *z;
                    slope += c * *dz;
                }
                pixel += value * (x[i] * y[j]);
                let by = [value * (dx[i] * y[j]), value * (x[i] * dy[j]), slope * (x[i] * y[j])];
                jacobian += Matrix2x3::from_columns(&by);
            }
        }
        let half = self.volume.half_mm();
        for axis in 0..3 {
            jacobian.column_mut(axis).unscale_mut(half[axis]);
        }
        (pixel, jacobian)
    }
}

struct Basis {
    values: [[f64; MAX_DEGREE + 1]; 3],
    slopes: [[f64; MAX_DEGREE + 1]; 3],
}

impl Basis {
    fn at(degree: usize, volume: &Volume, point_mm: Vector3<f64>) -> Self {
        let mut basis = Basis { values: [[0.0; MAX_DEGREE + 1]; 3], slopes: [[0.0; MAX_DEGREE + 1]; 3] };
        let normalised = volume.normalise(point_mm);
        for axis in 0..3 {
            let (values, slopes) = (&mut basis.values[axis][..=degree], &mut basis.slopes[axis][..=degree]);
            values_and_slopes(normalised[axis], values, slopes);
        }
        basis
    }

    /// All terms in the order of [`exponents`].
    fn fill(&self, degree: usize, terms: &mut [f64]) {
        let [x, y, z] = &self.values;
        let mut left = terms;
        for i in 0..=degree {
            for j in 0..=degree - i {
                let (along_z, rest) = left.split_at_mut(degree - i - j + 1);
                along_z.iter_mut().zip(z).for_each(|(term, z)| *term = x[i] * y[j] * z);
                left = rest;
            }
        }
    }
}
