//! Phases as functions of the pixel, and the line numbers they give, Eq. (5)–(8).
//!
//! Line n of a grating is where phase = 3π/2 + 2πn. Erratum of the published note: (6) and (8) name n_h where n_v is meant.

use nalgebra::{Matrix2, Vector2};
use std::f64::consts::{PI, TAU};

/// Two phases as functions of the pixel.
pub trait PhaseField {
    /// (phase_h, phase_v) in rad.
    fn phases(&self, pixel: Vector2<f64>) -> Vector2<f64>;

    /// Phases, and ∂(phase_h, phase_v)/∂(u, v) in rad/px.
    fn phases_and_jacobian(&self, pixel: Vector2<f64>) -> (Vector2<f64>, Matrix2<f64>);
}

/// Which two lines cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineNumbers {
    /// Of the line along u.
    pub h: i32,
    /// Of the line along v.
    pub v: i32,
}

impl LineNumbers {
    /// The lines nearest to given phases, Eq. (7), (8).
    pub fn nearest(phases: Vector2<f64>) -> Self {
        let number = |phase: f64| ((phase - 1.5 * PI) / TAU).round() as i32;
        LineNumbers { h: number(phases.x), v: number(phases.y) }
    }

    /// The phases of these lines, Eq. (5), (6).
    pub fn phases(self) -> Vector2<f64> {
        Vector2::new(1.5 * PI + TAU * f64::from(self.h), 1.5 * PI + TAU * f64::from(self.v))
    }

    /// The lines `h` and `v` further on.
    pub fn shifted(self, h: i32, v: i32) -> Self {
        LineNumbers { h: self.h + h, v: self.v + v }
    }
}
