//! How much a residual counts: Cauchy's loss over the noise scale, see [`crate::mapping::robust`].

use crate::mapping::dataset::Correspondence;
use crate::statistics::median;
use nalgebra::{Vector2, Vector3};
use rayon::prelude::*;

/// c: residuals beyond this many standard deviations count less.
pub const CAUCHY_SIGMAS: f64 = 6.0;
/// Correspondences that are summed at a time: sums are the same for any number of threads.
pub const CHUNK: usize = 8192;
/// Median length of a 2-D normal deviate, in standard deviations.
pub const MEDIAN_LENGTH_SIGMAS: f64 = 1.1774;

/// The weight of one pair of equations (px⁻²) and its part of the cost at the residual `residual_px`.
///
/// `weight` is w in px⁻², `noise_scale` m, `sigmas` c; the weight is w/m² over 1 + s/c².
pub fn cauchy_loss(weight: f64, noise_scale: f64, residual_px: Vector2<f64>, sigmas: f64) -> (f64, f64) {
    let weight = weight / (noise_scale * noise_scale);
    let excess = 1.0 + residual_px.norm_squared() * weight / (sigmas * sigmas);
    (weight / excess, sigmas * sigmas * excess.ln())
}

/// m from the lengths of residuals in stated standard deviations: their median over that of normal deviates; 1 at least.
pub fn noise_scale_of(lengths: impl Iterator<Item = f64>) -> f64 {
    (median(&mut lengths.collect::<Vec<_>>()).unwrap_or(0.0) / MEDIAN_LENGTH_SIGMAS).max(1.0)
}

/// m of a camera's residuals; `pixel` is its model, tool frame in mm → px.
pub fn noise_scale(points: &[Correspondence], pixel: impl Fn(Vector3<f64>) -> Vector2<f64> + Sync) -> f64 {
    noise_scale_of(normalised_lengths(points, pixel).into_iter())
}

/// Length of each residual in stated standard deviations of a pixel coordinate.
pub fn normalised_lengths(points: &[Correspondence], pixel: impl Fn(Vector3<f64>) -> Vector2<f64> + Sync) -> Vec<f64> {
    let length = |p: &Correspondence| (pixel(p.point_in_tool_mm) - p.pixel).norm() * p.weight().sqrt();
    points.par_iter().with_min_len(CHUNK).map(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_is_the_slope_of_the_cost_by_the_squared_residual() {
        let (w, m) = (400.0, 1.7);
        for length in [0.1, 1.0, 3.0] {
            let (weight, _) = cauchy_loss(w, m, Vector2::new(length, 0.0), CAUCHY_SIGMAS);
            let cost = |square: f64| cauchy_loss(w, m, Vector2::new(square.sqrt(), 0.0), CAUCHY_SIGMAS).1;
            let (square, step) = (length * length, 1e-5 * length * length);
            let slope = (cost(square + step) - cost(square - step)) / (2.0 * step);
            assert!((weight / slope - 1.0).abs() < 1e-6, "{length}: {weight} {slope}");
        }
    }
}
