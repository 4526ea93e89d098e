//! Ray ↔ pixel of one lens.
//!
//! With (x, y) the tangents of the field angles (x right, y down in the camera) and r² = x² + y²:
//! ```text
//! x_d = x (1 + k1 r² + k2 r⁴ + k3 r⁶) + 2 p1 x y + p2 (r² + 2 x²)
//! y_d = y (1 + k1 r² + k2 r⁴ + k3 r⁶) + p1 (r² + 2 y²) + 2 p2 x y
//! u = f x_d + c_u + A [ 0.6 sin(2.1 ξ + 0.7 + φ) cos(1.7 η − 0.4) + 0.4 sin(2.6 η + 0.3 − φ) ]
//! v = f y_d + c_v + A [ 0.6 cos(1.9 ξ − 0.5) sin(2.3 η + 0.2 + φ) + 0.4 sin(2.4 ξ − 0.6 + φ) ]
//! ξ = x / tan(field/2),  η = y / tan(field/2)
//! ```
//! Brown's model with a smooth part in A that is neither radial nor tangential; A is its largest displacement in px.

use crate::sim::config::{CameraConfig, LensConfig};
use nalgebra::{Matrix2, Vector2};

/// A lens with its image plane.
#[derive(Clone, Debug)]
pub struct Lens {
    focal_px: f64,
    centre_px: Vector2<f64>,
    radial: [f64; 3],
    tangential: [f64; 2],
    freeform_px: f64,
    freeform_phase: f64,
    /// 1 / tan(field/2).
    per_half_field: f64,
}

impl Lens {
    /// The lens of `camera` in front of a sensor of `width` × `height` px.
    pub fn new(lens: &LensConfig, camera: &CameraConfig, width: u32, height: u32) -> Self {
        let half_field = (0.5 * lens.field_deg.to_radians()).tan();
        let middle = Vector2::new(f64::from(width) - 1.0, f64::from(height) - 1.0) * 0.5;
        Lens {
            focal_px: 0.5 * f64::from(width) / half_field,
            centre_px: middle + Vector2::from(camera.centre_px),
            radial: [lens.k1, lens.k2, lens.k3],
            tangential: [lens.p1, lens.p2],
            freeform_px: lens.freeform_px,
            freeform_phase: camera.freeform_phase_rad,
            per_half_field: 1.0 / half_field,
        }
    }

    /// Pixel of the ray (x, y, 1), and the derivative ∂(u, v)/∂(x, y), px.
    pub fn pixel_from_ray(&self, ray: Vector2<f64>) -> (Vector2<f64>, Matrix2<f64>) {
        let (x, y) = (ray.x, ray.y);
        let [k1, k2, k3] = self.radial;
        let [p1, p2] = self.tangential;
        let r2 = x * x + y * y;
        let radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
        // d(radial)/d(r²), and d(r²) = 2x dx + 2y dy.
        let slope = k1 + r2 * (2.0 * k2 + r2 * 3.0 * k3);
        let distorted = Vector2::new(
            x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
            y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y,
        );
        let cross = 2.0 * x * y * slope + 2.0 * p1 * x + 2.0 * p2 * y;
        let brown = Matrix2::new(
            radial + 2.0 * x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x,
            cross,
            cross,
            radial + 2.0 * y * y * slope + 6.0 * p1 * y + 2.0 * p2 * x,
        );
        let mut pixel = self.focal_px * distorted + self.centre_px;
        let mut jacobian = self.focal_px * brown;
        if self.freeform_px != 0.0 {
            let (shift, slope) = self.freeform(ray);
            pixel += shift;
            jacobian += slope;
        }
        (pixel, jacobian)
    }

    /// The smooth part that no Brown model holds: displacement in px and its derivative by (x, y).
    fn freeform(&self, ray: Vector2<f64>) -> (Vector2<f64>, Matrix2<f64>) {
        let (xi, eta, phase) = (ray.x * self.per_half_field, ray.y * self.per_half_field, self.freeform_phase);
        let (a, da) = (2.1 * xi + 0.7 + phase).sin_cos();
        let (b, db) = sin_cos_of_cosine(1.7 * eta - 0.4);
        let (c, dc) = (2.6 * eta + 0.3 - phase).sin_cos();
        let (d, dd) = sin_cos_of_cosine(1.9 * xi - 0.5);
        let (e, de) = (2.3 * eta + 0.2 + phase).sin_cos();
        let (g, dg) = (2.4 * xi - 0.6 + phase).sin_cos();
        let shift = Vector2::new(0.6 * a * b + 0.4 * c, 0.6 * d * e + 0.4 * g);
        let slope = Matrix2::new(
            0.6 * 2.1 * da * b,
            0.6 * 1.7 * a * db + 0.4 * 2.6 * dc,
            0.6 * 1.9 * dd * e + 0.4 * 2.4 * dg,
            0.6 * 2.3 * d * de,
        );
        (self.freeform_px * shift, self.freeform_px * self.per_half_field * slope)
    }

