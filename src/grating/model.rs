//! Brightness of two crossed gratings, Eq. (1)–(3), with derivatives.
//!
//! ```text
//! p_h = sin(phase_h) + duty,  p_v = sin(phase_v) + duty                     Eq. (1), (2)
//! I   = 16 p_h p_v / sqrt(2 + 16 p_h² + 16 p_v²)                            Eq. (3)
//! ```
//! The sine makes broad lines. The default method narrows them by a whole number m of doublings, m = 0 being the original:
//! ```text
//! sin(phase) → 1 − 2 ((1 − sin(phase)) / 2)^(2^m)
//! ```
//! which leaves −1 at the line's centre and 1 between the lines, and is about a Gaussian dip in between.
//!
//! Computed as P = 4 p_h, Q = 4 p_v, I = P Q / S, S = sqrt(2 + P² + Q²). Then
//! ∂I/∂P = Q (2 + Q²) / S³ and ∂I/∂Q = P (2 + P²) / S³.

use crate::grating::simd::Real;

/// The duty cycle of the original, set by eye.
pub const ORIGINAL_DUTY: f32 = 0.97;

/// Eq. (3) for given sines.
#[inline(always)]
pub fn brightness(sin_h: f32, sin_v: f32, duty: f32) -> f32 {
    let (p, q) = (4.0 * (sin_h + duty), 4.0 * (sin_v + duty));
    p * q / (2.0 + p * p + q * q).sqrt()
}

/// Eq. (3) with ∂I/∂p_h and ∂I/∂p_v.
#[inline(always)]
pub fn brightness_and_slopes<R: Real>(sin_h: R, sin_v: R, duty: f32) -> (R, R, R) {
    let (two, four, duty) = (R::of(2.0), R::of(4.0), R::of(duty));
    let (p, q) = (four * (sin_h + duty), four * (sin_v + duty));
    let (p2, q2) = (p.times_plus(p, two), q.times_plus(q, two));
    let per_s = R::of(1.0) / q.times_plus(q, p2).root();
    let four_per_s3 = four * per_s * per_s * per_s;
    (p * q * per_s, q * q2 * four_per_s3, p * p2 * four_per_s3)
}

/// A sine narrowed by `M` doublings, and its derivative by the phase.
#[inline(always)]
pub fn narrowed<const M: usize, R: Real>(sin: R, cos: R) -> (R, R) {
    let (half, one) = (R::of(0.5), R::of(1.0));
    let (mut dip, mut slope) = (half - half * sin, one);
    for _ in 0..M {
        // (w²)' = 2 w w'.
        slope = slope * (dip + dip);
        dip = dip * dip;
    }
    (one - (dip + dip), slope * cos)
}

/// sin and cos of half of `x`, where `x` is taken modulo 2π into −π … π first. Error below 3e-7.
///
/// Branch-free, so that loops over it vectorise; sin x = 2 s c and cos x = 1 − 2 s².
#[inline(always)]
pub fn half_angle<R: Real>(x: R) -> (R, R) {
    // Adding and subtracting 1.5·2²³ rounds to the nearest whole number.
    let round = R::of(12_582_912.0);
    let turns = x.times_plus(R::of(std::f32::consts::FRAC_1_PI * 0.5), round) - round;
    // 2π in two parts, the first exact in few bits.
    let x = turns.times_plus(R::of(-1.935_307_2e-3), turns.times_plus(R::of(-6.281_25), x));
    let half = R::of(0.5) * x;
    let z = half * half;
    // Taylor series up to half¹¹ and half¹²; |half| ≤ π/2.
    let sin = series(z, [1.0, -1.666_666_7e-1, 8.333_333e-3, -1.984_127e-4, 2.755_732e-6, -2.505_211e-8]);
    let cos = series(z, [1.0, -0.5, 4.166_666_8e-2, -1.388_889e-3, 2.480_158_7e-5, -2.755_732e-7, 2.087_675_7e-9]);
    (half * sin, cos)
}

