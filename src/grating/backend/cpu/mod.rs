//! Everything on the CPU; here cost (4): rayon over rows, SIMD along them.
//!
//! Along a row the searched phase is linear in x, so a block of columns needs the sine and cosine of its first phase only:
//! ```text
//! P = 4 (sin(first + k w) + duty) = 4 sin(first) cos(k w) + (4 cos(first) sin(k w) + 4 duty),   k = 0 … 63
//! ```
//! with cos(k w) and sin(k w) from a table for the row. With P = 4 p searched and Q = 4 p standing, I = P Q / √s,
//! s = 2 + P² + Q². One Newton step on the estimate r of 1/√s gives 2 I = P Q r (3 − s r²). A few rows do all candidates before
//! the next ones come, so that pixels are read from memory once.

#[cfg(target_arch = "x86_64")]
mod x86;

use crate::GrayImage;
use crate::grating::backend::{Backend, BackendError, Image, Pixels};
use crate::grating::parameters::GratingParameters;
use crate::grating::pixel_sums::normal_equations::{NormalEquations, Region, accumulate};
use crate::grating::pixel_sums::window::{Maps, Window, WindowSums};
use crate::grating::published::quadratic::{QuadraticGratings, QuadraticPhase};
use crate::grating::published::search::{Problem, SearchPlan, Sums, follow};
use crate::grating::simd::{Instructions, compiled_for};
use rayon::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The CPU backend; uses all threads of the current rayon pool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

/// Columns that share one sine and cosine.
const BLOCK: usize = 64;
const LANES: usize = 8;
/// Rows of one task. Tasks are added up in order: the sums don't depend on the number of threads.
const ROWS: usize = 16;
/// Windows of one task, at least.
const WINDOWS: usize = 32;

impl Backend for Cpu {
    fn name(&self) -> String {
        format!("cpu ({}, {} threads)", Instructions::best(), rayon::current_num_threads())
    }

    fn load<'a>(&self, image: Image<'a>) -> Result<Box<dyn Pixels + 'a>, BackendError> {
        Ok(Box::new(CpuPixels::new(image)))
    }

    fn search(&self, plan: &SearchPlan) -> Result<(QuadraticGratings, f64), BackendError> {
        Ok(follow(plan, |problem, candidates| self.sums(problem, candidates)))
    }
}

/// An image where it is.
pub struct CpuPixels<'a> {
    image: Image<'a>,
    /// Once it is freed of light.
    maps: Option<Maps>,
}

impl<'a> CpuPixels<'a> {
    /// An image that stays where it is.
    pub fn new(image: impl Into<Image<'a>>) -> Self {
        CpuPixels { image: image.into(), maps: None }
    }
}

impl Drop for CpuPixels<'_> {
    fn drop(&mut self) {
        if let Some(maps) = self.maps.take() {
            let mut spare = spare();
            if spare.len() < SPARE {
                spare.push(maps);
            }
        }
    }
}

/// Maps that are kept for the next images: one for each camera.
const SPARE: usize = 2;

fn spare() -> MutexGuard<'static, Vec<Maps>> {
    static MAPS: Mutex<Vec<Maps>> = Mutex::new(Vec::new());
    // A list of maps is whole whatever happened to whoever held it.
    MAPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives back what is kept for the next images of a sweep.
pub fn forget_images() {
    spare().clear();
}

impl Pixels for CpuPixels<'_> {
    fn image(&self) -> &GrayImage {
        &self.image
    }

    fn normal_equations(
        &mut self,
        region: Region,
        at: &GratingParameters,
        scale: f64,
    ) -> Result<NormalEquations, BackendError> {
        Ok(accumulate(&self.image, region, at, scale))
    }

    fn remove_illumination(&mut self, fit: &GratingParameters) -> Result<(), BackendError> {
        let mut maps = self.maps.take().or_else(|| spare().pop()).unwrap_or_default();
        maps.fill(&self.image, fit);
        self.maps = Some(maps);
        Ok(())
    }

    fn phases_along(&mut self, v: usize) -> (&[f32], [&[f32]; 2]) {
        let width = self.image.width() as usize;
        (&self.image.as_raw()[v * width..(v + 1) * width], self.maps.get_or_insert_default().phases_along(v))
    }

    fn window_sums(&mut self, windows: &[Window]) -> Result<Vec<WindowSums>, BackendError> {
        let maps = self.maps.get_or_insert_default();
        Ok(windows.par_iter().with_min_len(WINDOWS).map(|window| maps.sums(window)).collect())
    }
}

