//! Weighted sums over windows in phase coordinates, for [`crate::lattice::local`], which says what they mean.

use crate::GrayImage;
use crate::grating::chebyshev::{self, Chebyshev2};
use crate::grating::parameters::GratingParameters;
use crate::grating::simd::{Instructions, LANES, Lanes, compiled_for};
use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;
use std::ops::Range;

/// Sums for each of a window's two lines.
pub const PER_LINE: usize = 11;
/// Sums of h and of v, each over its own band. First Σ w, Σ w y with w = J B W; then Σ JqW, Σ JqW y, Σ Jq'W, Σ Jq'W y,
/// Σ (JqW)², Σ (JqW)² y, Σ JqV, Σ JqV y, Σ (JqV)². J, B, q, W, V as in [`crate::lattice::local`], y the image freed of gain
/// and offset.
pub type WindowSums = [f64; 2 * PER_LINE];
/// Rows that are summed in f32 before they are added up in f64.
const ROWS_AT_ONCE: usize = 8;
/// Rows of the maps that one task fills.
const ROWS_OF_TASK: usize = 64;

/// Where to look, and how it is weighted. Layout as in `kernels/layout.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Window {
    /// Columns and rows of h's band and of v's, end exclusive: nothing beyond has any weight.
    pub columns: [[u32; 2]; 2],
    /// Rows of h's band and of v's, end exclusive.
    pub rows: [[u32; 2]; 2],
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
    /// 1/s of h and v, 1/rad.
    pub per_across: [f32; 2],
}

/// What the windows need of every pixel.
#[derive(Default)]
pub struct Maps {
    width: usize,
    /// Row after row, [`LANES`] pixels at a time: phase_h, phase_v, and the image freed of gain and offset. They lie side
    /// by side since they are read together. Beyond the last column phases are far from any line.
    blocks: Vec<[[f32; LANES]; 3]>,
    /// Both phases of the row that was asked for last.
    row: [Vec<f32>; 2],
}

/// A phase that has no weight in any window, rad.
const FAR: f32 = 1e4;

impl Maps {
    /// Fills the maps anew. Their memory is used again: of large images the system takes longer to give some than to fill it.
    pub fn fill(&mut self, image: &GrayImage, fit: &GratingParameters) {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let highest = fit.phase_h.degree.max(fit.gain.degree);
        let columns: Vec<usize> = (0..width).collect();
        let tables = chebyshev::row_tables(&fit.phase_h.domain, &columns, highest);
        let per_row = width.div_ceil(LANES);
        self.width = width;
        self.blocks.resize(height * per_row, Default::default());
        let parts =
            self.blocks.par_chunks_mut(ROWS_OF_TASK * per_row).zip(image.as_raw().par_chunks(ROWS_OF_TASK * width));
        parts.enumerate().for_each(|(part, (blocks, pixels))| {
            let rows = Rows { first: part * ROWS_OF_TASK, width, pixels };
            compiled_for!(
                Instructions::best(),
                (
                    rows: Rows = rows,
                    fit: &GratingParameters = fit,
                    tables: &[Vec<f32>] = &tables,
                    blocks: &mut [[[f32; LANES]; 3]] = blocks
                ) -> () { fill_rows::<Vector>(rows, fit, tables, blocks) }
            )
        });
    }

    fn of_row(&self, v: usize) -> &[[[f32; LANES]; 3]] {
        let per_row = self.width.div_ceil(LANES);
        &self.blocks[v * per_row..(v + 1) * per_row]
    }

    /// phase_h and phase_v of row `v`, one value a column.
    pub fn phases_along(&mut self, v: usize) -> [&[f32]; 2] {
        for axis in 0..2 {
            let mut row = std::mem::take(&mut self.row[axis]);
            row.clear();
            row.extend(self.of_row(v).iter().flat_map(|block| block[axis]));
            row.truncate(self.width);
            self.row[axis] = row;
        }
        self.row.each_ref().map(Vec::as_slice)
    }