/// Σ c_k z^k
#[inline(always)]
fn series<R: Real, const N: usize>(z: R, coefficients: [f32; N]) -> R {
    let mut sum = R::of(coefficients[N - 1]);
    for k in (0..N - 1).rev() {
        sum = sum.times_plus(z, R::of(coefficients[k]));
    }
    sum
}

/// sin x and cos x.
#[inline(always)]
pub fn sin_cos<R: Real>(x: R) -> (R, R) {
    let (s, c) = half_angle(x);
    let twice = s + s;
    (twice * c, R::of(1.0) - twice * s)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eq. (3) as printed, in f64.
    fn printed(phase_h: f64, phase_v: f64, duty: f64) -> f64 {
        let (p, q) = (phase_h.sin() + duty, phase_v.sin() + duty);
        16.0 * p * q / (2.0 + 16.0 * p * p + 16.0 * q * q).sqrt()
    }

    #[test]
    fn agrees_with_the_equation_as_printed() {
        for i in 0..60 {
            let (h, v) = (f64::from(i) * 1.37 - 40.0, f64::from(i) * 0.61 + 3.0);
            let fast = brightness(sin_cos(h as f32).0, sin_cos(v as f32).0, 0.97);
            assert!((f64::from(fast) - printed(h, v, 0.97)).abs() < 3e-5);
        }
    }

    #[test]
    fn slopes_agree_with_finite_differences() {
        for i in 0..40 {
            let (h, v, duty) = (f64::from(i) * 0.37, f64::from(i) * 0.73 + 1.0, 1.02);
            let (_, by_h, by_v) = brightness_and_slopes(h.sin() as f32, v.sin() as f32, duty as f32);
            let step = 1e-5;
            let numeric_h = (printed(h + step, v, duty) - printed(h - step, v, duty)) / (2.0 * step);
            let numeric_v = (printed(h, v + step, duty) - printed(h, v - step, duty)) / (2.0 * step);
            assert!((f64::from(by_h) * h.cos() - numeric_h).abs() < 1e-5);
            assert!((f64::from(by_v) * v.cos() - numeric_v).abs() < 1e-5);
            let numeric_duty = (printed(h, v, duty + step) - printed(h, v, duty - step)) / (2.0 * step);
            assert!((f64::from(by_h + by_v) - numeric_duty).abs() < 1e-5);
        }
    }

    #[test]
    fn narrowing_keeps_the_extremes_and_its_slope_is_right() {
        for (phase, extreme) in [(1.5 * std::f32::consts::PI, -1.0), (0.5 * std::f32::consts::PI, 1.0)] {
            assert!((narrowed::<3, f32>(phase.sin(), phase.cos()).0 - extreme).abs() < 1e-5);
        }
        for i in 0..50 {
            let phase = f64::from(i) * 0.13;
            let dip = |phase: f64| 1.0 - 2.0 * (0.5 * (1.0 - phase.sin())).powi(8);
            let (value, slope) = narrowed::<3, f32>(phase.sin() as f32, phase.cos() as f32);
            assert!((f64::from(value) - dip(phase)).abs() < 1e-5);
            assert!((f64::from(slope) - (dip(phase + 1e-5) - dip(phase - 1e-5)) / 2e-5).abs() < 1e-4);
        }
        assert_eq!(narrowed::<0, f32>(0.3, 0.5), (1.0 - 2.0 * 0.5 * (1.0 - 0.3), 0.5));
    }

    #[test]
    fn half_angles_are_accurate_over_the_phases_of_an_image() {
        for i in -4000..4000 {
            let x = f64::from(i) * 0.0789;
            let (s, c) = sin_cos(x as f32);
            let exact = f64::from(x as f32);
            assert!((f64::from(s) - exact.sin()).abs() < 2e-6, "sin {x}");
            assert!((f64::from(c) - exact.cos()).abs() < 2e-6, "cos {x}");
        }
    }
}
