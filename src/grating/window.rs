//! Weighted sums over windows in phase coordinates, for [`crate::lattice::local`], which says what they mean.

use crate::GrayImage;
use crate::grating::chebyshev::{self, Chebyshev2};
use crate::grating::normal_equations::GratingParameters;
use crate::grating::simd::{Instructions, compiled_for};
use bytemuck::{Pod, Zeroable};

/// Sums for each of a window's two lines.
pub const PER_LINE: usize = 9;
/// Σ w, Σ w y with w = J W W; then of h and of v: Σ JqW, Σ JqW y, Σ Jq'W, Σ Jq'W y, Σ (JqW)², Σ (JqW)² y, Σ JqV, Σ JqV y,
/// Σ (JqV)². J, q, W, V as in [`crate::lattice::local`], y the image freed of gain and offset.
pub type WindowSums = [f64; 2 + 2 * PER_LINE];
const SUMS: usize = 2 + 2 * PER_LINE;
const LANES: usize = 8;

/// Where to look, and how it is weighted. Layout as in `kernels/layout.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Window {
    /// Columns and rows, end exclusive.
    pub columns: [u32; 2],
    pub rows: [u32; 2],
    /// The middle, (u, v).
    pub pixel: [f32; 2],
    /// J there, rad²/px².
    pub area: f32,
    /// ∇J / J, 1/px.
    pub area_slope: [f32; 2],
    /// Phases of the two lines, rad.
    pub phases: [f32; 2],
    /// 1/l and 1/s of h and v, 1/rad.
    pub per_along: [f32; 2],
    pub per_across: [f32; 2],
}

/// What the windows need of every pixel.
#[derive(Default)]
pub struct Maps {
    width: usize,
    height: usize,
    /// phase_h and phase_v.
    phase: [Vec<f32>; 2],
    /// Image freed of gain and offset.
    level: Vec<f32>,
}

impl Maps {
    pub fn new(image: &GrayImage, fit: &GratingParameters) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let empty = || vec![0.0_f32; width * height];
        let mut maps = Maps { width, height, phase: [empty(), empty()], level: empty() };
        let highest = fit.phase_h.degree.max(fit.gain.degree);
        let columns: Vec<usize> = (0..width).collect();
        let tables = chebyshev::row_tables(&fit.phase_h.domain, &columns, highest);
        compiled_for!(
            Instructions::best(),
            (maps: &mut Maps = &mut maps, image: &GrayImage = image, fit: &GratingParameters = fit, tables: &[Vec<f32>] = &tables) -> () {
                maps.fill(image, fit, tables)
            }
        );
        maps
    }

    #[inline(always)]
    fn fill(&mut self, image: &GrayImage, fit: &GratingParameters, tables: &[Vec<f32>]) {
        let width = self.width;
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
                fill_row(function, tables, v, values);
            }
            let (level, pixels) = (&mut self.level[range.clone()], &image.as_raw()[range]);
            for (((level, pixel), gain), offset) in level.iter_mut().zip(pixels).zip(&gain).zip(&offset) {
                *level = (pixel - offset) / gain.max(1e-6);
            }
        }
    }

    /// phase_h and phase_v of row `v`, one value a column.
    pub fn phases_along(&self, v: usize) -> [&[f32]; 2] {
        self.phase.each_ref().map(|map| &map[v * self.width..(v + 1) * self.width])
    }

    /// The sums over one window.
    pub fn sums(&self, window: &Window) -> WindowSums {
        self.sums_with(Instructions::best(), window)
    }

    fn sums_with(&self, set: Instructions, window: &Window) -> WindowSums {
        compiled_for!(set, (maps: &Maps = self, window: &Window = window) -> WindowSums { maps.totals(window) })
    }

    #[inline(always)]
    fn totals(&self, window: &Window) -> WindowSums {
        let mut totals = [0.0_f64; SUMS];
        for v in window.rows[0] as usize..window.rows[1] as usize {
            let mut lanes = [[0.0_f32; LANES]; SUMS];
            let row_area = 1.0 + window.area_slope[1] * (v as f32 - window.pixel[1]);
            let (mut u, end) = (window.columns[0] as usize, window.columns[1] as usize);
            while u < end {
                let n = LANES.min(end - u);
                let start = v * self.width + u;
                // The last few columns of a row are done one by one in the first lanes.
                let slice = |map: &[f32]| -> [f32; LANES] {
                    let mut values = [0.0; LANES];
                    values[..n].copy_from_slice(&map[start..start + n]);
                    values
                };
                let (phase_h, phase_v, level) = (slice(&self.phase[0]), slice(&self.phase[1]), slice(&self.level));
                let area = window.area * (row_area + window.area_slope[0] * (u as f32 - window.pixel[0]));
                let area_step = window.area * window.area_slope[0];
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

/// `function` along image row `v`, at the columns of `tables`.
#[inline(always)]
pub(super) fn fill_row(function: &Chebyshev2, tables: &[Vec<f32>], v: usize, values: &mut [f32]) {
    let mut row = [0.0_f64; 16];
    function.along_row(v as f64, &mut row[..=function.degree]);
    chebyshev::evaluate_row(&row[..=function.degree], tables, 0, values);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_gives_the_same() {
        let (width, height) = (173, 90);
        let map = |by: f32| (0..width * height).map(|i| by * ((i * 7919) % 101) as f32 / 101.0).collect::<Vec<_>>();
        let maps = Maps { width, height, phase: [map(0.9), map(1.3)], level: map(0.5) };
        let window = Window {
            columns: [3, 80],
            rows: [11, 75],
            pixel: [41.0, 42.0],
            area: 0.04,
            area_slope: [1e-3, -2e-3],
            phases: [0.4, 0.6],
            per_along: [0.8, 0.7],
            per_across: [1.1, 1.2],
        };
        let plain = maps.sums_with(Instructions::Baseline, &window);
        assert!(plain[0] > 1.0);
        for set in Instructions::available() {
            for (fast, plain) in maps.sums_with(set, &window).into_iter().zip(plain) {
                assert!((fast - plain).abs() < 1e-5 * plain.abs().max(1.0), "{set}: {fast} {plain}");
            }
        }
    }
}
