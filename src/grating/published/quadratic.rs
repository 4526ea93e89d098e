//! The published phases, quadratic in the pixel, Eq. (1), (2).
//!
//! ```text
//! phase_h(u,v) = (a_h u/1000 + b_h v/1000 + c_h) v + d_h u + e_h v + f_h
//! phase_v(u,v) = (a_v u/1000 + b_v v/1000 + c_v) u + d_v u + e_v v + f_v
//! ```
//! For both at once, (x, y) is (u, v) for h and (v, u) for v: phase = (a' x/1000 + b' y/1000 + c) y + d' x + e' y + f.
//! The phase runs along y and is *linear in x*. The CPU kernel uses that symmetry.
//!
//! There is no u² in phase_h and no v² in phase_v, though perspective and lens distortion have both.

use crate::grating::phase_field::{LineNumbers, PhaseField};
use bytemuck::{Pod, Zeroable};
use nalgebra::{Matrix2, Vector2};
use std::f64::consts::{PI, TAU};

/// One phase in its own (x, y): y across the lines, x along them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct QuadraticPhase {
    /// Coefficient of x y / 1000.
    pub xy: f64,
    /// Coefficient of y² / 1000.
    pub yy: f64,
    /// Seeds the solver: the frequency found at the start, c_h or c_v; not searched.
    pub seed: f64,
    /// Coefficient of x.
    pub x: f64,
    /// Coefficient of y beyond `seed`.
    pub y: f64,
    /// Phase at the pixel (0, 0).
    pub constant: f64,
}

impl QuadraticPhase {
    /// Phase at (x, y), rad.
    pub fn at(&self, x: f64, y: f64) -> f64 {
        (self.xy * x / 1000.0 + self.yy * y / 1000.0 + self.seed) * y + self.x * x + self.y * y + self.constant
    }

    /// ∂/∂x and ∂/∂y.
    pub fn slopes(&self, x: f64, y: f64) -> (f64, f64) {
        (self.xy * y / 1000.0 + self.x, self.xy * x / 1000.0 + 2.0 * self.yy * y / 1000.0 + self.seed + self.y)
    }

    /// The same phase plus `[k_xy xy/1000 + k_yy y²/1000 + k_x x + k_y y + k]` about the point (cx, cy).
    ///
    /// Steps about the image centre are rounder than those about the corner pixel (0, 0), as /1000 makes them.
    pub fn stepped(&self, step: [f64; 5], cx: f64, cy: f64) -> Self {
        let [xy, yy, x, y, constant] = step;
        QuadraticPhase {
            xy: self.xy + xy,
            yy: self.yy + yy,
            seed: self.seed,
            x: self.x + x - xy * cy / 1000.0,
            y: self.y + y - (xy * cx + 2.0 * yy * cy) / 1000.0,
            constant: self.constant + constant - x * cx - y * cy + (xy * cx * cy + yy * cy * cy) / 1000.0,
        }
    }
}

/// Both gratings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QuadraticGratings {
    /// (x, y) = (u, v).
    pub h: QuadraticPhase,
    /// (x, y) = (v, u).
    pub v: QuadraticPhase,
}

impl PhaseField for QuadraticGratings {
    fn phases(&self, pixel: Vector2<f64>) -> Vector2<f64> {
        Vector2::new(self.h.at(pixel.x, pixel.y), self.v.at(pixel.y, pixel.x))
    }

    /// Phases and the J of Eq. (12).
    fn phases_and_jacobian(&self, pixel: Vector2<f64>) -> (Vector2<f64>, Matrix2<f64>) {
        let (h_u, h_v) = self.h.slopes(pixel.x, pixel.y);
        let (v_v, v_u) = self.v.slopes(pixel.y, pixel.x);
        (self.phases(pixel), Matrix2::new(h_u, h_v, v_u, v_v))
    }
}

