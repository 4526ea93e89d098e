//! Where the windows of the local measurement lie, and what their sums are.

use crate::GrayImage;
use crate::grating::parameters::GratingParameters;
use crate::grating::phase_field::PhaseField;
use crate::grating::pixel_sums::window::{PER_LINE, Window, WindowSums};
use nalgebra::{Matrix2, Vector2};
use std::f64::consts::{PI, TAU};

/// Brightness from which a pixel may be clipped.
pub(super) const CLIPPED: f32 = 0.995;

/// Half-sizes of a window: along the line in units of 2π, across it in units of π. The largest that fits is used.
const WINDOWS: [[f64; 2]; 5] = [[1.0, 1.0], [0.75, 1.0], [0.5, 1.0], [0.5, 0.8], [0.5, 0.6]];

/// Share of the window's pixels that are as bright as can be, looked at every few pixels.
pub(super) fn clipped(image: &GrayImage, window: &Window) -> f64 {
    let both = |[h, v]: [[u32; 2]; 2]| (h[0].min(v[0])..h[1].max(v[1])).step_by(3);
    let (mut clipped, mut all) = (0, 0);
    for v in both(window.rows) {
        let row = &image.as_raw()[v as usize * image.width() as usize..];
        for u in both(window.columns) {
            all += 1;
            clipped += usize::from(row[u as usize] >= CLIPPED);
        }
    }
    clipped as f64 / all.max(1) as f64
}

/// ∇J / J at a pixel, 1/px.
pub(super) fn area_slope(fit: &GratingParameters, pixel: Vector2<f64>) -> [f32; 2] {
    [Vector2::new(8.0, 0.0), Vector2::new(0.0, 8.0)].map(|step| {
        let ahead = fit.phases_and_jacobian(pixel + step).1.determinant();
        let behind = fit.phases_and_jacobian(pixel - step).1.determinant();
        ((ahead - behind) / (step.norm() * (ahead + behind))) as f32
    })
}

/// The largest window around `pixel`, whose phases are `phases`, that lies in the image.
pub(super) fn around(
    size: [u32; 2],
    pixel: Vector2<f64>,
    phases: Vector2<f64>,
    [jacobian, inverse]: [Matrix2<f64>; 2],
    area_slope: [f32; 2],
) -> Option<Window> {
    let size = Vector2::new(f64::from(size[0]) - 1.0, f64::from(size[1]) - 1.0);
    let room = pixel.inf(&(size - pixel));
    // A window around h reaches far along v, and the other way round.
    let reaches = |[along, across]: [f64; 2]| {
        let (along, across) = (along * TAU, across * PI);
        [Vector2::new(across, along), Vector2::new(along, across)].map(|reach| inverse.abs() * reach * 1.03)
    };
    let scales = WINDOWS.into_iter().find(|scales| {
        let [h, v] = reaches(*scales);
        let reach = h.sup(&v);
        reach.x <= room.x && reach.y <= room.y
    })?;
    let bands = |of: fn(&Vector2<f64>) -> f64| {
        let middle = of(&pixel);
        reaches(scales).map(|reach| [(middle - of(&reach)).ceil() as u32, (middle + of(&reach)).floor() as u32 + 1])
    };
    let (per_along, per_across) = ((1.0 / (scales[0] * TAU)) as f32, (1.0 / (scales[1] * PI)) as f32);
    Some(Window {
        columns: bands(|at| at.x),
        rows: bands(|at| at.y),
        pixel: [pixel.x as f32, pixel.y as f32],
        area: jacobian.determinant().abs() as f32,
        area_slope,
        phases: [phases.x as f32, phases.y as f32],
        per_along: [per_along; 2],
        per_across: [per_across; 2],
    })
}

/// What the sums say about h and about v.
pub(super) fn lines(sums: &WindowSums) -> [LineSums; 2] {
    [0, 1].map(|axis| {
        let line: [f64; PER_LINE] = std::array::from_fn(|n| sums[PER_LINE * axis + n]);
        let [all, level, odd, odd_level, even, even_level, square, square_level, uneven, uneven_level, uneven_square] =
            line;
        let mean = level / all;
        LineSums { mean, odd, odd_level, even, even_level, square, square_level, uneven, uneven_level, uneven_square }
    })
}

/// Sums over the window with y the level; names as in [`super`].
#[derive(Clone, Copy)]
pub(super) struct LineSums {
    /// The mean level: Σ w y / Σ w
    pub(super) mean: f64,
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