impl Cpu {
    /// One [`Sums`] a candidate, in order.
    pub fn sums(&self, problem: &Problem, candidates: &[QuadraticPhase]) -> Vec<Sums> {
        let set = Instructions::best();
        let task = |task: usize| {
            let rows = task * ROWS..problem.rows.min((task + 1) * ROWS);
            let mut sums = vec![Sums::default(); candidates.len()];
            let mut walks: Vec<Walk> = candidates.iter().map(|c| Walk::at(problem, c, rows.start)).collect();
            for row in rows {
                let pixels = PixelRow::of(problem, row);
                for (walk, sums) in walks.iter_mut().zip(&mut sums) {
                    pixels.add(set, walk, sums);
                    walk.next_row();
                }
            }
            sums
        };
        let tasks: Vec<Vec<Sums>> = (0..problem.rows.div_ceil(ROWS)).into_par_iter().map(task).collect();
        let mut total = vec![Sums::default(); candidates.len()];
        for sums in tasks {
            for (total, sums) in total.iter_mut().zip(sums) {
                total.model += sums.model;
                total.model2 += sums.model2;
                total.model_image += sums.model_image;
            }
        }
        total
    }
}

/// What the hot loop reads of a block. Behind a row's end Q = 0, so that I = 0.
#[derive(Clone, Copy)]
struct PixelBlock {
    /// Q
    standing: [f32; BLOCK],
    /// 2 + Q²
    standing2: [f32; BLOCK],
    image: [f32; BLOCK],
}

/// One row of a problem.
struct PixelRow {
    blocks: Vec<PixelBlock>,
    duty: f32,
}

/// A candidate's phase from row to row: in the first column it is a parabola, its slope along the row a straight line.
#[derive(Clone, Copy)]
struct Walk {
    /// Of the first pixel, from there to the next row's, and how that changes.
    first: Phasor,
    step: Phasor,
    bend: Phasor,
    /// From one column to the next, and how that changes.
    per_column: Phasor,
    per_column_step: Phasor,
}

/// What the hot loop reads of a candidate, for a whole row.
struct PhasorTable {
    cos: [f32; BLOCK],
    sin: [f32; BLOCK],
    /// 4 duty
    level: f32,
}

/// Σ 2I, Σ (2I)², Σ 2I y of one row, lane by lane.
type LaneSums = [[f32; LANES]; 3];

impl PixelRow {
    fn of(problem: &Problem, row: usize) -> Self {
        let range = row * problem.columns..(row + 1) * problem.columns;
        let rows = problem.standing[range.clone()].chunks(BLOCK).zip(problem.image[range].chunks(BLOCK));
        let block = |(standing, image): (&[f32], &[f32])| {
            let mut block = PixelBlock { standing: [0.0; BLOCK], standing2: [2.0; BLOCK], image: [0.0; BLOCK] };
            block.standing[..standing.len()].copy_from_slice(standing);
            block.image[..image.len()].copy_from_slice(image);
            block.standing2.iter_mut().zip(block.standing).for_each(|(square, q)| *square += q * q);
            block
        };
        PixelRow { blocks: rows.map(block).collect(), duty: problem.duty }
    }

    fn add(&self, set: Instructions, walk: &Walk, sums: &mut Sums) {
        match set {
            // SAFETY: sets come from `Instructions`, which has found their features.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => unsafe { x86::add_512(self, walk, sums) },
            // SAFETY: the same.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { x86::add_256(self, walk, sums) },
            _ => self.add_with(walk, sums, add_block),
        }
    }

