//! One camera: a lens at its place on the tool, with the ray of every pixel.

use crate::sim::config::{CameraConfig, LensConfig, RigConfig};
use crate::sim::error::SceneError;
use crate::sim::optics::lens::Lens;
use nalgebra::{Matrix3, Rotation3, Vector2, Vector3};
use rayon::prelude::*;

/// A pixel's ray in robot axes (not normalised), and how it turns with the pixel.
#[derive(Clone, Copy, Debug)]
pub struct Ray {
    /// Along the ray, away from the camera.
    pub direction: Vector3<f64>,
    /// Change of `direction` for each pixel along u.
    pub per_u: Vector3<f64>,
    /// Change of `direction` for each pixel along v.
    pub per_v: Vector3<f64>,
}

/// One camera of the rig.
pub struct View {
    lens: Lens,
    /// Optical centre, robot frame.
    pub centre_mm: Vector3<f64>,
    robot_from_camera: Matrix3<f64>,
    /// Row-major, one a pixel.
    pub rays: Vec<Ray>,
    width: u32,
    height: u32,
}

impl View {
    /// `side` is −1 for the left and +1 for the right camera. `offset_mm`: grid origin relative to the rig's middle.
    ///
    /// # Errors
    /// [`SceneError::Lens`] when the lens has no ray for some pixel.
    pub fn new(
        rig: &RigConfig,
        lens: &LensConfig,
        camera: &CameraConfig,
        side: f64,
        offset_mm: [f64; 2],
    ) -> Result<Self, SceneError> {
        let centre_mm = Vector3::new(side * 0.5 * rig.baseline_mm - offset_mm[0], -offset_mm[1], rig.height_mm)
            + Vector3::from(camera.shift_mm);
        // Camera axes u, v, forward = robot x, −y, −z before any turning.
        let looking_down = Matrix3::new(1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0);
        let inward = Rotation3::from_axis_angle(&Vector3::y_axis(), (side * rig.toe_in_deg).to_radians());
        let tilt = Rotation3::from_axis_angle(&Vector3::x_axis(), camera.tilt_deg.to_radians());
        let roll = (camera.turn_deg - side * rig.roll_deg).to_radians();
        let about_axis = Rotation3::from_axis_angle(&Vector3::z_axis(), roll);
        let robot_from_camera = tilt.matrix() * inward.matrix() * looking_down * about_axis.matrix();
        let (width, height) = (rig.width, rig.height);
        let lens = Lens::new(lens, camera, width, height);
        let rays = table_of_rays(&lens, &robot_from_camera, width, height)?;
        Ok(View { lens, centre_mm, robot_from_camera, rays, width, height })
    }

    /// Pixel of a point in the robot frame; `None` behind the camera or outside the image.
    pub fn project(&self, point_mm: Vector3<f64>) -> Option<Vector2<f64>> {
        let seen = self.robot_from_camera.transpose() * (point_mm - self.centre_mm);
        if seen.z <= 0.0 {
            return None;
        }
        let ray = Vector2::new(seen.x / seen.z, seen.y / seen.z);
        let (pixel, jacobian) = self.lens.pixel_from_ray(ray);
        let inside = |x: f64, size: u32| (-0.5..=f64::from(size) - 0.5).contains(&x);
        if jacobian.determinant() <= 0.0 || !inside(pixel.x, self.width) || !inside(pixel.y, self.height) {
            return None;
        }
        // A strongly distorting lens folds far rays back into the image: those are not seen.
        let (back, _) = self.lens.ray_from_pixel(pixel, self.lens.first_guess(pixel))?;
        ((back - ray).norm() < 1e-6).then_some(pixel)
    }
}

fn table_of_rays(
    lens: &Lens,
    robot_from_camera: &Matrix3<f64>,
    width: u32,
    height: u32,
) -> Result<Vec<Ray>, SceneError> {
    let columns = [robot_from_camera.column(0).into_owned(), robot_from_camera.column(1).into_owned()];
    let rows: Result<Vec<Vec<Ray>>, SceneError> = (0..height)
        .into_par_iter()
        .map(|v| {
            let mut start = None;
            (0..width)
                .map(|u| {
                    let pixel = Vector2::new(f64::from(u), f64::from(v));
                    let guess = start.unwrap_or_else(|| lens.first_guess(pixel));
                    let (ray, inverse) = lens.ray_from_pixel(pixel, guess).ok_or(SceneError::Lens { u, v })?;
                    start = Some(ray);
                    Ok(Ray {
                        direction: robot_from_camera * Vector3::new(ray.x, ray.y, 1.0),
                        per_u: columns[0] * inverse.m11 + columns[1] * inverse.m21,
                        per_v: columns[0] * inverse.m12 + columns[1] * inverse.m22,
                    })
                })
                .collect()
        })
        .collect();
    Ok(rows?.concat())
}
