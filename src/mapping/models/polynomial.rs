//! Full polynomial of (x, y, z), total degree ≤ n.
//!
//! ```text
//! (u, v) = Σ_{i+j+k ≤ n} c_ijk T_i(x̂) T_j(ŷ) T_k(ẑ),   x̂, ŷ, ẑ ∈ [−1, 1] over the dataset
//! ```
//! | symbol | | unit |
//! | --- | --- | --- |
//! | x̂, ŷ, ẑ | the point, tool frame, scaled to the volume of the dataset | 1 |
//! | T_i | Chebyshev polynomials of the first kind: nearly orthogonal over the volume, so that the fit is well conditioned | 1 |
//! | c_ijk | coefficients of u and v | px |
//!
//! The cubic is that of Soloff, Adrian and Liu, "Distortion compensation for generalized stereoscopic particle image
//! velocimetry" (1997). It has all terms of the third degree; theirs leaves out z³.

use crate::grating::chebyshev::values_and_slopes;
use crate::least_squares::{NormalSums, rank_margin, solve_equilibrated};
use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::CameraModel;
use crate::mapping::robust::loss::{CAUCHY_SIGMAS, cauchy_loss, noise_scale};
use crate::mapping::volume::Volume;
use crate::validation::{ValidationError, finite, length};
use nalgebra::{Matrix2x3, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// A fitted polynomial of total degree `DEGREE`, [`MAX_DEGREE`] at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Polynomial<const DEGREE: usize> {
    /// `DEGREE`, for whoever reads the file.
    degree: usize,
    /// Where the normalised coordinates run from −1 to 1.
    pub volume: Volume,
    /// [c_u, c_v] in the order of [`exponents`], px.
    pub coefficients: Vec<[f64; 2]>,
}

/// Largest degree: what the terms of one point have room for.
pub const MAX_DEGREE: usize = 9;

/// Correspondences that the robust weights are found with: some hundred for each coefficient do not change them.
const WEIGHED: usize = 4000;
/// A term that is this nearly (squared) a sum of the others is not determined by the points.
const MIN_RANK_MARGIN: f64 = 1e-9;

/// All (i, j, k) with i + j + k ≤ degree, k fastest.
pub fn exponents(degree: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..=degree).flat_map(move |i| (0..=degree - i).flat_map(move |j| (0..=degree - i - j).map(move |k| (i, j, k))))
}

impl<const DEGREE: usize> CameraModel for Polynomial<DEGREE> {
    fn parameter_count() -> usize {
        2 * exponents(DEGREE).count()
    }

    /// Robust least squares: weights from a fit to some of the points, then all of them at once.
    fn fit(data: &CameraDataset) -> Option<Self> {
        let (points, volume) = (&data.correspondences[..], data.volume());
        let few: Vec<Correspondence> = points.iter().step_by((points.len() / WEIGHED).max(1)).copied().collect();
        let mut fitted = Self::weighted(volume, &few, Correspondence::weight)?;
        for points in [&few, points] {
            let noise_scale = noise_scale(points, |point| fitted.pixel_and_jacobian(point).0);
            let weight = |point: &Correspondence| {
                let residual = point.pixel - fitted.pixel_and_jacobian(point.point_in_tool_mm).0;
                cauchy_loss(point.weight(), noise_scale, residual, CAUCHY_SIGMAS).0
            };
            fitted = Self::weighted(volume, points, weight)?;
        }
        Some(fitted)
    }

    /// Plain weighted least squares.
    fn refit(&self, points: &[Correspondence]) -> Option<Self> {
        Self::weighted(self.volume, points, Correspondence::weight)
    }

    fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
        let basis = Basis::<DEGREE>::at(&self.volume, point_mm);
        let ([x, y, z], [dx, dy, dz]) = (&basis.values, &basis.slopes);
        let (mut pixel, mut jacobian) = (Vector2::zeros(), Matrix2x3::zeros());
        let mut left = self.coefficients.as_slice();
        for i in 0..=DEGREE {
            for j in 0..=DEGREE - i {
                // Of these x and y, all z.
                let (along_z, rest) = left.split_at((DEGREE - i - j + 1).min(left.len()));
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

    fn validate(&self) -> Result<(), ValidationError> {
        if self.degree != DEGREE {
            return Err(ValidationError::new("degree", format!("is {}, this model's is {DEGREE}", self.degree)));
        }
        length("coefficients", self.coefficients.len(), exponents(DEGREE).count())?;
        finite("coefficients", self.coefficients.as_flattened())?;
        self.volume.validate().map_err(|error| error.within("volume"))
    }
}

impl<const DEGREE: usize> Polynomial<DEGREE> {
    fn weighted(volume: Volume, points: &[Correspondence], weight: impl Fn(&Correspondence) -> f64) -> Option<Self> {
        let terms = exponents(DEGREE).count();
        if points.len() < terms {
            return None;
        }
        let mut sums = NormalSums::new(terms, 2);
        for point in points {
            let basis = Basis::<DEGREE>::at(&volume, point.point_in_tool_mm);
            sums.add(|row| basis.fill(row), &[point.pixel.x, point.pixel.y], weight(point));
        }
        let (ata, atb) = sums.finish();
        if rank_margin(&ata) < MIN_RANK_MARGIN {
            return None;
        }
        let solution = solve_equilibrated(ata, atb, 0.0)?;
        let coefficients = (0..terms).map(|n| [solution[(n, 0)], solution[(n, 1)]]).collect();
        Some(Polynomial { degree: DEGREE, volume, coefficients })
    }
}

/// Chebyshev polynomials of one point and their slopes, along x, y, z.
struct Basis<const DEGREE: usize> {
    values: [[f64; MAX_DEGREE + 1]; 3],
    slopes: [[f64; MAX_DEGREE + 1]; 3],
}

impl<const DEGREE: usize> Basis<DEGREE> {
    fn at(volume: &Volume, point_mm: Vector3<f64>) -> Self {
        const { assert!(DEGREE <= MAX_DEGREE) };
        let mut basis = Basis { values: [[0.0; MAX_DEGREE + 1]; 3], slopes: [[0.0; MAX_DEGREE + 1]; 3] };
        let normalised = volume.normalise(point_mm);
        for axis in 0..3 {
            let (values, slopes) = (&mut basis.values[axis][..=DEGREE], &mut basis.slopes[axis][..=DEGREE]);
            values_and_slopes(normalised[axis], values, slopes);
        }
        basis
    }

    /// All terms in the order of [`exponents`].
    fn fill(&self, terms: &mut [f64]) {
        let [x, y, z] = &self.values;
        let mut left = terms;
        for i in 0..=DEGREE {
            for j in 0..=DEGREE - i {
                let (along_z, rest) = left.split_at_mut(DEGREE - i - j + 1);
                along_z.iter_mut().zip(z).for_each(|(term, z)| *term = x[i] * y[j] * z);
                left = rest;
            }
        }
    }
}