    #[inline(always)]
    fn add_with(
        &self,
        walk: &Walk,
        sums: &mut Sums,
        add_block: impl Fn(&PixelBlock, &PhasorTable, [f32; 2], &mut LaneSums),
    ) {
        let (phasors, per_block) = PhasorTable::of(walk.per_column, self.duty);
        let mut first = walk.first;
        let mut lanes = LaneSums::default();
        for block in &self.blocks {
            add_block(block, &phasors, [4.0 * first.sin as f32, 4.0 * first.cos as f32], &mut lanes);
            first = first.and(per_block);
        }
        let [model, model2, model_image] = lanes.map(|lanes| f64::from(lanes.iter().sum::<f32>()));
        sums.model += 0.5 * model;
        sums.model2 += 0.25 * model2;
        sums.model_image += 0.5 * model_image;
    }
}

/// Sine and cosine of an angle.
#[derive(Clone, Copy)]
struct Phasor {
    sin: f64,
    cos: f64,
}

impl Phasor {
    #[inline(always)]
    fn by(angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        Phasor { sin, cos }
    }

    /// Of the sum of both angles.
    #[inline(always)]
    fn and(self, other: Phasor) -> Self {
        Phasor { sin: self.sin * other.cos + self.cos * other.sin, cos: self.cos * other.cos - self.sin * other.sin }
    }
}

impl Walk {
    /// At the first pixel of `row`.
    fn at(problem: &Problem, candidate: &QuadraticPhase, row: usize) -> Self {
        let x = problem.start[0];
        let y = |n: usize| problem.start[1] + problem.spacing * (row + n) as f64;
        let [first, next, last] = [0, 1, 2].map(|n| candidate.at(x, y(n)));
        let [slope, next_slope] = [0, 1].map(|n| candidate.slopes(x, y(n)).0 * problem.spacing);
        Walk {
            first: Phasor::by(first),
            step: Phasor::by(next - first),
            bend: Phasor::by(last - 2.0 * next + first),
            per_column: Phasor::by(slope),
            per_column_step: Phasor::by(next_slope - slope),
        }
    }

    fn next_row(&mut self) {
        self.first = self.first.and(self.step);
        self.step = self.step.and(self.bend);
        self.per_column = self.per_column.and(self.per_column_step);
    }
}

impl PhasorTable {
    /// With the turn of a whole block.
    #[inline(always)]
    fn of(per_column: Phasor, duty: f32) -> (Self, Phasor) {
        let mut phasors = PhasorTable { cos: [1.0; BLOCK], sin: [0.0; BLOCK], level: 4.0 * duty };
        // k + n from k, for n = 1, 2, 4 …
        let (mut n, mut phasor) = (1, per_column);
        while n < BLOCK {
            let (by_sin, by_cos) = (phasor.sin as f32, phasor.cos as f32);
            let ((sin, next_sin), (cos, next_cos)) = (phasors.sin.split_at_mut(n), phasors.cos.split_at_mut(n));
            for k in 0..n {
                next_sin[k] = sin[k] * by_cos + cos[k] * by_sin;
                next_cos[k] = cos[k] * by_cos - sin[k] * by_sin;
            }
            (n, phasor) = (2 * n, phasor.and(phasor));
        }
        (phasors, phasor)
    }
}

/// Adds one block; `first` holds 4 sin and 4 cos of its first phase.
#[inline(always)]
fn add_block(block: &PixelBlock, phasors: &PhasorTable, first: [f32; 2], sums: &mut LaneSums) {
    for k in 0..BLOCK {
        let p = first[0] * phasors.cos[k] + (first[1] * phasors.sin[k] + phasors.level);
        let model = 2.0 * p * block.standing[k] / (p * p + block.standing2[k]).sqrt();
        sums[0][k % LANES] += model;
        sums[1][k % LANES] += model * model;
        sums[2][k % LANES] += model * block.image[k];
    }
}

