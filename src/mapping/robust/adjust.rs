//! Levenberg–Marquardt (Levenberg 1944, Marquardt 1963) on the cost of [`crate::mapping::robust`].

use crate::least_squares::solve_equilibrated;
use crate::mapping::dataset::Correspondence;
use crate::mapping::robust::loss::{CAUCHY_SIGMAS, CHUNK, cauchy_loss, noise_scale};
use crate::mapping::robust::sparse_sums::{NormalEquations, SparseRow, SparseSums};
use nalgebra::{Vector2, Vector3};
use rayon::prelude::*;

/// A round whose cost falls by less than this share ends the search: parameters have then moved far less than their σ.
const CONVERGED_SHARE: f64 = 1e-8;
/// Damping relative to the diagonal, at the start: small, since starts are good.
const FIRST_DAMPING: f64 = 1e-8;
/// Damping at which no step helps any more: it would be a ten-thousandth of a gradient step.
const MAX_DAMPING: f64 = 1e4;
/// Least damping: 1 + less is 1.
const MIN_DAMPING: f64 = 1e-14;

/// Takes ∂value/∂parameters, wanted − value, and its standard deviation in the same unit.
pub type AddPrior<'a> = dyn FnMut(&[(usize, f64)], f64, f64) + 'a;

/// A camera that can be adjusted to correspondences.
pub trait Adjustable: Clone + Sync {
    /// How many parameters it has.
    fn parameters(&self) -> usize;

    /// Pixel of a point of the tool frame (mm → px), and ∂u, ∂v by the parameters, appended to the empty `rows`.
    /// `None` where the camera can't see it at all: behind it, say.
    fn pixel_and_rows(&self, point_mm: Vector3<f64>, rows: &mut [SparseRow; 2]) -> Option<Vector2<f64>>;

    /// Pixel of a point of the tool frame, mm → px; NaN where the camera can't see it.
    fn pixel(&self, point_mm: Vector3<f64>) -> Vector2<f64>;

    /// Adds to the parameters, in their order.
    fn step(&mut self, step: &[f64]);

    /// Adds everything that is known beforehand.
    fn priors(&self, add: &mut AddPrior);
}

/// Moves `camera` to the least cost, with `rounds` steps at most for each of `stages` noise scales. `None` when a point
/// can't be seen from the start or the points don't determine the camera.
pub fn adjust<C: Adjustable>(mut camera: C, points: &[Correspondence], stages: usize, rounds: usize) -> Option<C> {
    for _ in 0..stages {
        let noise_scale = noise_scale(points, |point| camera.pixel(point));
        let stepped = |camera: &C, step: &[f64]| {
            let mut next = camera.clone();
            next.step(step);
            next
        };
        let equations = |camera: &C| equations(camera, points, noise_scale);
        camera = descend(camera, rounds, equations, |camera| cost(camera, points, noise_scale), stepped)?;
    }
    Some(camera)
}

/// Levenberg–Marquardt from `start`: where `rounds` steps at most lead to. `None` when there are no normal equations.
pub fn descend<C>(
    start: C,
    rounds: usize,
    equations_at: impl Fn(&C) -> Option<NormalEquations>,
    cost_at: impl Fn(&C) -> f64,
    stepped: impl Fn(&C, &[f64]) -> C,
) -> Option<C> {
    let mut equations = equations_at(&start)?;
    let mut here = start;
    let mut damping = FIRST_DAMPING;
    for round in 1..=rounds {
        let step = solve_equilibrated(equations.ata.clone(), equations.atb.clone(), damping);
        let next = step.map(|step| stepped(&here, step.as_slice()));
        let next = next.map(|next| (cost_at(&next), next)).filter(|(cost, _)| *cost < equations.cost);
        match next {
            Some((cost, next)) => {
                here = next;
                if equations.cost - cost < CONVERGED_SHARE * equations.cost || round == rounds {
                    break;
                }
                damping = (0.1 * damping).max(MIN_DAMPING);
                equations = equations_at(&here)?;
            }
            None if damping < MAX_DAMPING => damping *= 10.0,
            None => break,
        }
    }
    Some(here)
}

/// Priors and points, the latter in parts of [`CHUNK`] on all threads.
fn equations<C: Adjustable>(camera: &C, points: &[Correspondence], noise_scale: f64) -> Option<NormalEquations> {
    let parts = points.par_chunks(CHUNK).map(|points| equations_of_part(camera, points, noise_scale));
    let parts: Option<Vec<NormalEquations>> = parts.collect();
    let mut priors = SparseSums::new(camera.parameters());
    camera.priors(&mut |row, residual, sigma| priors.add_prior(row, residual, sigma));
    let mut sum = priors.finish()?;
    parts?.iter().for_each(|part| sum.add(part));
    Some(sum)
}

fn equations_of_part<C: Adjustable>(
    camera: &C,
    points: &[Correspondence],
    noise_scale: f64,
) -> Option<NormalEquations> {
    let n = camera.parameters();
    let mut sums = SparseSums::new(n);
    let mut rows = [SparseRow::with_capacity(n), SparseRow::with_capacity(n)];
    for point in points {
        rows.iter_mut().for_each(Vec::clear);
        let residual = point.pixel - camera.pixel_and_rows(point.point_in_tool_mm, &mut rows)?;
        let (weight, cost) = cauchy_loss(point.weight(), noise_scale, residual, CAUCHY_SIGMAS);
        sums.add_cost(cost);
        for (axis, row) in rows.iter().enumerate() {
            sums.add(row, residual[axis], weight);
        }
    }
    sums.finish()
}

/// The cost alone, NaN where a point can't be seen.
fn cost<C: Adjustable>(camera: &C, points: &[Correspondence], noise_scale: f64) -> f64 {
    let of_point = |p: &Correspondence| {
        let residual = p.pixel - camera.pixel(p.point_in_tool_mm);
        cauchy_loss(p.weight(), noise_scale, residual, CAUCHY_SIGMAS).1
    };
    let parts = points.par_chunks(CHUNK).map(|points| points.iter().map(of_point).sum::<f64>());
    let mut cost = parts.collect::<Vec<f64>>().into_iter().sum();
    camera.priors(&mut |_, residual, sigma| cost += (residual / sigma).powi(2));
    cost
}
