//! The normal distribution, tabulated: the renderer asks for it a few million times per image.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// Beyond this many standard deviations Φ is taken as 0 or 1; the step there is 3e-7.
pub const REACH: f64 = 5.0;
const PER_UNIT: f64 = 512.0;

/// Φ and φ of the standard normal distribution by linear interpolation; error of either below 3e-7.
pub struct NormalTable {
    /// (Φ, φ) at −REACH + i / PER_UNIT.
    entries: Vec<[f64; 2]>,
}

impl NormalTable {
    /// Tabulates −[`REACH`] … [`REACH`].
    pub fn new() -> Self {
        let count = (2.0 * REACH * PER_UNIT) as usize + 2;
        let entries = (0..count)
            .map(|i| {
                let x = i as f64 / PER_UNIT - REACH;
                [0.5 * libm::erfc(-x * FRAC_1_SQRT_2), (-0.5 * x * x).exp() / TAU.sqrt()]
            })
            .collect();
        NormalTable { entries }
    }

    /// `(Φ(x), φ(x))`: cumulative distribution and density.
    #[inline]
    pub fn at(&self, x: f64) -> (f64, f64) {
        if x >= REACH {
            return (1.0, 0.0);
        }
        if x <= -REACH || x.is_nan() {
            return (0.0, 0.0);
        }
        let position = (x + REACH) * PER_UNIT;
        let index = position as usize;
        let fraction = position - index as f64;
        let (low, high) = (self.entries[index], self.entries[index + 1]);
        (low[0] + fraction * (high[0] - low[0]), low[1] + fraction * (high[1] - low[1]))
    }
}

impl Default for NormalTable {
    fn default() -> Self {
        NormalTable::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_agrees_with_simpsons_rule() {
        let table = NormalTable::new();
        let density = |x: f64| (-0.5 * x * x).exp() / TAU.sqrt();
        // Integrate the density from −8 in fine steps and compare on the way.
        let (mut x, mut integral) = (-8.0, 0.0);
        let step = 0.00137;
        while x < 8.0 {
            integral += step / 6.0 * (density(x) + 4.0 * density(x + 0.5 * step) + density(x + step));
            x += step;
            let (cumulative, phi) = table.at(x);
            assert!((cumulative - integral).abs() < 4e-7, "Φ({x}) = {cumulative}, integral {integral}");
            assert!(x.abs() > REACH || (phi - density(x)).abs() < 3e-7);
        }
    }
}
