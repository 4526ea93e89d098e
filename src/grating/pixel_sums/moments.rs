//! Sums over pixels times Chebyshev polynomials, and the normal equations that follow from them.
//!
//! Why these are enough: [`super::normal_equations`].

use crate::grating::chebyshev::{self, exponents};
use crate::grating::parameters::{FIELDS, GratingParameters};
use crate::grating::pixel_sums::normal_equations::{Chunk, NormalEquations};
use crate::grating::simd::{LANES, Lanes};
use nalgebra::{DMatrix, DVector};

/// Products of two of them.
pub(crate) const SQUARES: usize = FIELDS * (FIELDS + 1) / 2;
/// Place of offset × offset, which is Σ w, among the products of two fields.
pub(crate) const OFFSET_SQUARE: usize = 12;

/// Moments of a product of two fields, or of a field and the residual: Σ w T_k(x) T_l(y) at [k][l].
pub(crate) struct Moments {
    pub(crate) order: usize,
    pub(crate) sums: Vec<f64>,
}

impl Moments {
    pub(crate) fn new(order: usize) -> Self {
        Moments { order, sums: vec![0.0; (order + 1) * (order + 1)] }
    }

    /// Takes Σ w T_k(x) T_l(y) over, for all l.
    pub(crate) fn set_column(&mut self, k: usize, along_y: &[f64]) {
        let n = self.order + 1;
        for (l, sum) in along_y.iter().enumerate().take(n - k) {
            self.sums[k * n + l] = *sum;
        }
    }

    pub(crate) fn at(&self, k: usize, l: usize) -> f64 {
        self.sums[k * (self.order + 1) + l]
    }

    /// Σ w T_i(x) T_j(y) T_k(x) T_l(y).
    fn product(&self, (i, j): (usize, usize), (k, l): (usize, usize)) -> f64 {
        let (sum_x, diff_x, sum_y, diff_y) = (i + k, i.abs_diff(k), j + l, j.abs_diff(l));
        0.25 * (self.at(sum_x, sum_y) + self.at(sum_x, diff_y) + self.at(diff_x, sum_y) + self.at(diff_x, diff_y))
    }
}

/// Orders that are worked on at a time.
const AT_ONCE: usize = 4;

/// One image row's Σ w T_k(x) for all products that [`PixelSums`] has moments of.
pub(crate) struct RowSums {
    /// Lanes of the sums for k from 0 on, some beyond the order to fill up; squares, then sides.
    sums: Vec<Vec<[f32; LANES]>>,
    /// Products of falling order, two by two: what is read of the tables serves both.
    pairs: Vec<[usize; 2]>,
}

impl RowSums {
    pub(crate) fn new(sums: &PixelSums) -> Self {
        let orders: Vec<usize> = sums.squares.iter().chain(&sums.sides).map(|moments| moments.order).collect();
        let mut falling: Vec<usize> = (0..orders.len()).collect();
        falling.sort_by_key(|product| std::cmp::Reverse(orders[*product]));
        RowSums {
            sums: orders.iter().map(|order| vec![[0.0; LANES]; (order + 1).next_multiple_of(AT_ONCE)]).collect(),
            pairs: falling.as_chunks().0.to_vec(),
        }
    }

    /// Adds the first `blocks` vectors of each product, which are those of `tables` from `start` on.
    #[inline(always)]
    pub(crate) fn add<V: Lanes>(
        &mut self,
        products: &[Chunk; SQUARES + FIELDS],
        tables: &[Vec<f32>],
        start: usize,
        blocks: usize,
    ) {
        for [first, second] in &self.pairs {
            let Ok([of_first, of_second]) = self.sums.get_disjoint_mut([*first, *second]) else { continue };
            let both = [&products[*first][..blocks], &products[*second][..blocks]];
            for (group, of_first) in of_first.as_chunks_mut::<AT_ONCE>().0.iter_mut().enumerate() {
                let tables: [&[[f32; LANES]]; AT_ONCE] = std::array::from_fn(|n| {
                    // Beyond the highest order any will do.
                    let table = &tables[(AT_ONCE * group + n).min(tables.len() - 1)];
                    &table[start..].as_chunks::<LANES>().0[..blocks]
                });
                match of_second.as_chunks_mut::<AT_ONCE>().0.get_mut(group) {
                    Some(of_second) => add::<V, 2>(both, tables, [of_first, of_second]),
                    None => add::<V, 1>([both[0]], tables, [of_first]),
                }
            }
        }
    }

    /// Adds them to those of all rows, times T_l(y), and begins anew.
    #[inline(always)]
    pub(crate) fn flush(&mut self, sums: &mut PixelSums, along_y: &[f64]) {
        for (row, moments) in self.sums.iter_mut().zip(sums.squares.iter_mut().chain(&mut sums.sides)) {
            let n = moments.order + 1;
            for (k, lanes) in row.iter_mut().enumerate() {
                if k < n {
                    let along_x = f64::from(lanes.iter().sum::<f32>());
                    for (sum, along_y) in moments.sums[k * n..k * n + n - k].iter_mut().zip(along_y) {
                        *sum += along_x * along_y;
                    }
                }
                *lanes = [0.0; LANES];
            }
        }
    }
}

/// Adds each of the products with each of the tables: what is read of the tables serves all products.
#[inline(always)]
fn add<V: Lanes, const N: usize>(
    products: [&[[f32; LANES]]; N],
    tables: [&[[f32; LANES]]; AT_ONCE],
    into: [&mut [[f32; LANES]; AT_ONCE]; N],
) {
    let mut sums = [[V::of(0.0); AT_ONCE]; N];
    for p in 0..N {
        for n in 0..AT_ONCE {
            sums[p][n] = V::load(&into[p][n]);
        }
    }
    let blocks = tables[0].len();
    assert!(tables.iter().all(|table| table.len() == blocks) && products.iter().all(|product| product.len() == blocks));
    for b in 0..blocks {
        let values: [V; N] = std::array::from_fn(|p| V::load(&products[p][b]));
        for n in 0..AT_ONCE {
            let table = V::load(&tables[n][b]);
            for p in 0..N {
                sums[p][n] = values[p].times_plus(table, sums[p][n]);
            }
        }
    }
    for p in 0..N {
        for n in 0..AT_ONCE {
            sums[p][n].store(&mut into[p][n]);
        }
    }
}

/// What one pass over the pixels sums up, w being their robust weights.
pub(crate) struct PixelSums {
    /// Of two fields, in the order (0, 0), (0, 1) … (4, 4).
    pub(crate) squares: Vec<Moments>,
    /// Of a field and the residual.
    pub(crate) sides: Vec<Moments>,
    /// Σ w
    pub(crate) weight: f64,
    /// Σ w r²
    pub(crate) residual2: f64,
    /// Σ w s, s the contrast term G·I.
    pub(crate) signal: f64,
    /// Σ w s²
    pub(crate) signal2: f64,
    /// Σ ln(1 + r²/scale²)
    pub(crate) lost: f64,
    pub(crate) pixels: usize,
}

impl PixelSums {
    pub(crate) fn new(degrees: [usize; FIELDS]) -> Self {
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
    pub(crate) fn equations(&self, at: &GratingParameters, scale: f64) -> NormalEquations {
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