    /// The sums over one window.
    pub fn sums(&self, window: &Window) -> WindowSums {
        self.sums_with(Instructions::best(), window)
    }

    fn sums_with(&self, set: Instructions, window: &Window) -> WindowSums {
        compiled_for!(set, (maps: &Maps = self, window: &Window = window) -> WindowSums { maps.totals::<Vector>(window) })
    }

    #[inline(always)]
    fn totals<V: Lanes>(&self, window: &Window) -> WindowSums {
        let mut totals = [0.0_f64; 2 * PER_LINE];
        for axis in 0..2 {
            let totals = &mut totals[PER_LINE * axis..PER_LINE * (axis + 1)];
            let [first, end] = window.rows[axis].map(|row| row as usize);
            let mut first = first;
            while first < end {
                let part_end = end.min(first + ROWS_AT_ONCE);
                let sums = self.band::<V>(window, axis, first..part_end);
                for (total, sum) in totals.iter_mut().zip(&sums) {
                    *total += f64::from(sum.sum());
                }
                first = part_end;
            }
        }
        totals
    }

    /// Sums of one line over some of its band's rows.
    #[inline(always)]
    fn band<V: Lanes>(&self, window: &Window, axis: usize, rows: Range<usize>) -> [V; PER_LINE] {
        let [per_across, per_along] = [window.per_across[axis], window.per_along[axis]].map(V::of);
        // Along line h it is the phase of v that changes.
        let [line, other] = [window.phases[axis], window.phases[1 - axis]].map(V::of);
        let area_step = window.area * window.area_slope[0];
        let area_steps = V::load(&std::array::from_fn(|lane| area_step * lane as f32));
        // Whole blocks: what is looked at beyond the band has no weight.
        let [first, end] = window.columns[axis].map(|column| column as usize);
        let blocks = first / LANES..end.div_ceil(LANES);
        let mut sums = [V::of(0.0); PER_LINE];
        for v in rows {
            let row_area = window.area * (1.0 + window.area_slope[1] * (v as f32 - window.pixel[1]));
            for (n, block) in self.of_row(v)[blocks.clone()].iter().enumerate() {
                let u = (LANES * (blocks.start + n)) as f32;
                let area = V::of(row_area + area_step * (u - window.pixel[0])) + area_steps;
                let x = (V::load(&block[axis]) - line) * per_across;
                let b = (V::load(&block[1 - axis]) - other) * per_along;
                add(&mut sums, x, b, V::load(&block[2]), area);
            }
        }
        sums
    }
}

/// Some rows of an image from row `first` on.
#[derive(Clone, Copy)]
struct Rows<'a> {
    first: usize,
    width: usize,
    pixels: &'a [f32],
}

/// The maps of these rows.
#[inline(always)]
fn fill_rows<V: Lanes>(rows: Rows, fit: &GratingParameters, tables: &[Vec<f32>], blocks: &mut [[[f32; LANES]; 3]]) {
    let Rows { first, width, pixels } = rows;
    let padded = width.next_multiple_of(LANES);
    let [mut phase_h, mut phase_v] = [vec![FAR; padded], vec![FAR; padded]];
    let [mut gain, mut level] = [vec![1.0_f32; padded], vec![0.0; padded]];
    for ((v, pixels), blocks) in (first..).zip(pixels.chunks_exact(width)).zip(blocks.chunks_exact_mut(padded / LANES))
    {
        for (function, values) in [
            (&fit.phase_h, &mut phase_h),
            (&fit.phase_v, &mut phase_v),
            (&fit.gain, &mut gain),
            (&fit.offset, &mut level),
        ] {
            fill_row::<V>(function, tables, v, &mut values[..width]);
        }
        for ((level, pixel), gain) in level.iter_mut().zip(pixels).zip(&gain) {
            *level = (pixel - *level) / gain.max(1e-6);
        }
        let [h, v, y] = [&phase_h, &phase_v, &level].map(|row| row.as_chunks::<LANES>().0);
        for (block, ((h, v), y)) in blocks.iter_mut().zip(h.iter().zip(v).zip(y)) {
            *block = [*h, *v, *y];
        }
    }
}

