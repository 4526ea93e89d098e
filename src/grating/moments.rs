//! Sums over pixels times Chebyshev polynomials, and the normal equations that follow from them.
//!
//! Why these are enough: [`super::normal_equations`].

use crate::grating::chebyshev::{self, exponents};
use crate::grating::normal_equations::{GratingParameters, NormalEquations};
use nalgebra::{DMatrix, DVector};

/// phase_h, phase_v, gain, offset, duty.
pub(super) const FIELDS: usize = 5;
pub(super) const DUTY: usize = 4;

/// Moments of a product of two fields, or of a field and the residual: Σ w T_k(x) T_l(y) at [l][k].
pub(super) struct Moments {
    pub(super) order: usize,
    pub(super) sums: Vec<f64>,
}

impl Moments {
    pub(super) fn new(order: usize) -> Self {
        Moments { order, sums: vec![0.0; (order + 1) * (order + 1)] }
    }

    #[inline(always)]
    pub(super) fn add_row(&mut self, weights: &[f32], tables: &[Vec<f32>], offset: usize, along_y: &[f64]) {
        let n = self.order + 1;
        for k in 0..n {
            let along_x = f64::from(dot(weights, &tables[k][offset..offset + weights.len()]));
            for l in 0..n - k {
                self.sums[l * n + k] += along_x * along_y[l];
            }
        }
    }

    /// Takes Σ w T_k(x) T_l(y) over, for all l.
    pub(super) fn set_column(&mut self, k: usize, along_y: &[f64]) {
        let n = self.order + 1;
        for (l, sum) in along_y.iter().enumerate().take(n - k) {
            self.sums[l * n + k] = *sum;
        }
    }

    pub(super) fn at(&self, k: usize, l: usize) -> f64 {
        self.sums[l * (self.order + 1) + k]
    }

    /// Σ w T_i(x) T_j(y) T_k(x) T_l(y).
    fn product(&self, (i, j): (usize, usize), (k, l): (usize, usize)) -> f64 {
        let (sum_x, diff_x, sum_y, diff_y) = (i + k, i.abs_diff(k), j + l, j.abs_diff(l));
        0.25 * (self.at(sum_x, sum_y) + self.at(sum_x, diff_y) + self.at(diff_x, sum_y) + self.at(diff_x, diff_y))
    }
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let (chunks_a, chunks_b) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = chunks_a.remainder().iter().zip(chunks_b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in chunks_a.zip(chunks_b) {
        for lane in 0..16 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// What one pass over the pixels sums up, w being their robust weights.
pub(super) struct PixelSums {
    /// Of two fields, in the order (0, 0), (0, 1) … (4, 4).
    pub(super) squares: Vec<Moments>,
    /// Of a field and the residual.
    pub(super) sides: Vec<Moments>,
    /// Σ w
    pub(super) weight: f64,
    /// Σ w r²
    pub(super) residual2: f64,
    /// Σ w s, s the contrast term G·I.
    pub(super) signal: f64,
    /// Σ w s²
    pub(super) signal2: f64,
    /// Σ ln(1 + r²/scale²)
    pub(super) lost: f64,
    pub(super) pixels: usize,
}

impl PixelSums {
    pub(super) fn new(degrees: [usize; FIELDS]) -> Self {
        let squares = (0..FIELDS).flat_map(|a| (a..FIELDS).map(move |b| Moments::new(degrees[a] + degrees[b])));
        PixelSums {
            squares: squares.collect(),
            sides: degrees.map(Moments::new).into(),
            weight: 0.0,
            residual2: 0.0,
            signal: 0.0,
            signal2: 0.0,
            lost: 0.0,
            pixels: 0,
        }
    }

    /// JᵀJ and Jᵀr of the parameters `at`.
    pub(super) fn equations(&self, at: &GratingParameters, scale: f64) -> NormalEquations {
        let degrees = at.degrees();
        let starts: Vec<usize> = degrees
            .iter()
            .scan(0, |next, &degree| {
                let start = *next;
                *next += chebyshev::terms(degree);
                Some(start)
            })
            .collect();
        let mut jtj = DMatrix::zeros(at.len(), at.len());
        let mut jtr = DVector::zeros(at.len());
        let mut square = self.squares.iter();
        for a in 0..FIELDS {
            for (row, (i, j)) in exponents(degrees[a]).enumerate() {
                jtr[starts[a] + row] = self.sides[a].at(i, j);
            }
            for b in a..FIELDS {
                let Some(moments) = square.next() else { break };
                for (row, first) in exponents(degrees[a]).enumerate() {
                    for (column, second) in exponents(degrees[b]).enumerate() {
                        let value = moments.product(first, second);
                        jtj[(starts[a] + row, starts[b] + column)] = value;
                        jtj[(starts[b] + column, starts[a] + row)] = value;
                    }
                }
            }
        }
        let per_weight = 1.0 / self.weight.max(1e-300);
        let mean = self.signal * per_weight;
        NormalEquations {
            jtj,
            jtr,
            cost: self.lost * scale * scale,
            rms: (self.residual2 * per_weight).sqrt(),
            signal_rms: (self.signal2 * per_weight - mean * mean).max(0.0).sqrt(),
            pixels: self.pixels,
        }
    }
}
