//! Smooth functions of the pixel as sums of products of Chebyshev polynomials.
//!
//! ```text
//! f(u, v) = Σ_{i+j ≤ degree} c_ij T_i(x) T_j(y),   x = (u − u_c) / u_s,  y = (v − v_c) / v_s
//! ```
//! x and y run from −1 to 1 over the image. All terms then have about the same size, and fits are well conditioned.

use crate::grating::simd::{LANES, Lanes};
use nalgebra::Vector2;
use serde::{Deserialize, Serialize};

/// Where x and y run from −1 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// Centre (u, v), px.
    pub centre: [f64; 2],
    /// Half extent along u and v, px.
    pub half: [f64; 2],
}

impl Domain {
    /// That of a whole image.
    pub fn of_image(width: u32, height: u32) -> Self {
        let (w, h) = (f64::from(width), f64::from(height));
        Domain { centre: [0.5 * (w - 1.0), 0.5 * (h - 1.0)], half: [0.5 * w.max(2.0), 0.5 * h.max(2.0)] }
    }

    /// x along u (`axis` 0) or y along v (`axis` 1).
    pub fn normalise(&self, axis: usize, pixel: f64) -> f64 {
        (pixel - self.centre[axis]) / self.half[axis]
    }
}

/// A polynomial of the pixel of total degree `degree`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chebyshev2 {
    /// Where its arguments run from −1 to 1.
    pub domain: Domain,
    /// Total degree.
    pub degree: usize,
    /// c_ij at [`index`].
    pub coefficients: Vec<f64>,
}

/// Number of terms with i + j ≤ degree.
pub const fn terms(degree: usize) -> usize {
    (degree + 1) * (degree + 2) / 2
}

/// BasisValues of c_ij: ordered by total degree, so that a higher degree only appends.
pub const fn index(i: usize, j: usize) -> usize {
    let total = i + j;
    total * (total + 1) / 2 + j
}

/// All (i, j) with i + j ≤ degree in the order of [`index`].
pub fn exponents(degree: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..=degree).flat_map(|total| (0..=total).map(move |j| (total - j, j)))
}

/// T_0(x) … T_n(x) into `values`, n = values.len() − 1.
pub fn values_at(x: f64, values: &mut [f64]) {
    for k in 0..values.len() {
        values[k] = match k {
            0 => 1.0,
            1 => x,
            _ => 2.0 * x * values[k - 1] - values[k - 2],
        };
    }
}

/// T_k(x) for the image columns `columns`, one table for each k ≤ `highest`; for [`evaluate_row`].
pub fn row_tables(domain: &Domain, columns: &[usize], highest: usize) -> Vec<Vec<f32>> {
    let mut tables = vec![vec![0.0_f32; columns.len()]; highest + 1];
    let mut along = vec![0.0; highest + 1];
    for (n, &u) in columns.iter().enumerate() {
        values_at(domain.normalise(0, u as f64), &mut along);
        for (table, value) in tables.iter_mut().zip(&along) {
            table[n] = *value as f32;
        }
    }
    tables
}

/// Σ c_k T_k(x) at the columns from `offset` on; `coefficients` as [`Chebyshev2::along_row`] gives them.
#[inline(always)]
pub fn evaluate_row<V: Lanes>(coefficients: &[f64], tables: &[Vec<f32>], offset: usize, values: &mut [f32]) {
    /// Vectors at a time: their sums stay in registers.
    const AT_ONCE: usize = 4;
    const STEP: usize = AT_ONCE * LANES;
    let count = values.len();
    if count < STEP {
        for (n, value) in values.iter_mut().enumerate() {
            *value = coefficients.iter().zip(tables).map(|(c, table)| *c as f32 * table[offset + n]).sum();
        }
        return;
    }
    let mut next = 0;
    while next < count {
        // The last step overlaps the one before.
        let start = next.min(count - STEP);
        let mut sums = [V::of(coefficients[0] as f32); AT_ONCE];
        for (c, table) in coefficients.iter().zip(tables).skip(1) {
            let (c, table) = (V::of(*c as f32), table[offset + start..][..STEP].as_chunks::<LANES>().0);
            for n in 0..AT_ONCE {
                sums[n] = V::load(&table[n]).times_plus(c, sums[n]);
            }
        }
        for (sum, into) in sums.iter().zip(values[start..][..STEP].as_chunks_mut::<LANES>().0) {
            sum.store(into);
        }
        next = start + STEP;
    }
}

/// T_k(x) and T_k'(x), k from 0 on.
pub fn values_and_slopes(x: f64, values: &mut [f64], slopes: &mut [f64]) {
    values_at(x, values);
    for k in 0..slopes.len() {
        slopes[k] = match k {
            0 => 0.0,
            1 => 1.0,
            _ => 2.0 * values[k - 1] + 2.0 * x * slopes[k - 1] - slopes[k - 2],
        };
    }
}

const MAX: usize = 16;

/// T_k and T_k' of x and of y at one pixel: functions on one domain share them.
#[derive(Clone, Copy, Debug)]
pub struct BasisValues {
    x: [f64; MAX],
    y: [f64; MAX],
    dx: [f64; MAX],
    dy: [f64; MAX],
}

impl BasisValues {
    /// For functions of up to `degree`.
    pub fn new(domain: Domain, degree: usize, pixel: Vector2<f64>) -> Self {
        let mut place = BasisValues { x: [0.0; MAX], y: [0.0; MAX], dx: [0.0; MAX], dy: [0.0; MAX] };
        values_and_slopes(domain.normalise(0, pixel.x), &mut place.x[..=degree], &mut place.dx[..=degree]);
        values_and_slopes(domain.normalise(1, pixel.y), &mut place.y[..=degree], &mut place.dy[..=degree]);
        place
    }
}

