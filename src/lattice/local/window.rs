//! Weighted sums over the surroundings of an intersection, in phase coordinates.

use crate::GrayImage;
use crate::grating::chebyshev;
use crate::grating::model::has_avx2;
use crate::grating::normal_equations::GratingParameters;
use crate::lattice::intersections::PhaseField;
use nalgebra::{Matrix2, Vector2};
use std::f64::consts::{PI, TAU};

/// Brightness from which a pixel may be clipped.
pub(super) const CLIPPED: f32 = 0.995;

/// Half-sizes of a window: along the line in units of 2π, across it in units of π. The largest that fits is used.
const WINDOWS: [[f64; 2]; 5] = [[1.0, 1.0], [0.75, 1.0], [0.5, 1.0], [0.5, 0.8], [0.5, 0.6]];

/// What the windows need of every pixel.
pub(super) struct Maps {
    pub(super) width: usize,
    pub(super) height: usize,
    /// phase_h and phase_v.
    pub(super) phase: [Vec<f32>; 2],
    /// Image freed of gain and offset.
    level: Vec<f32>,
}

impl Maps {
    pub(super) fn new(image: &GrayImage, fit: &GratingParameters) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let empty = || vec![0.0_f32; width * height];
        let mut maps = Maps { width, height, phase: [empty(), empty()], level: empty() };
        let highest = fit.phase_h.degree.max(fit.gain.degree);
        let columns: Vec<usize> = (0..width).collect();
        let tables = chebyshev::row_tables(&fit.phase_h.domain, &columns, highest);
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            // SAFETY: the features that the function is compiled for were just found.
            unsafe { maps.fill_avx2(image, fit, &tables) };
            return maps;
        }
        maps.fill(image, fit, &tables);
        maps
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn fill_avx2(&mut self, image: &GrayImage, fit: &GratingParameters, tables: &[Vec<f32>]) {
        self.fill(image, fit, tables);
    }

    #[inline(always)]
    fn fill(&mut self, image: &GrayImage, fit: &GratingParameters, tables: &[Vec<f32>]) {
        let width = self.width;
        let mut row = [0.0_f64; 16];
        let (mut gain, mut offset) = (vec![0.0_f32; width], vec![0.0_f32; width]);
        for v in 0..self.height {
            let range = v * width..(v + 1) * width;
            let [phase_h, phase_v] = &mut self.phase;
            for (function, values) in [
                (&fit.phase_h, &mut phase_h[range.clone()]),
                (&fit.phase_v, &mut phase_v[range.clone()]),
                (&fit.gain, &mut gain[..]),
                (&fit.offset, &mut offset[..]),
            ] {
                function.along_row(v as f64, &mut row[..=function.degree]);
                chebyshev::evaluate_row(&row[..=function.degree], tables, 0, values);
            }
            let (level, pixels) = (&mut self.level[range.clone()], &image.as_raw()[range]);
            for (((level, pixel), gain), offset) in level.iter_mut().zip(pixels).zip(&gain).zip(&offset) {
                *level = (pixel - offset) / gain.max(1e-6);
            }
        }
    }

    /// Share of the window's pixels that are as bright as can be, looked at every few pixels.
    pub(super) fn clipped(&self, image: &GrayImage, window: &Window) -> f64 {
        let (mut clipped, mut all) = (0.0, 0.0);
        for v in (window.rows[0]..window.rows[1]).step_by(3) {
            for pixel in image.as_raw()[v * self.width..][window.columns[0]..window.columns[1]].iter().step_by(3) {
                all += 1.0;
                clipped += f64::from(u8::from(*pixel >= CLIPPED));
            }
        }
        clipped / f64::max(all, 1.0)
    }

    /// The largest window around `pixel`, whose phases are `phases`, that lies in the image.
    pub(super) fn window(
        &self,
        fit: &GratingParameters,
        pixel: Vector2<f64>,
        phases: Vector2<f64>,
        jacobian: Matrix2<f64>,
        inverse: Matrix2<f64>,
    ) -> Option<Window> {
        let size = Vector2::new(self.width as f64 - 1.0, self.height as f64 - 1.0);
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
            columns: [low.x.ceil() as usize, high.x.floor() as usize + 1],
            rows: [low.y.ceil() as usize, high.y.floor() as usize + 1],
            pixel,
            area: determinant.abs(),
            area_slope: Vector2::new(slope(Vector2::new(8.0, 0.0)), slope(Vector2::new(0.0, 8.0))),
            phases: [phases.x as f32, phases.y as f32],
            per_along: [per_along; 2],
            per_across: [per_across; 2],
        })
    }

    /// The mean level in the window, and what it says about h and about v.
    pub(super) fn sums(&self, window: &Window) -> (f64, [LineSums; 2]) {
        let sums = self.totals(window);
        let line = |axis: usize| {
            let line: [f64; PER_LINE] = std::array::from_fn(|n| sums[2 + PER_LINE * axis + n]);
            let [odd, odd_level, even, even_level, square, square_level, uneven, uneven_level, uneven_square] = line;
            LineSums { odd, odd_level, even, even_level, square, square_level, uneven, uneven_level, uneven_square }
        };
        (sums[1] / sums[0], [line(0), line(1)])
    }

    /// Σ w, Σ w y with w = J W W, then the [`LineSums`] of h and of v.
    fn totals(&self, window: &Window) -> [f64; SUMS] {
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            // SAFETY: the features that the function is compiled for were just found.
            return unsafe { self.totals_avx2(window) };
        }
        self.totals_any(window)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn totals_avx2(&self, window: &Window) -> [f64; SUMS] {
        self.totals_any(window)
    }

    #[inline(always)]
    fn totals_any(&self, window: &Window) -> [f64; SUMS] {
        let mut totals = [0.0_f64; SUMS];
        for v in window.rows[0]..window.rows[1] {
            let mut lanes = [[0.0_f32; LANES]; SUMS];
            let row_area = 1.0 + window.area_slope.y * (v as f64 - window.pixel.y);
            let mut u = window.columns[0];
            while u < window.columns[1] {
                let n = LANES.min(window.columns[1] - u);
                let start = v * self.width + u;
                // The last few columns of a row are done one by one in the first lanes.
                let slice = |map: &[f32]| -> [f32; LANES] {
                    let mut values = [0.0; LANES];
                    values[..n].copy_from_slice(&map[start..start + n]);
                    values
                };
                let (phase_h, phase_v, level) = (slice(&self.phase[0]), slice(&self.phase[1]), slice(&self.level));
                let area = (window.area * (row_area + window.area_slope.x * (u as f64 - window.pixel.x))) as f32;
                let area_step = (window.area * window.area_slope.x) as f32;
                for lane in 0..LANES {
                    let area = if lane < n { area + area_step * lane as f32 } else { 0.0 };
                    let psi = [phase_h[lane] - window.phases[0], phase_v[lane] - window.phases[1]];
                    let across = [0, 1].map(|axis| psi[axis] * window.per_across[axis]);
                    // Along line h it is the phase of v that changes.
                    let along = [0, 1].map(|axis| psi[1 - axis] * window.per_along[axis]);
                    let bells = along.map(bell);
                    let y = level[lane];
                    let w = bells[0] * bells[1] * area;
                    lanes[0][lane] += w;
                    lanes[1][lane] += w * y;
                    for axis in 0..2 {
                        let (odd, even) = odd_and_slope(across[axis]);
                        let weight = bells[axis] * area;
                        let (odd, even) = (odd * weight, even * weight);
                        let uneven = odd * ripple(along[axis]);
                        let sums = &mut lanes[2 + PER_LINE * axis..2 + PER_LINE * (axis + 1)];
                        sums[0][lane] += odd;
                        sums[1][lane] += odd * y;
                        sums[2][lane] += even;
                        sums[3][lane] += even * y;
                        sums[4][lane] += odd * odd;
                        sums[5][lane] += odd * odd * y;
                        sums[6][lane] += uneven;
                        sums[7][lane] += uneven * y;
                        sums[8][lane] += uneven * uneven;
                    }
                }
                u += n;
            }
            for (total, lanes) in totals.iter_mut().zip(&lanes) {
                *total += f64::from(lanes.iter().sum::<f32>());
            }
        }
        totals
    }
}

