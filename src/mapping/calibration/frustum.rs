//! What a camera sees of the calibrated volume, whatever its model: where its outermost rays start and where they end.

use crate::camera::Camera;
use crate::mapping::calibration::Calibration;
use nalgebra::{Matrix3, Vector2, Vector3};

/// The pyramid of the calibrated part of an image, tool frame, mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frustum {
    /// Where the rays come nearest to each other: about the camera's centre.
    pub tip_mm: Vector3<f64>,
    /// Where they meet the lowest plane of the volume, around the image.
    pub corners_mm: [Vector3<f64>; 4],
}

impl Frustum {
    /// `None` where a model says nothing about a corner, or the rays are parallel.
    pub fn of(calibration: &Calibration, camera: Camera) -> Option<Self> {
        let side = calibration.camera(camera);
        let [[u0, v0], [u1, v1]] = [side.pixel_min, side.pixel_max];
        let (low, high) = (calibration.volume.min_mm[2], calibration.volume.max_mm[2]);
        let (mut own, mut right) = (Matrix3::zeros(), Vector3::zeros());
        let mut corners_mm = [Vector3::zeros(); 4];
        for (corner, (u, v)) in corners_mm.iter_mut().zip([(u0, v0), (u1, v0), (u1, v1), (u0, v1)]) {
            let at = |z| {
                let answer = calibration.pixel_to_plane(camera, Vector2::new(u, v), z);
                answer.status.is_answered().then_some(answer.estimate.point_mm)
            };
            let (far, near) = (at(low)?, at(high)?);
            let along = (near - far).try_normalize(1e-9)?;
            let across = Matrix3::identity() - along * along.transpose();
            own += across;
            right += across * far;
            *corner = far;
        }
        let tip_mm = own.cholesky()?.solve(&right);
        tip_mm.iter().all(|x| x.abs() < 1e5).then_some(Frustum { tip_mm, corners_mm })
    }
}
