//! Lens distortion in the image plane of a pinhole: Brown's, and the rational one with thin prism, as OpenCV has them
//! (`calib3d`, "Detailed description"). The ray (x, y, 1), r² = x² + y², becomes
//!
//! ```text
//! x″ = x g + 2 p1 x y + p2 (r² + 2x²) + s1 r² + s2 r⁴
//! y″ = y g + p1 (r² + 2y²) + 2 p2 x y + s3 r² + s4 r⁴
//! g  = (1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶)
//! ```
//! | symbol | | source |
//! | --- | --- | --- |
//! | k1, k2, k3 | radial | Brown, "Close-range camera calibration" (1971) |
//! | p1, p2 | decentring (tangential) | the same |
//! | k4, k5, k6 | denominator of the rational radial factor | OpenCV |
//! | s1 … s4 | thin prism | Weng, Cohen, Herniou, "Camera calibration with distortion models and accuracy evaluation" (1992) |
//!
//! Rays and coefficients have no unit. Coefficients stand in OpenCV's order, `k1 k2 p1 p2 k3` (Brown) and on with
//! `k4 k5 k6 s1 s2 s3 s4` (rational).

use crate::statistics::falls_short;
use nalgebra::{Matrix2, Vector2};

/// Number of coefficients of Brown's model.
pub const BROWN: usize = 5;
/// Number of coefficients of the rational model with thin prism.
pub const RATIONAL: usize = 12;
/// A smaller denominator of g is next to a pole: no lens bends light like that.
const MIN_DENOMINATOR: f64 = 1e-3;

/// What becomes of a ray.
pub struct Distorted {
    /// (x″, y″)
    pub ray: Vector2<f64>,
    /// ∂(x″, y″)/∂(x, y)
    pub by_ray: Matrix2<f64>,
    /// ∂(x″, y″)/∂(each coefficient), all twelve.
    pub by_coefficient: [Vector2<f64>; RATIONAL],
}

/// Distorts the ray (x, y, 1). Missing coefficients are 0. `None` at a pole of g, or beyond one.
pub fn distort(coefficients: &[f64], ray: Vector2<f64>) -> Option<Distorted> {
    let c = |i: usize| coefficients.get(i).copied().unwrap_or(0.0);
    let [k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4] = std::array::from_fn(c);
    let (x, y) = (ray.x, ray.y);
    let r2 = x * x + y * y;
    let r4 = r2 * r2;
    let below = 1.0 + r2 * (k4 + r2 * (k5 + r2 * k6));
    if falls_short(below, MIN_DENOMINATOR) {
        return None;
    }
    let per = 1.0 / below;
    let g = (1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))) * per;
    // dg/d(r²)
    let slope = ((k1 + r2 * (2.0 * k2 + r2 * 3.0 * k3)) - g * (k4 + r2 * (2.0 * k5 + r2 * 3.0 * k6))) * per;
    let (a, b, cross) = (r2 + 2.0 * x * x, r2 + 2.0 * y * y, 2.0 * x * y);
    let both = cross * slope + 2.0 * p1 * x + 2.0 * p2 * y;
    let prism = [2.0 * (s1 + 2.0 * s2 * r2), 2.0 * (s3 + 2.0 * s4 * r2)];
    let radial = |power: f64| ray * (power * per);
    Some(Distorted {
        ray: Vector2::new(
            x * g + p1 * cross + p2 * a + s1 * r2 + s2 * r4,
            y * g + p1 * b + p2 * cross + s3 * r2 + s4 * r4,
        ),
        by_ray: Matrix2::new(
            g + 2.0 * x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x + prism[0] * x,
            both + prism[0] * y,
            both + prism[1] * x,
            g + 2.0 * y * y * slope + 6.0 * p1 * y + 2.0 * p2 * x + prism[1] * y,
        ),
        by_coefficient: [
            radial(r2),
            radial(r4),
            Vector2::new(cross, b),
            Vector2::new(a, cross),
            radial(r2 * r4),
            radial(-g * r2),
            radial(-g * r4),
            radial(-g * r2 * r4),
            Vector2::new(r2, 0.0),
            Vector2::new(r4, 0.0),
            Vector2::new(0.0, r2),
            Vector2::new(0.0, r4),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRONG: [f64; RATIONAL] = [-0.35, 0.15, 0.003, -0.002, -0.02, 0.1, -0.04, 0.01, 0.004, -0.003, 0.002, 0.001];

    #[test]
    fn derivatives_agree_with_finite_differences() {
        let ray = Vector2::new(0.41, -0.27);
        let at = |coefficients: &[f64], ray| distort(coefficients, ray).unwrap().ray;
        let found = distort(&STRONG, ray).unwrap();
        for axis in 0..2 {
            let mut step = Vector2::zeros();
            step[axis] = 1e-6;
            let slope = (at(&STRONG, ray + step) - at(&STRONG, ray - step)) / 2e-6;
            assert!((slope - found.by_ray.column(axis)).norm() < 1e-8, "along {axis}");
        }
        for i in 0..RATIONAL {
            let (mut ahead, mut behind) = (STRONG, STRONG);
            ahead[i] += 1e-6;
            behind[i] -= 1e-6;
            let slope = (at(&ahead, ray) - at(&behind, ray)) / 2e-6;
            assert!((slope - found.by_coefficient[i]).norm() < 1e-8, "coefficient {i}");
        }
    }

    /// cv2.projectPoints of (0.3, −0.2, 1) with an identity camera matrix and these coefficients, OpenCV 5.0.
    #[test]
    fn is_opencvs() {
        let found = distort(&STRONG, Vector2::new(0.3, -0.2)).unwrap().ray;
        assert!((found - Vector2::new(0.2830853496785501, -0.18791713311903346)).norm() < 1e-12, "{found:.15}");
    }

    #[test]
    fn a_pole_is_no_pixel() {
        assert!(distort(&[0.0, 0.0, 0.0, 0.0, 0.0, -4.0], Vector2::new(0.6, 0.0)).is_none());
    }
}
