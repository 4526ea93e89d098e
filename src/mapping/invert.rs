//! Pixel → point: a pixel pair gives a point (four equations, three unknowns), one pixel needs a plane.

use crate::mapping::model::{Model, Volume};
use nalgebra::{Matrix2, Matrix3, Matrix4, Matrix4x3, Vector2, Vector3, Vector4};

/// A point in the tool frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointEstimate {
    pub point_mm: Vector3<f64>,
    pub covariance_mm2: Matrix3<f64>,
    /// RMS residual over the four pixel equations, px; 0 for one camera.
    pub epipolar_px: f64,
}

/// Steps shorter than this end the iteration, mm.
const DONE_MM: f64 = 1e-9;
const MAX_STEPS: usize = 40;

/// Weighted Gauss–Newton for the point that both cameras see.
///
/// `weights_px2` says how much each camera counts, `covariance_px2` how sure all four pixel coordinates of a point are.
/// `None` when it does not settle: no such point anywhere near the volume.
pub fn pair_to_point(
    models: [&Model; 2],
    volume: &Volume,
    pixels: [Vector2<f64>; 2],
    weights_px2: [Matrix2<f64>; 2],
    covariance_px2: impl Fn(Vector3<f64>) -> Matrix4<f64>,
) -> Option<PointEstimate> {
    let mut information = Matrix4::zeros();
    for (i, covariance) in weights_px2.iter().enumerate() {
        information.fixed_view_mut::<2, 2>(2 * i, 2 * i).copy_from(&covariance.try_inverse()?);
    }
    let evaluate = |point: Vector3<f64>| {
        let mut jacobian = Matrix4x3::zeros();
        let mut residual = Vector4::zeros();
        for i in 0..2 {
            let (pixel, slope) = models[i].pixel_and_jacobian(point);
            residual.fixed_rows_mut::<2>(2 * i).copy_from(&(pixels[i] - pixel));
            jacobian.fixed_view_mut::<2, 3>(2 * i, 0).copy_from(&slope);
        }
        (residual, jacobian)
    };
    let mut point = volume.centre_mm();
    for _ in 0..MAX_STEPS {
        let (residual, jacobian) = evaluate(point);
        let normal = jacobian.transpose() * information * jacobian;
        let step = normal.cholesky()?.solve(&(jacobian.transpose() * information * residual));
        let (next, whole) = limited(point, step, volume)?;
        point = next;
        if whole && step.norm() < DONE_MM {
            let (residual, jacobian) = evaluate(point);
            let inverse = (jacobian.transpose() * information * jacobian).try_inverse()?;
            let by_pixels = inverse * jacobian.transpose() * information;
            let covariance_mm2 = by_pixels * covariance_px2(point) * by_pixels.transpose();
            return Some(PointEstimate { point_mm: point, covariance_mm2, epipolar_px: 0.5 * residual.norm() });
        }
    }
    None
}

/// The point on the plane z = `plane_z_mm` that one camera sees at `pixel`. The plane is taken as exact.
pub fn pixel_to_plane(
    model: &Model,
    volume: &Volume,
    pixel: Vector2<f64>,
    plane_z_mm: f64,
    covariance_px2: impl Fn(Vector3<f64>) -> Matrix2<f64>,
) -> Option<PointEstimate> {
    let centre = volume.centre_mm();
    let mut point = Vector3::new(centre.x, centre.y, plane_z_mm);
    for _ in 0..MAX_STEPS {
        let (seen, slope) = model.pixel_and_jacobian(point);
        let inverse = slope.fixed_columns::<2>(0).into_owned().try_inverse()?;
        let flat = inverse * (pixel - seen);
        let step = Vector3::new(flat.x, flat.y, 0.0);
        let (next, whole) = limited(point, step, volume)?;
        point = Vector3::new(next.x, next.y, plane_z_mm);
        if whole && step.norm() < DONE_MM {
            let mut covariance_mm2 = Matrix3::zeros();
            let flat = inverse * covariance_px2(point) * inverse.transpose();
            covariance_mm2.fixed_view_mut::<2, 2>(0, 0).copy_from(&flat);
            return Some(PointEstimate { point_mm: point, covariance_mm2, epipolar_px: 0.0 });
        }
    }
    None
}

/// Goes by `step`, but not further than half the volume at a time; says whether it was the whole step.
///
/// `None` outside three times the volume's size: models mean nothing there.
fn limited(point: Vector3<f64>, step: Vector3<f64>, volume: &Volume) -> Option<(Vector3<f64>, bool)> {
    let half = volume.half_mm();
    // Written so that NaN ends the iteration.
    let longest = step.component_div(&half).abs().max();
    if !longest.is_finite() {
        return None;
    }
    let next = point + step * (0.5 / longest).min(1.0);
    let away = volume.normalise(next).abs().max();
    (away < 3.0).then_some((next, longest <= 0.5))
}
