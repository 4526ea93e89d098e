//! What a camera's lens does to straight lines, whatever model serves it.
//!
//! ```text
//! w (u, v, 1)ᵀ = H (x, y, 1)ᵀ     H: the pinhole that agrees with the model in the middle of the image, on the middle plane
//! ```

use crate::camera::Camera;
use crate::mapping::calibration::Calibration;
use nalgebra::{DMatrix, Matrix3, Vector2, Vector3};

/// Lines across and down.
const LINES: [usize; 2] = [13, 9];
/// Points along each line.
const POINTS: usize = 41;
/// Half side of what counts as the middle, as a share of half the image.
const MIDDLE: f64 = 0.35;

/// A grid as a pinhole sees it and as the camera does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distortion {
    /// Lines of the grid as the pinhole sees them, px.
    pub pinhole: Vec<Vec<[f64; 2]>>,
    /// The same lines as the camera sees them, px.
    pub camera: Vec<Vec<[f64; 2]>>,
    /// Largest distance between the two, px.
    pub most_px: f64,
}

/// What the lens of `camera` does to a grid on the middle plane of the volume. `None` where the model has no answer in the
/// middle of the image.
pub fn distortion(calibration: &Calibration, camera: Camera) -> Option<Distortion> {
    let side = calibration.camera(camera);
    let size = side.image_size.map(f64::from);
    let z_mm = calibration.volume.centre_mm().z;
    let point = |share: [f64; 2]| {
        let pixel = Vector2::new(share[0] * (size[0] - 1.0), share[1] * (size[1] - 1.0));
        let answer = calibration.pixel_to_plane(camera, pixel, z_mm);
        let point = answer.estimate.point_mm.xy();
        (answer.status.is_answered() && point.norm().is_finite()).then_some((point, pixel))
    };
    let middle = |n: usize| 0.5 + MIDDLE * (n as f64 / 4.0 - 1.0);
    let pairs: Vec<_> = (0..81).filter_map(|i| point([middle(i % 9), middle(i / 9)])).collect();
    let pinhole = homography(&pairs)?;
    let plane = pinhole.try_inverse()?;
    let mut seen = Distortion::default();
    for axis in 0..2 {
        for line in 0..LINES[axis] {
            let ideal = (0..POINTS).map(|k| {
                let mut share = [k as f64 / (POINTS - 1) as f64; 2];
                share[axis] = line as f64 / (LINES[axis] - 1) as f64;
                Vector2::new(share[0] * (size[0] - 1.0), share[1] * (size[1] - 1.0))
            });
            let both: Vec<Pair> = ideal
                .filter_map(|ideal| {
                    let answer = calibration.point_to_pixel(camera, project(&plane, ideal).push(z_mm));
                    answer.status.is_answered().then_some((ideal, answer.pixel))
                })
                .collect();
            let far = both.iter().map(|(ideal, pixel)| (ideal - pixel).norm());
            seen.most_px = far.fold(seen.most_px, f64::max);
            seen.pinhole.push(both.iter().map(|(ideal, _)| [ideal.x, ideal.y]).collect());
            seen.camera.push(both.iter().map(|(_, pixel)| [pixel.x, pixel.y]).collect());
        }
    }
    Some(seen)
}

/// A place on the plane, mm, and the pixel that sees it.
type Pair = (Vector2<f64>, Vector2<f64>);

fn project(pinhole: &Matrix3<f64>, point: Vector2<f64>) -> Vector2<f64> {
    let seen = pinhole * point.push(1.0);
    seen.xy() / seen.z
}

/// The homography of (point, pixel) pairs by linear least squares on coordinates brought to unit size.
fn homography(pairs: &[Pair]) -> Option<Matrix3<f64>> {
    if pairs.len() < 8 {
        return None;
    }
    let unit = |of: fn(&Pair) -> Vector2<f64>| {
        let mean = pairs.iter().map(of).sum::<Vector2<f64>>() / pairs.len() as f64;
        let size = pairs.iter().map(|pair| (of(pair) - mean).norm()).fold(1e-12, f64::max);
        Matrix3::new(1.0 / size, 0.0, -mean.x / size, 0.0, 1.0 / size, -mean.y / size, 0.0, 0.0, 1.0)
    };
    let (from, to) = (unit(|pair| pair.0), unit(|pair| pair.1));
    let mut rows = DMatrix::zeros(2 * pairs.len(), 9);
    for (i, (point, pixel)) in pairs.iter().enumerate() {
        let p: Vector3<f64> = from * point.push(1.0);
        let q = to * pixel.push(1.0);
        for k in 0..3 {
            rows[(2 * i, k)] = p[k];
            rows[(2 * i, 6 + k)] = -q.x * p[k];
            rows[(2 * i + 1, 3 + k)] = p[k];
            rows[(2 * i + 1, 6 + k)] = -q.y * p[k];
        }
    }
    let normal = (rows.transpose() * &rows).symmetric_eigen();
    let (least, _) = normal.eigenvalues.argmin();
    let h = Matrix3::from_row_slice(normal.eigenvectors.column(least).as_slice());
    Some(to.try_inverse()? * h * from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_homography_is_found_again() {
        let truth = Matrix3::new(30.0, 2.0, 640.0, -1.0, 29.0, 360.0, 1e-3, -2e-3, 1.0);
        let points = (0..25).map(|i| Vector2::new(f64::from(i % 5) - 3.0, 2.0 * f64::from(i / 5)));
        let pairs: Vec<_> = points.map(|p| (p, project(&truth, p))).collect();
        let found = homography(&pairs).unwrap();
        for at in [Vector2::new(9.0, -7.0), Vector2::new(-20.0, 11.0)] {
            assert!((project(&found, at) - project(&truth, at)).norm() < 1e-6);
        }
        assert!(homography(&pairs[..3]).is_none());
    }
}
