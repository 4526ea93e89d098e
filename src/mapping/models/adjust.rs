//! Robust Levenberg–Marquardt for cameras whose pixel is not linear in their parameters.
//!
//! ```text
//! Σ ρ(s),  s = |pixel − model(X)|² w / misfit²,  ρ(s) = c² ln(1 + s / c²)        + Σ (prior residual / σ)²
//! ```
//! ρ is Student's: far residuals hardly count. w is one over the pixel's variance, `misfit` the median residual in units
//! of what the variances promise, 1 at least: what a model can't follow counts as noise, lest it outweigh the priors.

use crate::least_squares::{NormalSums, solve_equilibrated};
use crate::mapping::dataset::Correspondence;
use crate::statistics::median;
use nalgebra::{DMatrix, Vector2, Vector3};
use rayon::prelude::*;

/// Residuals beyond this many standard deviations count less; c above.
pub const ROBUST: f64 = 6.0;
/// A round whose cost falls by less than this share ends the search.
const DONE: f64 = 1e-8;
/// Pairs that are summed at a time: sums are the same for any number of threads.
pub const CHUNK: usize = 8192;
/// Damping relative to the diagonal: where it starts, and where no step helps any more.
const DAMPING: [f64; 2] = [1e-8, 1e4];

/// The non-zero derivatives of one equation: index of the parameter, value.
pub type SparseRow = Vec<(usize, f64)>;

/// Takes ∂value/∂parameters, wanted − value and its standard deviation.
pub type AddPrior<'a> = dyn FnMut(&[(usize, f64)], f64, f64) + 'a;

/// A camera that can be adjusted.
pub trait Adjustable: Clone + Sync {
    /// How many parameters it has.
    fn parameters(&self) -> usize;

    /// Pixel of a point, and ∂u, ∂v by the parameters in ascending order, px, appended to the empty `rows`.
    /// `None` where the camera can't see it at all: behind it, say.
    fn pixel_and_rows(&self, point_mm: Vector3<f64>, rows: &mut [SparseRow; 2]) -> Option<Vector2<f64>>;

    /// Pixel of a point.
    fn pixel(&self, point_mm: Vector3<f64>) -> Vector2<f64>;

    /// Adds to the parameters.
    fn step(&mut self, step: &[f64]);

    /// Adds everything known beforehand.
    fn priors(&self, add: &mut AddPrior);
}

/// The weight of one pair of equations, and its part of the cost, at the residual `miss`; `robust` is c above.
pub fn student(weight: f64, misfit: f64, miss: Vector2<f64>, robust: f64) -> (f64, f64) {
    let weight = weight / (misfit * misfit);
    let excess = 1.0 + miss.norm_squared() * weight / (robust * robust);
    (weight / excess, robust * robust * excess.ln())
}

/// Median of `sizes`, residuals in units of what the covariances promise, over what it should be; 1 at least.
pub fn misfit_of(sizes: impl Iterator<Item = f64>) -> f64 {
    // The length of a 2-D normal deviate has its median at 1.1774 σ.
    (median(&mut sizes.collect::<Vec<_>>()).unwrap_or(0.0) / 1.1774).max(1.0)
}

/// The same of a camera's residuals.
pub fn misfit(points: &[Correspondence], pixel: impl Fn(Vector3<f64>) -> Vector2<f64> + Sync) -> f64 {
    misfit_of(sizes(points, pixel).into_iter())
}

/// Residuals in units of what the covariances promise.
pub fn sizes(points: &[Correspondence], pixel: impl Fn(Vector3<f64>) -> Vector2<f64> + Sync) -> Vec<f64> {
    let size = |p: &Correspondence| (pixel(p.point_in_tool_mm) - p.pixel).norm() * p.weight().sqrt();
    points.par_iter().with_min_len(CHUNK).map(size).collect()
}