/// Adds pixels at x = `x`, b = `b` of level `y`; `area` is J.
#[inline(always)]
fn add<V: Lanes>(sums: &mut [V; PER_LINE], x: V, b: V, y: V, area: V) {
    let (zero, one) = (V::of(0.0), V::of(1.0));
    let (x2, b2) = (x * x, b * b);
    // W(b) = (1 − b²)² and B(x) = 1 − x², 0 outside.
    let (along, inside) = ((one - b2).at_least(zero), (one - x2).at_least(zero));
    let weight = along * along * area;
    let w = inside * weight;
    // q(x) = x (1 − 3x²) (1 − x²)² and its slope.
    let odd = x2.times_plus(V::of(-3.0), one) * x * inside * w;
    let even = x2.times_plus(V::of(21.0), V::of(-14.0)).times_plus(x2, one) * w;
    // V(b) / W(b)
    let uneven = b2.times_plus(V::of(20.22), V::of(-12.16)).times_plus(b2, one) * odd;
    let square = odd * odd;
    sums[0] = sums[0] + w;
    sums[1] = w.times_plus(y, sums[1]);
    sums[2] = sums[2] + odd;
    sums[3] = odd.times_plus(y, sums[3]);
    sums[4] = sums[4] + even;
    sums[5] = even.times_plus(y, sums[5]);
    sums[6] = sums[6] + square;
    sums[7] = square.times_plus(y, sums[7]);
    sums[8] = sums[8] + uneven;
    sums[9] = uneven.times_plus(y, sums[9]);
    sums[10] = uneven.times_plus(uneven, sums[10]);
}

/// `function` along image row `v`, at the columns of `tables`.
#[inline(always)]
pub(crate) fn fill_row<V: Lanes>(function: &Chebyshev2, tables: &[Vec<f32>], v: usize, values: &mut [f32]) {
    let mut row = [0.0_f64; 16];
    function.along_row(v as f64, &mut row[..=function.degree]);
    chebyshev::evaluate_row::<V>(&row[..=function.degree], tables, 0, values);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_gives_the_same() {
        let (width, height) = (173, 90);
        let at = |by: f32, n: usize| by * ((n * 7919) % 101) as f32 / 101.0;
        let value = |by: f32, v: usize, u: usize| if u < width { at(by, v * width + u) } else { FAR };
        let block =
            |v: usize, first: usize| [0.9, 1.3, 0.5].map(|by| std::array::from_fn(|lane| value(by, v, first + lane)));
        let blocks = (0..height).flat_map(|v| (0..width).step_by(LANES).map(move |u| block(v, u))).collect();
        let mut maps = Maps { width, blocks, row: Default::default() };
        assert_eq!(maps.phases_along(3)[1][172], value(1.3, 3, 172));
        assert_eq!(maps.phases_along(3)[0].len(), width);
        let window = Window {
            // The second ends with the image.
            columns: [[3, 80], [101, 173]],
            rows: [[11, 75], [0, 90]],
            pixel: [41.0, 42.0],
            area: 0.04,
            area_slope: [1e-3, -2e-3],
            phases: [0.4, 0.6],
            per_along: [0.8, 0.7],
            per_across: [1.1, 1.2],
        };
        let plain = maps.sums_with(Instructions::Baseline, &window);
        assert!(plain[0] > 1.0);
        for set in Instructions::beyond_baseline() {
            for (fast, plain) in maps.sums_with(set, &window).into_iter().zip(plain) {
                assert!((fast - plain).abs() < 1e-5 * plain.abs().max(1.0), "{set}: {fast} {plain}");
            }
        }
    }
}