impl Chebyshev2 {
    /// 0 everywhere.
    pub fn zero(domain: Domain, degree: usize) -> Self {
        assert!(degree < MAX, "degree {degree} of a Chebyshev polynomial is not below {MAX}");
        Chebyshev2 { domain, degree, coefficients: vec![0.0; terms(degree)] }
    }

    /// The linear function `value` + `gradient` · ((u, v) − `at`); gradient per px.
    pub fn linear(domain: Domain, at: Vector2<f64>, value: f64, gradient: Vector2<f64>) -> Self {
        let mut plane = Chebyshev2::zero(domain, 1);
        plane.coefficients[0] = value + gradient.dot(&(Vector2::from(domain.centre) - at));
        plane.coefficients[index(1, 0)] = gradient.x * domain.half[0];
        plane.coefficients[index(0, 1)] = gradient.y * domain.half[1];
        plane
    }

    /// The same function with room for a higher degree, or with its highest terms dropped.
    pub fn with_degree(&self, degree: usize) -> Self {
        let mut other = Chebyshev2::zero(self.domain, degree);
        let shared = other.coefficients.len().min(self.coefficients.len());
        other.coefficients[..shared].copy_from_slice(&self.coefficients[..shared]);
        other
    }

    /// f at a pixel.
    pub fn value(&self, pixel: Vector2<f64>) -> f64 {
        let (mut x, mut y) = ([0.0; MAX], [0.0; MAX]);
        values_at(self.domain.normalise(0, pixel.x), &mut x[..=self.degree]);
        values_at(self.domain.normalise(1, pixel.y), &mut y[..=self.degree]);
        exponents(self.degree).zip(&self.coefficients).map(|((i, j), c)| c * x[i] * y[j]).sum()
    }

    /// Value and gradient per px.
    pub fn value_and_gradient(&self, pixel: Vector2<f64>) -> (f64, Vector2<f64>) {
        self.at(&BasisValues::new(self.domain, self.degree, pixel))
    }

    /// The same at a place of its domain, of its degree or a higher one.
    pub fn at(&self, place: &BasisValues) -> (f64, Vector2<f64>) {
        let BasisValues { x, y, dx, dy } = place;
        let (mut value, mut by_x, mut by_y) = (0.0, 0.0, 0.0);
        let mut coefficients = self.coefficients.iter();
        for total in 0..=self.degree.min(MAX - 1) {
            for (j, c) in coefficients.by_ref().take(total + 1).enumerate() {
                let i = total - j;
                value += c * x[i] * y[j];
                by_x += c * dx[i] * y[j];
                by_y += c * x[i] * dy[j];
            }
        }
        (value, Vector2::new(by_x / self.domain.half[0], by_y / self.domain.half[1]))
    }

    /// Coefficients of T_0(x) … T_degree(x) along the image row v.
    pub fn along_row(&self, v: f64, row: &mut [f64]) {
        let mut y = [0.0; MAX];
        values_at(self.domain.normalise(1, v), &mut y[..=self.degree]);
        row.fill(0.0);
        let mut coefficients = self.coefficients.iter();
        for total in 0..=self.degree.min(MAX - 1) {
            for (j, c) in coefficients.by_ref().take(total + 1).enumerate() {
                row[total - j] += c * y[j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wavy() -> Chebyshev2 {
        let mut f = Chebyshev2::zero(Domain::of_image(640, 480), 6);
        for (k, c) in f.coefficients.iter_mut().enumerate() {
            *c = ((k * 37 + 11) % 17) as f64 / 17.0 - 0.4;
        }
        f
    }

    #[test]
    fn agrees_with_cosines_of_multiple_angles() {
        let f = wavy();
        let pixel = Vector2::new(77.3, 401.9);
        let (x, y) = (f.domain.normalise(0, pixel.x).acos(), f.domain.normalise(1, pixel.y).acos());
        let by_definition: f64 =
            exponents(6).map(|(i, j)| f.coefficients[index(i, j)] * (i as f64 * x).cos() * (j as f64 * y).cos()).sum();
        assert!((f.value(pixel) - by_definition).abs() < 1e-12);
        let mut row = [0.0; 7];
        f.along_row(pixel.y, &mut row);
        let along: f64 = row.iter().enumerate().map(|(i, c)| c * (i as f64 * x).cos()).sum();
        assert!((along - by_definition).abs() < 1e-12);
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let f = wavy();
        for pixel in [Vector2::new(0.0, 0.0), Vector2::new(600.0, 13.0), Vector2::new(320.0, 470.0)] {
            let (value, gradient) = f.value_and_gradient(pixel);
            assert!((value - f.value(pixel)).abs() < 1e-12);
            for axis in 0..2 {
                let mut step = Vector2::zeros();
                step[axis] = 1e-3;
                let difference = (f.value(pixel + step) - f.value(pixel - step)) / 2e-3;
                assert!((difference - gradient[axis]).abs() < 1e-7);
            }
        }
    }

    #[test]
    fn raising_the_degree_changes_nothing() {
        let f = wavy();
        let pixel = Vector2::new(200.0, 100.0);
        assert!((f.with_degree(9).value(pixel) - f.value(pixel)).abs() < 1e-12);
        let plane = Chebyshev2::linear(f.domain, pixel, 3.0, Vector2::new(0.1, -0.2));
        assert!((plane.value(pixel + Vector2::new(10.0, 10.0)) - 2.0).abs() < 1e-12);
    }
}
