//! Cost (4) on the CPU: rayon over candidates, SIMD along rows.
//!
//! Along a row the searched phase is linear in x, so its sine is turned from block to block by a fixed rotation instead of
//! being computed. With P = 4 p searched and Q = 4 p standing, I = P Q / sqrt(2 + P² + Q²).

use crate::grating::backend::{Backend, Problem, Sums};
use crate::grating::model::{has_avx2, sin_cos};
use crate::grating::quadratic::QuadraticPhase;
use rayon::prelude::*;

/// The CPU backend; uses all threads of the current rayon pool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

const LANES: usize = 16;
/// Rotations that may follow each other before rounding shows.
const BLOCKS_PER_SEED: usize = 16;

impl Backend for Cpu {
    fn name(&self) -> String {
        let set = if has_avx2() { "AVX2" } else { "portable" };
        format!("cpu ({set}, {} threads)", rayon::current_num_threads())
    }

    fn sums(&self, problem: &Problem, candidates: &[QuadraticPhase]) -> Vec<Sums> {
        candidates.par_iter().map(|candidate| sums(problem, candidate)).collect()
    }
}

fn sums(problem: &Problem, candidate: &QuadraticPhase) -> Sums {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the features that the function is compiled for were just found.
        return unsafe { sums_avx2(problem, candidate) };
    }
    sums_any(problem, candidate)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn sums_avx2(problem: &Problem, candidate: &QuadraticPhase) -> Sums {
    sums_any(problem, candidate)
}

#[inline(always)]
fn sums_any(problem: &Problem, candidate: &QuadraticPhase) -> Sums {
    let Problem { columns, rows, image, standing, start, spacing, duty } = problem;
    let mut total = Sums::default();
    for row in 0..*rows {
        let y = start[1] + spacing * row as f64;
        let image = &image[row * columns..(row + 1) * columns];
        let standing = &standing[row * columns..(row + 1) * columns];
        let first = candidate.at(start[0], y);
        let per_column = candidate.slopes(start[0], y).0 * spacing;
        let (turn_sin, turn_cos) = sin_cos((per_column * LANES as f64).rem_euclid(std::f64::consts::TAU) as f32);
        let (mut sin, mut cos) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        let mut sums = [[0.0_f32; LANES]; 3];
        let blocks = image.chunks_exact(LANES).zip(standing.chunks_exact(LANES));
        let rest = columns / LANES * LANES;
        for (block, (image, standing)) in blocks.enumerate() {
            if block % BLOCKS_PER_SEED == 0 {
                let base = first + per_column * (block * LANES) as f64;
                for lane in 0..LANES {
                    let phase = (base + per_column * lane as f64).rem_euclid(std::f64::consts::TAU);
                    (sin[lane], cos[lane]) = sin_cos(phase as f32);
                }
            }
            for lane in 0..LANES {
                let p = 4.0 * (sin[lane] + duty);
                let q = standing[lane];
                let model = p * q / (2.0 + p * p + q * q).sqrt();
                sums[0][lane] += model;
                sums[1][lane] += model * model;
                sums[2][lane] += model * image[lane];
                let turned = sin[lane] * turn_cos + cos[lane] * turn_sin;
                cos[lane] = cos[lane] * turn_cos - sin[lane] * turn_sin;
                sin[lane] = turned;
            }
        }
        for column in rest..*columns {
            let phase = (first + per_column * column as f64).rem_euclid(std::f64::consts::TAU);
            let p = 4.0 * (sin_cos(phase as f32).0 + duty);
            let q = standing[column];
            let model = p * q / (2.0 + p * p + q * q).sqrt();
            sums[0][0] += model;
            sums[1][0] += model * model;
            sums[2][0] += model * image[column];
        }
        let sum = |lanes: &[f32; LANES]| f64::from(lanes.iter().sum::<f32>());
        total.model += sum(&sums[0]);
        total.model2 += sum(&sums[1]);
        total.model_image += sum(&sums[2]);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grating::backend::{image_sums, relative_cost};

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
            assert!((fast / exact - 1.0).abs() < 1e-5, "{fast} {exact}");
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
        let (fast, plain) = (sums(&problem, &CANDIDATE), sums_any(&problem, &CANDIDATE));
        assert!((fast.model2 / plain.model2 - 1.0).abs() < 1e-5);
        assert!((fast.model_image / plain.model_image - 1.0).abs() < 1e-5);
    }
}
