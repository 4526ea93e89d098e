//! Weighted linear least squares by equilibrated normal equations.
//!
//! Used with Chebyshev bases only, whose columns are nearly orthogonal: the condition number stays far below what the
//! square of it could hurt in f64.

use nalgebra::{DMatrix, DVector, Dyn, MatrixView, U1};

/// Sums of AᵀWA and AᵀWb, fed a few rows at a time.
pub struct NormalSums {
    ata: DMatrix<f64>,
    atb: DMatrix<f64>,
    rows: DMatrix<f64>,
    sides: DMatrix<f64>,
    filled: usize,
}

/// Rows that are multiplied out at a time, and columns of AᵀWA.
const BLOCK: usize = 128;
const STRIP: usize = 48;

impl NormalSums {
    /// For `unknowns` columns and `sides` right-hand sides.
    pub fn new(unknowns: usize, sides: usize) -> Self {
        NormalSums {
            ata: DMatrix::zeros(unknowns, unknowns),
            atb: DMatrix::zeros(unknowns, sides),
            // Stored transposed: a row of A is a column here.
            rows: DMatrix::zeros(unknowns, BLOCK),
            sides: DMatrix::zeros(sides, BLOCK),
            filled: 0,
        }
    }

    /// Adds one row of A, written by `fill`, with its right-hand sides and weight (1/variance).
    pub fn add(&mut self, fill: impl FnOnce(&mut [f64]), sides: &[f64], weight: f64) {
        let root = weight.sqrt();
        let unknowns = self.rows.nrows();
        let row = &mut self.rows.as_mut_slice()[self.filled * unknowns..(self.filled + 1) * unknowns];
        row.fill(0.0);
        fill(row);
        row.iter_mut().for_each(|x| *x *= root);
        for (i, side) in sides.iter().enumerate() {
            self.sides[(i, self.filled)] = root * side;
        }
        self.filled += 1;
        if self.filled == BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let rows = self.rows.columns(0, self.filled);
        let across = transposed(&self.rows, self.filled);
        let unknowns = self.rows.nrows();
        // The lower triangle, and what of the upper lies in the same strip.
        for first in (0..unknowns).step_by(STRIP) {
            let (width, below) = (STRIP.min(unknowns - first), unknowns - first);
            let mut strip = self.ata.view_mut((first, first), (below, width));
            strip.gemm(1.0, &rows.rows(first, below), &across.columns(first, width), 1.0);
        }
        self.atb.gemm(1.0, &rows, &transposed(&self.sides, self.filled), 1.0);
        self.filled = 0;
    }

    /// AᵀWA and AᵀWb.
    pub fn finish(mut self) -> (DMatrix<f64>, DMatrix<f64>) {
        self.flush();
        self.ata.fill_upper_triangle_with_lower_triangle();
        (self.ata, self.atb)
    }

    /// The solution for each right-hand side, one a column; `None` when A has not full rank.
    ///
    /// `damping` is relative to the diagonal; 0 for plain least squares.
    pub fn solve(self, damping: f64) -> Option<DMatrix<f64>> {
        let (ata, atb) = self.finish();
        solve_equilibrated(ata, atb, damping)
    }
}

/// The first `columns` columns as rows, without a copy.
fn transposed(matrix: &DMatrix<f64>, columns: usize) -> MatrixView<'_, f64, Dyn, Dyn, Dyn, U1> {
    MatrixView::from_slice_with_strides_generic(
        matrix.as_slice(),
        Dyn(columns),
        Dyn(matrix.nrows()),
        Dyn(matrix.nrows()),
        U1,
    )
}

/// Solves (A + damping · diag) x = b for a symmetric positive A, equilibrated; `None` when A has not full rank.
pub fn solve_equilibrated(mut a: DMatrix<f64>, mut b: DMatrix<f64>, damping: f64) -> Option<DMatrix<f64>> {
    let n = a.nrows();
    // An unknown that nothing depends on stays 0.
    let scale = DVector::from_fn(n, |i, _| if a[(i, i)] > 0.0 { 1.0 / a[(i, i)].sqrt() } else { 0.0 });
    for j in 0..n {
        for i in 0..n {
            a[(i, j)] *= scale[i] * scale[j];
        }
        a[(j, j)] += damping + 1e-13;
    }
    for mut column in b.column_iter_mut() {
        column.component_mul_assign(&scale);
    }
    let mut solution = a.cholesky()?.solve(&b);
    for mut column in solution.column_iter_mut() {
        column.component_mul_assign(&scale);
    }
    solution.iter().all(|x| x.is_finite()).then_some(solution)
}

/// How much of the least determined unknown the others leave over, as a share of its square. 0 without full rank, 1 for
/// an orthogonal matrix.
pub fn rank_margin(a: &DMatrix<f64>) -> f64 {
    let scale: Vec<f64> = a.diagonal().iter().map(|d| 1.0 / d.sqrt()).collect();
    let scaled = DMatrix::from_fn(a.nrows(), a.ncols(), |i, j| a[(i, j)] * scale[i] * scale[j]);
    scaled
        .cholesky()
        .map_or(0.0, |factor| factor.l_dirty().diagonal().iter().fold(1.0, |least, d| d.min(least)).powi(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovers_the_coefficients_of_noise_free_rows_whatever_their_weights() {
        let mut sums = NormalSums::new(3, 2);
        for i in 0..1300 {
            let x = f64::from(i) / 650.0 - 1.0;
            let basis = [1.0, x, 2.0 * x * x - 1.0];
            let side = |c: [f64; 3]| basis.iter().zip(c).map(|(b, c)| b * c).sum::<f64>();
            let sides = [side([1.0, -2.0, 0.5]), side([0.0, 3.0, 4.0])];
            sums.add(|row| row.copy_from_slice(&basis), &sides, 1.0 + f64::from(i % 7));
        }
        let solution = sums.solve(0.0).unwrap();
        let expected = DMatrix::from_row_slice(3, 2, &[1.0, 0.0, -2.0, 3.0, 0.5, 4.0]);
        assert!((solution - expected).amax() < 1e-9);
    }
}