impl QuadraticGratings {
    /// Eq. (10)–(14) for one pair of lines from the image centre: three fixed-point and three Newton steps. The result is
    /// kept only if (7), (8) give the same lines and the pixel lies in the image.
    ///
    /// Errata of the published note: (10) is printed with b_h v² without /1000, (13) with `e_v v` unindexed.
    pub fn intersection(&self, lines: LineNumbers, width: u32, height: u32) -> Option<Vector2<f64>> {
        let (h, v) = (&self.h, &self.v);
        let mut pixel = Vector2::new(0.5 * (f64::from(width) - 1.0), 0.5 * (f64::from(height) - 1.0));
        let a = Matrix2::new(h.x, h.seed + h.y, v.seed + v.y, v.x).try_inverse()?;
        for _ in 0..3 {
            let b = Vector2::new(
                1.5 * PI + TAU * f64::from(lines.h)
                    - h.xy * pixel.x * pixel.y / 1000.0
                    - h.yy * pixel.y * pixel.y / 1000.0
                    - h.constant,
                1.5 * PI + TAU * f64::from(lines.v)
                    - v.yy * pixel.x * pixel.x / 1000.0
                    - v.xy * pixel.x * pixel.y / 1000.0
                    - v.constant,
            );
            pixel = a * b;
        }
        for _ in 0..3 {
            let (phases, j) = self.phases_and_jacobian(pixel);
            let k = phases - lines.phases();
            pixel -= j.try_inverse()? * k;
        }
        let inside =
            (0.0..=f64::from(width - 1)).contains(&pixel.x) && (0.0..=f64::from(height - 1)).contains(&pixel.y);
        let settled = (self.phases(pixel) - lines.phases()).norm() < 1e-3;
        (inside && settled && LineNumbers::nearest(self.phases(pixel)) == lines).then_some(pixel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gratings() -> QuadraticGratings {
        QuadraticGratings {
            h: QuadraticPhase { xy: 0.004, yy: -0.003, seed: 0.16, x: 0.002, y: 0.001, constant: 0.7 },
            v: QuadraticPhase { xy: -0.005, yy: 0.006, seed: 0.15, x: -0.001, y: 0.0, constant: -1.3 },
        }
    }

    #[test]
    fn phases_are_those_of_the_equations_as_printed() {
        let g = gratings();
        let (u, v) = (411.0, 297.0);
        let (h, w) = (&g.h, &g.v);
        let phase_h = (h.xy * u / 1000.0 + h.yy * v / 1000.0 + h.seed) * v + h.x * u + h.y * v + h.constant;
        // a_v multiplies u, b_v multiplies v; d_v u, e_v v.
        let (a_v, b_v, d_v, e_v) = (w.yy, w.xy, w.y, w.x);
        let phase_v = (a_v * u / 1000.0 + b_v * v / 1000.0 + w.seed) * u + d_v * u + e_v * v + w.constant;
        assert!((g.phases(Vector2::new(u, v)) - Vector2::new(phase_h, phase_v)).norm() < 1e-12);
    }

    #[test]
    fn jacobian_agrees_with_finite_differences() {
        let g = gratings();
        let pixel = Vector2::new(830.0, 120.0);
        let (_, j) = g.phases_and_jacobian(pixel);
        for axis in 0..2 {
            let mut step = Vector2::zeros();
            step[axis] = 1e-3;
            let slope = (g.phases(pixel + step) - g.phases(pixel - step)) / 2e-3;
            assert!((slope - j.column(axis)).norm() < 1e-9);
        }
    }

    #[test]
    fn a_step_about_a_point_leaves_it_in_place() {
        let phase = gratings().h;
        let stepped = phase.stepped([0.01, -0.02, 0.003, -0.004, 0.0], 640.0, 360.0);
        assert!((stepped.at(640.0, 360.0) - phase.at(640.0, 360.0)).abs() < 1e-9);
        let difference = stepped.at(700.0, 400.0) - phase.at(700.0, 400.0);
        let expected = 0.01 * 60.0 * 40.0 / 1000.0 - 0.02 * 1600.0 / 1000.0 + 0.003 * 60.0 - 0.004 * 40.0;
        assert!((difference - expected).abs() < 1e-9);
    }

    #[test]
    fn intersections_solve_both_phases_and_keep_their_numbers() {
        let g = gratings();
        let mut found = 0;
        for h in -5..30 {
            for v in -5..40 {
                let lines = LineNumbers { h, v };
                if let Some(pixel) = g.intersection(lines, 1280, 720) {
                    assert!((g.phases(pixel) - lines.phases()).norm() < 1e-3);
                    found += 1;
                }
            }
        }
        assert!(found > 300, "{found}");
    }
}