/// The normal equations at one place, and the cost there.
pub struct Sums {
    /// AᵀWA; the lower triangle until [`Sums::finished`].
    pub ata: DMatrix<f64>,
    atb: DMatrix<f64>,
    /// What is to become least.
    pub cost: f64,
    /// Rows of few parameters, to be multiplied out many at a time.
    dense: Option<NormalSums>,
    /// The same of rows of many, those with the same parameters together.
    groups: Vec<Group>,
}

/// Equations of the same parameters.
struct Group {
    parameters: Vec<usize>,
    sums: NormalSums,
}

impl Group {
    fn has(&self, row: &[(usize, f64)]) -> bool {
        // From the end: there most of the others differ.
        self.parameters.len() == row.len()
            && self.parameters.iter().rev().zip(row.iter().rev()).all(|(own, (other, _))| own == other)
    }
}

/// Up to so many parameters zeros are multiplied, too.
const DENSE: usize = 32;
/// Rows of fewer are not worth a group, nor are groups beyond the most.
const LONG: usize = 16;
const MOST_GROUPS: usize = 256;

impl Sums {
    /// Of `n` parameters.
    pub fn new(n: usize) -> Self {
        let (ata, atb) = (DMatrix::zeros(n, n), DMatrix::zeros(n, 1));
        Sums { ata, atb, cost: 0.0, dense: (n <= DENSE).then(|| NormalSums::new(n, 1)), groups: Vec::new() }
    }

    fn at<C: Adjustable>(camera: &C, points: &[Correspondence], misfit: f64) -> Option<Self> {
        let parts = points.par_chunks(CHUNK).map(|points| Self::of(camera, points, misfit));
        let parts: Option<Vec<Sums>> = parts.collect();
        let mut sums = Sums::new(camera.parameters());
        camera.priors(&mut |row, miss, sigma| sums.add_prior(row, miss, sigma));
        let mut sums = sums.finished()?;
        for part in parts? {
            sums.ata += part.ata;
            sums.atb += part.atb;
            sums.cost += part.cost;
        }
        Some(sums)
    }

    /// What `points` alone say.
    fn of<C: Adjustable>(camera: &C, points: &[Correspondence], misfit: f64) -> Option<Self> {
        let n = camera.parameters();
        let mut sums = Sums::new(n);
        let mut rows = [SparseRow::with_capacity(n), SparseRow::with_capacity(n)];
        for point in points {
            rows.iter_mut().for_each(Vec::clear);
            let miss = point.pixel - camera.pixel_and_rows(point.point_in_tool_mm, &mut rows)?;
            let (weight, cost) = student(point.weight(), misfit, miss, ROBUST);
            sums.cost += cost;
            for (axis, row) in rows.iter().enumerate() {
                sums.add(row, miss[axis], weight);
            }
        }
        sums.finished()
    }

    /// The cost alone, NaN where a point can't be seen.
    fn cost<C: Adjustable>(camera: &C, points: &[Correspondence], misfit: f64) -> f64 {
        let of_point = |p: &Correspondence| {
            let miss = p.pixel - camera.pixel(p.point_in_tool_mm);
            student(p.weight(), misfit, miss, ROBUST).1
        };
        let parts = points.par_chunks(CHUNK).map(|points| points.iter().map(of_point).sum::<f64>());
        let mut cost = parts.collect::<Vec<f64>>().into_iter().sum();
        camera.priors(&mut |_, miss, sigma| cost += (miss / sigma).powi(2));
        cost
    }

    /// With both triangles; `None` where something was not finite.
    pub fn finished(mut self) -> Option<Self> {
        if let Some(dense) = self.dense.take() {
            (self.ata, self.atb) = dense.finish();
        }
        for Group { parameters, sums } in self.groups.drain(..) {
            let (ata, atb) = sums.finish();
            for (j, column) in parameters.iter().enumerate() {
                self.atb[*column] += atb[j];
                // The lower triangle.
                for (i, row) in parameters.iter().enumerate().skip(j) {
                    self.ata[(*row, *column)] += ata[(i, j)];
                }
            }
        }
        self.ata.fill_upper_triangle_with_lower_triangle();
        self.cost.is_finite().then_some(self)
    }

