//! Line numbers and grid intersections, Eq. (5)–(14), for any pair of smooth phases.
//!
//! Line n of a grating is where phase = 3π/2 + 2πn. Erratum of the published note: (6) and (8) name n_h where n_v is meant.

use crate::grating::phase_field::{LineNumbers, PhaseField};
use crate::statistics::exceeds;
use nalgebra::{Matrix2, Vector2};
use rustc_hash::FxHashSet;
use std::collections::VecDeque;
use std::f64::consts::TAU;

/// A grid intersection in one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intersection {
    /// Which lines meet.
    pub lines: LineNumbers,
    /// Where, raw pixel (u, v).
    pub pixel: Vector2<f64>,
    /// px².
    pub covariance_px2: Matrix2<f64>,
}

/// Newton's method on phases, Eq. (13), (14): the pixel where both phases are those of `lines`.
///
/// `None` when it does not settle within ten steps, or the phases are not a chart there.
pub fn solve(field: &impl PhaseField, lines: LineNumbers, start: Vector2<f64>) -> Option<Vector2<f64>> {
    newton(field, lines, start).map(|(pixel, _)| pixel)
}

/// As [`solve`], with ∂(phase_h, phase_v)/∂(u, v) there.
fn newton(field: &impl PhaseField, lines: LineNumbers, start: Vector2<f64>) -> Option<(Vector2<f64>, Matrix2<f64>)> {
    /// The next step would be its square, times a curvature far below 1/px.
    const LAST_STEP_PX: f64 = 1e-5;
    let wanted = lines.phases();
    let mut pixel = start;
    for _ in 0..10 {
        let (phases, jacobian) = field.phases_and_jacobian(pixel);
        let step = jacobian.try_inverse()? * (phases - wanted);
        if exceeds(step.norm(), 1e5) {
            return None;
        }
        pixel -= step;
        if step.norm() < LAST_STEP_PX {
            return Some((pixel, jacobian));
        }
    }
    None
}

/// All intersections within a `width` × `height` image, with their solution on the fitted phases.
///
/// The search goes from the image centre to neighbours and their neighbours. At a solution (7), (8) give back its
/// numbers. It is kept if it lies in the image and the phases have the orientation of the centre; a polynomial may fold
/// back.
pub fn in_image(field: &impl PhaseField, width: u32, height: u32) -> Vec<(LineNumbers, Vector2<f64>)> {
    let centre = Vector2::new(0.5 * (f64::from(width) - 1.0), 0.5 * (f64::from(height) - 1.0));
    let (phases, at_centre) = field.phases_and_jacobian(centre);
    let orientation = at_centre.determinant();
    let first = LineNumbers::nearest(phases);
    let inside =
        |p: Vector2<f64>| p.x >= 0.0 && p.y >= 0.0 && p.x <= f64::from(width - 1) && p.y <= f64::from(height - 1);
    let mut found = Vec::new();
    let mut queue = VecDeque::from([(first, centre)]);
    let mut seen = FxHashSet::from_iter([first]);
    while let Some((lines, start)) = queue.pop_front() {
        let Some((pixel, jacobian)) = newton(field, lines, start).filter(|(pixel, _)| inside(*pixel)) else {
            continue;
        };
        if jacobian.determinant() * orientation <= 0.0 {
            continue;
        }
        let Some(inverse) = jacobian.try_inverse() else {
            continue;
        };
        found.push((lines, pixel));
        for (h, v) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
            let neighbour = lines.shifted(h, v);
            if seen.insert(neighbour) {
                queue.push_back((neighbour, pixel + inverse * Vector2::new(f64::from(h), f64::from(v)) * TAU));
            }
        }
    }
    found.sort_by_key(|(lines, _)| *lines);
    found
}
