//! Where the windows of the local measurement lie, and what their sums are.

use crate::GrayImage;
use crate::grating::normal_equations::GratingParameters;
use crate::grating::window::{PER_LINE, Window, WindowSums};
use crate::lattice::intersections::PhaseField;
use nalgebra::{Matrix2, Vector2};
use std::f64::consts::{PI, TAU};

/// Brightness from which a pixel may be clipped.
pub(super) const CLIPPED: f32 = 0.995;

/// Half-sizes of a window: along the line in units of 2π, across it in units of π. The largest that fits is used.
const WINDOWS: [[f64; 2]; 5] = [[1.0, 1.0], [0.75, 1.0], [0.5, 1.0], [0.5, 0.8], [0.5, 0.6]];

/// Share of the window's pixels that are as bright as can be, looked at every few pixels.
pub(super) fn clipped(image: &GrayImage, window: &Window) -> f64 {
    let (mut clipped, mut all) = (0.0, 0.0);
    for v in (window.rows[0]..window.rows[1]).step_by(3) {
        for u in (window.columns[0]..window.columns[1]).step_by(3) {
            all += 1.0;
            clipped += f64::from(u8::from(image.get_pixel(u, v).0[0] >= CLIPPED));
        }
    }
    clipped / f64::max(all, 1.0)
}

/// The largest window around `pixel`, whose phases are `phases`, that lies in the image.
pub(super) fn around(
    size: [u32; 2],
    fit: &GratingParameters,
    pixel: Vector2<f64>,
    phases: Vector2<f64>,
    jacobian: Matrix2<f64>,
    inverse: Matrix2<f64>,
) -> Option<Window> {
    let size = Vector2::new(f64::from(size[0]) - 1.0, f64::from(size[1]) - 1.0);
    let room = pixel.inf(&(size - pixel));
    // A window around h reaches far along v, and the other way round.
    let reach = |[along, across]: [f64; 2]| {
        let (along, across) = (along * TAU, across * PI);
        let h = Vector2::new(across, along);
        let v = Vector2::new(along, across);
        (inverse.abs() * h).sup(&(inverse.abs() * v)) * 1.03
    };
    let scales = WINDOWS.into_iter().find(|scales| {
        let reach = reach(*scales);
        reach.x <= room.x && reach.y <= room.y
    })?;
    let reach = reach(scales);
    let (low, high) = (pixel - reach, pixel + reach);
    // J relative to its value here, linear over the window.
    let determinant = jacobian.determinant();
    let slope = |step: Vector2<f64>| {
        let ahead = fit.phases_and_jacobian(pixel + step).1.determinant();
        let behind = fit.phases_and_jacobian(pixel - step).1.determinant();
        (ahead - behind) / (2.0 * step.norm() * determinant)
    };
    let (per_along, per_across) = ((1.0 / (scales[0] * TAU)) as f32, (1.0 / (scales[1] * PI)) as f32);
    Some(Window {
        columns: [low.x.ceil() as u32, high.x.floor() as u32 + 1],
        rows: [low.y.ceil() as u32, high.y.floor() as u32 + 1],
        pixel: [pixel.x as f32, pixel.y as f32],
        area: determinant.abs() as f32,
        area_slope: [Vector2::new(8.0, 0.0), Vector2::new(0.0, 8.0)].map(|step| slope(step) as f32),
        phases: [phases.x as f32, phases.y as f32],
        per_along: [per_along; 2],
        per_across: [per_across; 2],
    })
}

/// The mean level in the window, and what it says about h and about v.
pub(super) fn mean_and_lines(sums: &WindowSums) -> (f64, [LineSums; 2]) {
    let line = |axis: usize| {
        let line: [f64; PER_LINE] = std::array::from_fn(|n| sums[2 + PER_LINE * axis + n]);
        let [odd, odd_level, even, even_level, square, square_level, uneven, uneven_level, uneven_square] = line;
        LineSums { odd, odd_level, even, even_level, square, square_level, uneven, uneven_level, uneven_square }
    };
    (sums[1] / sums[0], [line(0), line(1)])
}

/// Sums over the window with y the level; names as in [`super`].
#[derive(Clone, Copy)]
pub(super) struct LineSums {
    /// Σ JqW
    pub(super) odd: f64,
    /// Σ JqW y
    pub(super) odd_level: f64,
    /// Σ Jq'W
    pub(super) even: f64,
    /// Σ Jq'W y
    pub(super) even_level: f64,
    /// Σ (JqW)²
    pub(super) square: f64,
    /// Σ (JqW)² y
    pub(super) square_level: f64,
    /// Σ JqV
    pub(super) uneven: f64,
    /// Σ JqV y
    pub(super) uneven_level: f64,
    /// Σ (JqV)²
    pub(super) uneven_square: f64,
}
