//! Sums over pixels times Chebyshev polynomials, and the normal equations that follow from them.
//!
//! Why these are enough: [`super::normal_equations`].

use crate::grating::chebyshev::{self, exponents};
use crate::grating::normal_equations::{GratingParameters, NormalEquations};
use nalgebra::{DMatrix, DVector};

/// phase_h, phase_v, gain, offset, duty.
pub(super) const FIELDS: usize = 5;
pub(super) const DUTY: usize = 4;
/// Place of offset × offset, which is Σ w, among the products of two fields.
pub(super) const OFFSET_SQUARE: usize = 12;

/// Moments of a product of two fields, or of a field and the residual: Σ w T_k(x) T_l(y) at [k][l].
pub(super) struct Moments {
    pub(super) order: usize,
    pub(super) sums: Vec<f64>,
}

impl Moments {
    pub(super) fn new(order: usize) -> Self {
        Moments { order, sums: vec![0.0; (order + 1) * (order + 1)] }
    }

    /// Takes Σ w T_k(x) T_l(y) over, for all l.
    pub(super) fn set_column(&mut self, k: usize, along_y: &[f64]) {
        let n = self.order + 1;
        for (l, sum) in along_y.iter().enumerate().take(n - k) {
            self.sums[k * n + l] = *sum;
        }
    }

    pub(super) fn at(&self, k: usize, l: usize) -> f64 {
        self.sums[k * (self.order + 1) + l]
    }

    /// Σ w T_i(x) T_j(y) T_k(x) T_l(y).
    fn product(&self, (i, j): (usize, usize), (k, l): (usize, usize)) -> f64 {
        let (sum_x, diff_x, sum_y, diff_y) = (i + k, i.abs_diff(k), j + l, j.abs_diff(l));
        0.25 * (self.at(sum_x, sum_y) + self.at(sum_x, diff_y) + self.at(diff_x, sum_y) + self.at(diff_x, diff_y))
    }
}

/// One image row's Σ w T_k(x), for k ≤ the order of [`Moments`].
pub(super) struct RowMoments(Vec<f64>);

impl RowMoments {
    /// Adds some pixels, which are those of `tables` from `offset` on.
    #[inline(always)]
    pub(super) fn add(&mut self, weights: &[f32], tables: &[Vec<f32>], offset: usize) {
        let table = |k: usize| &tables[k][offset..offset + weights.len()];
        let orders = self.0.len();
        let mut k = 0;
        // Four at a time: a weight is read once for them.
        while k + 4 <= orders {
            let four = dots(weights, [table(k), table(k + 1), table(k + 2), table(k + 3)]);
            for (sum, dot) in self.0[k..k + 4].iter_mut().zip(four) {
                *sum += f64::from(dot);
            }
            k += 4;
        }
        for k in k..orders {
            self.0[k] += f64::from(dot(weights, table(k)));
        }
    }
}

/// The sums of one image row, as [`PixelSums`] has those of all.
pub(super) struct RowSums {
    pub(super) squares: Vec<RowMoments>,
    pub(super) sides: Vec<RowMoments>,
}

impl RowSums {
    pub(super) fn new(sums: &PixelSums) -> Self {
        let rows = |moments: &[Moments]| moments.iter().map(|m| RowMoments(vec![0.0; m.order + 1])).collect();
        RowSums { squares: rows(&sums.squares), sides: rows(&sums.sides) }
    }

    /// Adds them to those of all rows, times T_l(y), and begins anew.
    #[inline(always)]
    pub(super) fn flush(&mut self, sums: &mut PixelSums, along_y: &[f64]) {
        let rows = self.squares.iter_mut().chain(&mut self.sides);
        for (row, moments) in rows.zip(sums.squares.iter_mut().chain(&mut sums.sides)) {
            let n = moments.order + 1;
            for (k, along_x) in row.0.iter_mut().enumerate() {
                for (sum, along_y) in moments.sums[k * n..k * n + n - k].iter_mut().zip(along_y) {
                    *sum += *along_x * along_y;
                }
                *along_x = 0.0;
            }
        }
    }
}

const LANES: usize = 16;

/// Σ a b, up to the length of the shorter one.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (chunks_a, chunks_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = chunks_a.remainder().iter().zip(chunks_b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in chunks_a.zip(chunks_b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// As [`dot`] with each of four; a whole number of lanes.
#[inline(always)]
fn dots(a: &[f32], b: [&[f32]; 4]) -> [f32; 4] {
    let mut lanes = [[0.0_f32; LANES]; 4];
    let [b0, b1, b2, b3] = b.map(|b| b.chunks_exact(LANES));
    for ((((a, b0), b1), b2), b3) in a.chunks_exact(LANES).zip(b0).zip(b1).zip(b2).zip(b3) {
        for lane in 0..LANES {
            lanes[0][lane] += a[lane] * b0[lane];
            lanes[1][lane] += a[lane] * b1[lane];
            lanes[2][lane] += a[lane] * b2[lane];
            lanes[3][lane] += a[lane] * b3[lane];
        }
    }
    lanes.map(|lanes| lanes.iter().sum())
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