    /// Adds what is known beforehand: ∂value/∂parameters, wanted − value and its standard deviation.
    pub fn add_prior(&mut self, row: &[(usize, f64)], miss: f64, sigma: f64) {
        self.cost += (miss / sigma).powi(2);
        self.add(row, miss, 1.0 / (sigma * sigma));
    }

    /// Adds one equation, its parameters in ascending order, to the lower triangle.
    pub fn add(&mut self, row: &[(usize, f64)], miss: f64, weight: f64) {
        if let Some(dense) = &mut self.dense {
            return dense.add(|target| row.iter().for_each(|(i, value)| target[*i] = *value), &[miss], weight);
        }
        if row.len() >= LONG
            && let Some(group) = self.group_of(row)
        {
            let fill =
                |target: &mut [f64]| target.iter_mut().zip(row).for_each(|(target, (_, value))| *target = *value);
            return group.sums.add(fill, &[miss], weight);
        }
        for (k, (j, by)) in row.iter().enumerate() {
            let by = by * weight;
            self.atb[*j] += by * miss;
            row[k..].iter().for_each(|(i, value)| self.ata[(*i, *j)] += by * value);
        }
    }

    /// The group of `row`, a new one if need be and possible.
    fn group_of(&mut self, row: &[(usize, f64)]) -> Option<&mut Group> {
        let at = self.groups.iter().position(|group| group.has(row)).unwrap_or(self.groups.len());
        if at == MOST_GROUPS {
            return None;
        }
        if at == self.groups.len() {
            let parameters = row.iter().map(|(i, _)| *i).collect();
            self.groups.push(Group { parameters, sums: NormalSums::new(row.len(), 1) });
        }
        self.groups.get_mut(at)
    }
}

/// Moves `camera` to the least cost, `rounds` steps at most for each of `stages` values of the misfit. `None` when a point
/// can't be seen from the start or the points don't determine the camera.
pub fn adjust<C: Adjustable>(mut camera: C, points: &[Correspondence], stages: usize, rounds: usize) -> Option<C> {
    for _ in 0..stages {
        let misfit = misfit(points, |point| camera.pixel(point));
        let stepped = |camera: &C, step: &[f64]| {
            let mut next = camera.clone();
            next.step(step);
            next
        };
        let (sums, cost) =
            (|camera: &C| Sums::at(camera, points, misfit), |camera: &C| Sums::cost(camera, points, misfit));
        camera = descend(camera, rounds, sums, cost, stepped)?;
    }
    Some(camera)
}

/// Levenberg–Marquardt from `start`: where `rounds` steps at most lead to. `None` when there are no normal equations.
pub fn descend<C>(
    start: C,
    rounds: usize,
    sums_at: impl Fn(&C) -> Option<Sums>,
    cost_at: impl Fn(&C) -> f64,
    stepped: impl Fn(&C, &[f64]) -> C,
) -> Option<C> {
    let mut sums = sums_at(&start)?;
    let mut place = start;
    let mut damping = DAMPING[0];
    for round in 1..=rounds {
        let step = solve_equilibrated(sums.ata.clone(), sums.atb.clone(), damping);
        let next = step.map(|step| stepped(&place, step.as_slice()));
        let next = next.map(|next| (cost_at(&next), next)).filter(|(cost, _)| *cost < sums.cost);
        match next {
            Some((cost, next)) => {
                place = next;
                if sums.cost - cost < DONE * sums.cost || round == rounds {
                    break;
                }
                damping = (0.1 * damping).max(1e-14);
                sums = sums_at(&place)?;
            }
            None if damping < DAMPING[1] => damping *= 10.0,
            None => break,
        }
    }
    Some(place)
}