/// W(b) = (1 − b²)², 0 outside.
#[inline(always)]
fn bell(b: f32) -> f32 {
    let inside = (1.0 - b * b).max(0.0);
    inside * inside
}

/// V(b) / W(b).
#[inline(always)]
fn ripple(b: f32) -> f32 {
    let b2 = b * b;
    1.0 - 12.16 * b2 + 20.22 * b2 * b2
}

/// q(x) = x (1 − 3x²) (1 − x²)² and its slope, 0 outside.
#[inline(always)]
fn odd_and_slope(x: f32) -> (f32, f32) {
    let x2 = x * x;
    let inside = (1.0 - x2).max(0.0);
    (x * (1.0 - 3.0 * x2) * inside * inside, inside * (1.0 - 14.0 * x2 + 21.0 * x2 * x2))
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

const PER_LINE: usize = 9;
const SUMS: usize = 2 + 2 * PER_LINE;
const LANES: usize = 8;

/// Where to look, and how it is weighted.
pub(super) struct Window {
    columns: [usize; 2],
    rows: [usize; 2],
    pixel: Vector2<f64>,
    /// J at `pixel`, rad²/px².
    area: f64,
    /// ∇J / J, 1/px.
    area_slope: Vector2<f64>,
    phases: [f32; 2],
    /// 1/l and 1/s of h and v, 1/rad.
    pub(super) per_along: [f32; 2],
    pub(super) per_across: [f32; 2],
}