    /// Newton's method on [`Self::pixel_from_ray`] from the ray `start`. Converges to rounding.
    ///
    /// Returns the ray and ∂(x, y)/∂(u, v) there; `None` where the lens has no such pixel or folds over on the way.
    pub fn ray_from_pixel(&self, pixel: Vector2<f64>, start: Vector2<f64>) -> Option<(Vector2<f64>, Matrix2<f64>)> {
        let mut ray = start;
        for _ in 0..50 {
            let (reached, jacobian) = self.pixel_from_ray(ray);
            // A positive determinant says that the image is not folded over here.
            if jacobian.determinant() <= 1e-3 * self.focal_px * self.focal_px {
                return None;
            }
            let inverse = jacobian.try_inverse()?;
            let miss = pixel - reached;
            ray += inverse * miss;
            if miss.norm_squared() < 1e-14 {
                // The step just made squared the error: far below 1e-10 px now.
                return Some((ray, inverse));
            }
        }
        None
    }

    /// The ray at which a search for any pixel may start: that of the principal point, about.
    pub fn first_guess(&self, pixel: Vector2<f64>) -> Vector2<f64> {
        (pixel - self.centre_px) / self.focal_px
    }
}

/// cos and its derivative −sin.
fn sin_cos_of_cosine(angle: f64) -> (f64, f64) {
    let (sin, cos) = angle.sin_cos();
    (cos, -sin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{DMatrix, DVector};

    fn lens(config: &LensConfig) -> Lens {
        let camera = CameraConfig { centre_px: [6.3, -4.1], freeform_phase_rad: 0.8, ..CameraConfig::default() };
        Lens::new(config, &camera, 1280, 720)
    }

    fn strong() -> LensConfig {
        LensConfig { k1: -0.35, k2: 0.15, k3: -0.02, p1: 0.003, p2: -0.002, freeform_px: 2.0, ..LensConfig::default() }
    }

    #[test]
    fn jacobian_agrees_with_finite_differences() {
        let lens = lens(&strong());
        for (x, y) in [(0.0, 0.0), (0.47, 0.26), (-0.3, 0.2), (0.11, -0.25)] {
            let (_, jacobian) = lens.pixel_from_ray(Vector2::new(x, y));
            let step = 1e-6;
            for (column, delta) in [Vector2::new(step, 0.0), Vector2::new(0.0, step)].into_iter().enumerate() {
                let ray = Vector2::new(x, y);
                let difference = lens.pixel_from_ray(ray + delta).0 - lens.pixel_from_ray(ray - delta).0;
                assert!((difference / (2.0 * step) - jacobian.column(column)).norm() < 1e-5);
            }
        }
    }

    #[test]
    fn inverse_undoes_the_lens_all_over_the_image() {
        let lens = lens(&strong());
        for v in (0..720).step_by(60) {
            for u in (0..1280).step_by(60) {
                let pixel = Vector2::new(f64::from(u), f64::from(v));
                let (ray, _) = lens.ray_from_pixel(pixel, lens.first_guess(pixel)).unwrap();
                assert!((lens.pixel_from_ray(ray).0 - pixel).norm() < 1e-9);
            }
        }
    }

    #[test]
    fn undistorted_lens_covers_the_field() {
        let config = LensConfig { k1: 0.0, k2: 0.0, p1: 0.0, p2: 0.0, freeform_px: 0.0, ..LensConfig::default() };
        let lens = Lens::new(&config, &CameraConfig::default(), 1280, 720);
        // The edge of the image is half a pixel outside its last centre.
        let (edge, _) = lens.pixel_from_ray(Vector2::new(25.5_f64.to_radians().tan(), 0.0));
        assert!((edge - Vector2::new(1279.5, 359.5)).norm() < 1e-9);
    }

    /// Linear least squares of the smooth part on everything that a pinhole with Brown's distortion can change.
    #[test]
    fn no_brown_model_holds_the_smooth_part() {
        let with = lens(&LensConfig { k1: 0.0, k2: 0.0, p1: 0.0, p2: 0.0, ..LensConfig::default() });
        let mut rows = Vec::new();
        let mut shifts = Vec::new();
        for v in (0..720).step_by(40) {
            for u in (0..1280).step_by(40) {
                let ray = with.first_guess(Vector2::new(f64::from(u), f64::from(v)));
                let (x, y, r2) = (ray.x, ray.y, ray.norm_squared());
                let shift = with.freeform(ray).0;
                let radial = [r2, r2 * r2, r2.powi(3)];
                let (a, b) = (2.0 * x * y, r2 + 2.0 * x * x);
                rows.extend([
                    1.0,
                    0.0,
                    x,
                    y,
                    0.0,
                    0.0,
                    x * x,
                    x * y,
                    radial[0] * x,
                    radial[1] * x,
                    radial[2] * x,
                    a,
                    b,
                ]);
                let (a, b) = (r2 + 2.0 * y * y, 2.0 * x * y);
                rows.extend([
                    0.0,
                    1.0,
                    0.0,
                    0.0,
                    x,
                    y,
                    x * y,
                    y * y,
                    radial[0] * y,
                    radial[1] * y,
                    radial[2] * y,
                    a,
                    b,
                ]);
                shifts.extend([shift.x, shift.y]);
            }
        }
        let matrix = DMatrix::from_row_slice(shifts.len(), 13, &rows);
        let shifts = DVector::from_vec(shifts);
        let solution = matrix.clone().svd(true, true).solve(&shifts, 1e-12).unwrap();
        let rms = (&shifts - matrix * solution).norm() / (shifts.len() as f64 / 2.0).sqrt();
        assert!(rms > 0.05, "a Brown model takes up the smooth part to {rms} px");
    }
}
