//! Pixel → point: a pixel pair gives a point (four equations, three unknowns), one pixel needs a plane.

use crate::mapping::inverse::starts::Starts;
use crate::mapping::models::registry::Model;
use crate::mapping::volume::Volume;
use nalgebra::{Matrix2, Matrix2x3, Matrix3, Matrix3x4, Matrix4, Vector2, Vector3};

/// A point in the tool frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointEstimate {
    /// (x, y, z), mm.
    pub point_mm: Vector3<f64>,
    /// Its covariance, mm².
    pub covariance_mm2: Matrix3<f64>,
    /// RMS residual over the four pixel equations, px; 0 for one camera.
    pub epipolar_px: f64,
}

/// A step shorter than this, once taken, is the last one, mm. It leaves its square over how far models bend, 10 mm at
/// least: 0.1 nm.
const CONVERGED_MM: f64 = 1e-3;
/// Steps at most: from the far side of the volume some ten are needed.
const MAX_STEPS: usize = 40;
/// A search begins within so many half-sizes of the volume.
const START_REACH: f64 = 1.5;
/// A search ends without a point beyond so many half-sizes of the volume: models mean nothing there.
const MAX_REACH: f64 = 3.0;

/// Finds the points that both cameras see, by weighted Gauss–Newton.
pub struct PairSolver<'a> {
    models: [&'a Model; 2],
    volume: &'a Volume,
    /// 1/σ² of each camera's pixels, px⁻².
    weights: [f64; 2],
    /// Where the search begins, if it can be told; else in the middle.
    starts: Option<&'a Starts>,
}

/// Both models at a point.
#[derive(Clone, Copy)]
struct Linearised {
    point_mm: Vector3<f64>,
    pixels: [Vector2<f64>; 2],
    /// ∂(u, v)/∂(x, y, z), px/mm.
    slopes: [Matrix2x3<f64>; 2],
}

impl Linearised {
    fn at(models: [&Model; 2], point_mm: Vector3<f64>) -> Self {
        let [(left, left_slope), (right, right_slope)] = models.map(|model| model.pixel_and_jacobian(point_mm));
        Linearised { point_mm, pixels: [left, right], slopes: [left_slope, right_slope] }
    }
}

impl<'a> PairSolver<'a> {
    /// For points in or near `volume`; `sigma_px` of each camera says how much it counts.
    pub fn new(models: [&'a Model; 2], volume: &'a Volume, sigma_px: [f64; 2]) -> Self {
        let weights = sigma_px.map(|sigma| 1.0 / (sigma * sigma));
        PairSolver { models, volume, weights, starts: None }
    }

    /// The same search, begun where `starts` say: one step is mostly enough then.
    pub fn starting_at(self, starts: &'a Starts) -> Self {
        PairSolver { starts: Some(starts), ..self }
    }

    /// The point of one pair; `covariance_px2` is the covariance of all four pixel coordinates.
    ///
    /// `None` when it does not settle: no such point anywhere near the volume.
    pub fn solve(
        &self,
        pixels: [Vector2<f64>; 2],
        covariance_px2: impl Fn(Vector3<f64>) -> Matrix4<f64>,
    ) -> Option<PointEstimate> {
        // Far outside the volume models mean nothing.
        let near = |point: &Vector3<f64>| self.volume.normalise(*point).abs().max() < START_REACH;
        let start = self.starts.and_then(|starts| starts.at(pixels)).filter(near);
        let mut here = Linearised::at(self.models, start.unwrap_or_else(|| self.volume.centre_mm()));
        for _ in 0..MAX_STEPS {
            let residuals = [0, 1].map(|i| pixels[i] - here.pixels[i]);
            let (mut normal, mut downhill) = (Matrix3::zeros(), Vector3::zeros());
            for i in 0..2 {
                let weighted = self.weights[i] * here.slopes[i].transpose();
                normal += weighted * here.slopes[i];
                downhill += weighted * residuals[i];
            }
            let factor = normal.cholesky()?;
            let step = factor.solve(&downhill);
            let (point_mm, whole) = limited(here.point_mm, step, self.volume)?;
            if !(whole && step.norm() < CONVERGED_MM) {
                here = Linearised::at(self.models, point_mm);
                continue;
            }
            let mut by_pixels = Matrix3x4::zeros();
            let mut squares = 0.0;
            let inverse = factor.inverse();
            for i in 0..2 {
                let columns = self.weights[i] * inverse * here.slopes[i].transpose();
                by_pixels.fixed_view_mut::<3, 2>(0, 2 * i).copy_from(&columns);
                squares += (residuals[i] - here.slopes[i] * step).norm_squared();
            }
            let covariance_mm2 = by_pixels * covariance_px2(point_mm) * by_pixels.transpose();
            return Some(PointEstimate { point_mm, covariance_mm2, epipolar_px: 0.5 * squares.sqrt() });
        }
        None
    }
}

/// The point on the plane z = `plane_z_mm` of the tool frame that one camera sees at `pixel`. The plane is taken as exact;
/// `covariance_px2` is the covariance of the pixel. `None` when the search does not settle.
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
        if whole && step.norm() < CONVERGED_MM {
            let mut covariance_mm2 = Matrix3::zeros();
            let flat = inverse * covariance_px2(point) * inverse.transpose();
            covariance_mm2.fixed_view_mut::<2, 2>(0, 0).copy_from(&flat);
            return Some(PointEstimate { point_mm: point, covariance_mm2, epipolar_px: 0.0 });
        }
    }
    None
}

/// Goes by `step`, but out of the volume not further than half its size at a time; says whether it was the whole step.
///
/// `None` outside three times the volume's size: models mean nothing there.
fn limited(point: Vector3<f64>, step: Vector3<f64>, volume: &Volume) -> Option<(Vector3<f64>, bool)> {
    let longest = step.component_div(&volume.half_mm()).abs().max();
    if !longest.is_finite() {
        return None;
    }
    // Inside the volume the models were fitted: a long step does no harm there.
    if volume.normalise(point + step).abs().max() <= 1.0 {
        return Some((point + step, true));
    }
    let next = point + step * (0.5 / longest).min(1.0);
    let away = volume.normalise(next).abs().max();
    (away < MAX_REACH).then_some((next, longest <= 0.5))
}