/// Multiply-adds of single precision per second that one core does at most: what floors are counted in.
pub fn peak_multiply_adds() -> f64 {
    const CHAINS: usize = 96;
    const STEPS: usize = 20_000;
    #[inline(always)]
    fn chains(seed: f32) -> f32 {
        let (factor, term) = (std::hint::black_box(0.999_f32), std::hint::black_box(seed));
        let mut values = [seed; CHAINS];
        for _ in 0..STEPS {
            values.iter_mut().for_each(|value| *value = value.mul_add(factor, term));
        }
        values.iter().sum()
    }
    let run = || compiled_for!(Instructions::best(), (seed: f32 = 1e-3) -> f32 { chains(seed) });
    let best = (0..20).map(|_| {
        let start = std::time::Instant::now();
        std::hint::black_box(run());
        start.elapsed().as_secs_f64()
    });
    (CHAINS * STEPS) as f64 / best.fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grating::published::search::{image_sums, relative_cost};

    fn problem() -> Problem {
        let (columns, rows) = (173, 61);
        let value = |i: usize| ((i * 7919 + 13) % 101) as f32 / 101.0;
        Problem {
            columns,
            rows,
            image: (0..columns * rows).map(value).collect(),
            standing: (0..columns * rows).map(|i| 8.0 * value(i * 3 + 1) - 0.1).collect(),
            start: [3.0, 5.0],
            spacing: 4.0,
            duty: 0.97,
        }
    }

    const CANDIDATE: QuadraticPhase =
        QuadraticPhase { xy: 0.02, yy: -0.01, seed: 0.14, x: 0.004, y: -0.002, constant: 2.2 };

    /// Brute force in f64, with cost (4) minimised over gain and offset by trying its normal equations.
    #[test]
    fn cost_agrees_with_brute_force() {
        let problem = problem();
        let (mut n, mut s, mut s2, mut sy, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for row in 0..problem.rows {
            for column in 0..problem.columns {
                let i = row * problem.columns + column;
                let phase = CANDIDATE.at(3.0 + 4.0 * column as f64, 5.0 + 4.0 * row as f64);
                let (p, q) = (4.0 * (phase.sin() + 0.97), f64::from(problem.standing[i]));
                let model = p * q / (2.0 + p * p + q * q).sqrt();
                let y = f64::from(problem.image[i]);
                n += 1.0;
                (s, s2, sy, y1, y2) = (s + model, s2 + model * model, sy + model * y, y1 + y, y2 + y * y);
            }
        }
        let sums = Cpu.sums(&problem, &[CANDIDATE])[0];
        for (fast, exact) in [(sums.model, s), (sums.model2, s2), (sums.model_image, sy)] {
            assert!((fast / exact - 1.0).abs() < 1e-6, "{fast} {exact}");
        }
        // Gain and offset by the 2×2 normal equations, then the sum of squares relative to the image's variance.
        let gain = (n * sy - s * y1) / (n * s2 - s * s);
        let offset = (y1 - gain * s) / n;
        let squares =
            y2 - 2.0 * gain * sy - 2.0 * offset * y1 + gain * gain * s2 + 2.0 * gain * offset * s + n * offset * offset;
        let expected = if gain > 0.0 { squares / (y2 - y1 * y1 / n) } else { 1.0 };
        let cost = relative_cost(sums, image_sums(&problem), problem.image.len());
        assert!((cost - expected).abs() < 1e-5, "{cost} {expected}");
    }

    #[test]
    fn every_instruction_set_gives_the_same() {
        let problem = problem();
        let with = |set: Instructions| {
            let mut sums = Sums::default();
            for row in 0..problem.rows {
                PixelRow::of(&problem, row).add(set, &Walk::at(&problem, &CANDIDATE, row), &mut sums);
            }
            sums
        };
        let plain = with(Instructions::Baseline);
        for set in Instructions::beyond_baseline() {
            let fast = with(set);
            assert!((fast.model / plain.model - 1.0).abs() < 1e-6, "{set}");
            assert!((fast.model2 / plain.model2 - 1.0).abs() < 1e-6, "{set}");
            assert!((fast.model_image / plain.model_image - 1.0).abs() < 1e-6, "{set}");
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let problem = problem();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Cpu.sums(&problem, &[CANDIDATE, CANDIDATE.stepped([0.0, 0.0, 1e-3, 0.0, 0.1], 80.0, 30.0)]))
        };
        assert_eq!(with(1), with(3));
    }
}
