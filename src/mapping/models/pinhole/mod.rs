//! What the physical cameras share: a pinhole with lens distortion, in a frame that may be oblique.
//!
//! | file | holds |
//! | --- | --- |
//! | [`distortion`] | what the lens does to a ray |
//! | `start` | the camera that a projection is most like |
//! | `fit` | derivatives, priors and the fit |
//!
//! ```text
//! X = R (G p + t),   G = [e_x  e_y  a],   p = (x, y, z) of the tool frame, mm
//! (x, y) = (X₁, X₂) / X₃,   (x″, y″) = distort(x, y),   u = fx x″ + cx,   v = fy y″ + cy
//! ```
//! | symbol | | unit |
//! | --- | --- | --- |
//! | G p | the point along the grid's lines and their normal: e_x, e_y are unit vectors at right angles | mm |
//! | a | the motion axis in there: not the normal where the table is oblique, not of length 1 where pitch and heights disagree | 1 |
//! | R, t | camera from those axes; camera: x right, y down, z forward, as in OpenCV | 1, mm |
//! | fx, fy, cx, cy | the camera matrix, no skew | px |
//!
//! Source: Hartley and Zisserman, "Multiple View Geometry in Computer Vision" (2nd ed., 2004), chapter 6. They have
//! a = e_z. Here a is a parameter: a robot's axis need not be the grid's normal, and no image tells the frame of its
//! points.

pub mod distortion;
mod fit;
mod start;

use crate::mapping::models::pinhole::distortion::{Distorted, distort};
use crate::statistics::falls_short;
use crate::validation::{ValidationError, finite, length, positive};
use nalgebra::{Matrix2, Matrix2x3, Matrix3, Rotation3, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// A fitted pinhole camera with distortion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinhole {
    /// Width and height of the image, px.
    pub image_size: [u32; 2],
    /// fx, fy, px.
    pub focal_px: [f64; 2],
    /// cx, cy, px; integers are pixel centres.
    pub principal_point_px: [f64; 2],
    /// In OpenCV's order, see [`distortion`]: 5 coefficients for Brown, 8 for OpenCV's rational model, 12 with its thin prism.
    pub distortion: Vec<f64>,
    /// Rows of R.
    pub rotation: [[f64; 3]; 3],
    /// t, mm.
    pub translation_mm: [f64; 3],
    /// a, the motion axis along the grid's lines and their normal; about (0, 0, 1).
    pub axis: [f64; 3],
}

/// Parameters before the distortion: rotation, t, a, fx, fy, cx, cy.
pub(crate) const POSE: usize = 13;
/// Where t stands among them.
pub(crate) const T: usize = 3;
/// Where a stands among them.
pub(crate) const A: usize = 6;
/// Where fx and fy stand among them.
pub(crate) const F: usize = 9;
/// Where cx and cy stand among them.
pub(crate) const C: usize = 11;
/// Points nearer than this to the camera's plane are not in front of it, mm.
const MIN_DEPTH_MM: f64 = 1e-6;
/// How far rows of a written rotation may be from right angles and from length 1.
const ROTATION_TOLERANCE: f64 = 1e-6;

/// How many parameters a camera with so many coefficients of distortion has.
pub const fn parameters(coefficients: usize) -> usize {
    POSE + coefficients
}

/// What a point becomes on its way to the pixel.
struct Projection {
    /// X, mm.
    point_in_camera_mm: Vector3<f64>,
    /// ∂(u, v)/∂X, px/mm.
    pixel_by_camera: Matrix2x3<f64>,
    distorted: Distorted,
}

impl Pinhole {
    /// R: camera (x right, y down, z forward) from the grid's axes.
    pub fn camera_from_grid(&self) -> Matrix3<f64> {
        Matrix3::from_fn(|i, j| self.rotation[i][j])
    }

    /// G: from the tool frame to right angles.
    pub fn grid_from_tool(&self) -> Matrix3<f64> {
        Matrix3::from_columns(&[Vector3::x(), Vector3::y(), Vector3::from(self.axis)])
    }

    /// The camera's centre in the tool frame, mm; `None` where the motion axis lies in the grid's plane.
    pub fn centre_in_tool_mm(&self) -> Option<Vector3<f64>> {
        Some(-(self.grid_from_tool().try_inverse()? * Vector3::from(self.translation_mm)))
    }

    /// Rotation from the tool frame to the camera, its z axis along the motion axis: what a camera at right angles is told.
    /// Differs from [`Self::camera_from_grid`] by the angle between motion axis and grid's normal.
    pub fn camera_from_tool(&self) -> Rotation3<f64> {
        let axis = Vector3::from(self.axis);
        let normal = Vector3::z() * axis.z.signum();
        let upright = Rotation3::rotation_between(&normal, &axis).unwrap_or_else(Rotation3::identity);
        Rotation3::from_matrix_unchecked(self.camera_from_grid()) * upright
    }

    /// Pixel of a point in the tool frame, and ∂(u, v)/∂(x, y, z), px/mm; not finite where the camera can't see it.
    pub fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
        match self.project(point_mm) {
            Some(at) => (self.pixel_of(&at), at.pixel_by_camera * self.camera_from_grid() * self.grid_from_tool()),
            None => (Vector2::repeat(f64::NAN), Matrix2x3::repeat(f64::NAN)),
        }
    }

    fn project(&self, point_mm: Vector3<f64>) -> Option<Projection> {
        let upright = Vector3::new(point_mm.x, point_mm.y, 0.0) + Vector3::from(self.axis) * point_mm.z;
        let camera = self.camera_from_grid() * (upright + Vector3::from(self.translation_mm));
        if falls_short(camera.z, MIN_DEPTH_MM) {
            return None;
        }
        let ray = camera.xy() / camera.z;
        let distorted = distort(&self.distortion, ray)?;
        let by_ray = Matrix2::from_diagonal(&Vector2::from(self.focal_px)) * distorted.by_ray;
        let ray_by_camera = Matrix2x3::new(1.0, 0.0, -ray.x, 0.0, 1.0, -ray.y) / camera.z;
        Some(Projection { point_in_camera_mm: camera, pixel_by_camera: by_ray * ray_by_camera, distorted })
    }

    fn pixel_of(&self, at: &Projection) -> Vector2<f64> {
        Vector2::from(self.focal_px).component_mul(&at.distorted.ray) + Vector2::from(self.principal_point_px)
    }

    /// Checks numbers that were read from a file, of a camera with so many `coefficients` of distortion.
    ///
    /// # Errors
    /// [`ValidationError`] with the first field that no such camera has.
    pub fn validate(&self, coefficients: usize) -> Result<(), ValidationError> {
        if let Some(size) = self.image_size.iter().find(|n| **n == 0) {
            return Err(ValidationError::new("image_size", format!("holds {size}, it must be above 0")));
        }
        positive("focal_px", &self.focal_px)?;
        finite("principal_point_px", &self.principal_point_px)?;
        length("distortion", self.distortion.len(), coefficients)?;
        finite("distortion", &self.distortion)?;
        finite("rotation", self.rotation.as_flattened())?;
        let turn = self.camera_from_grid();
        if (turn * turn.transpose() - Matrix3::identity()).amax() > ROTATION_TOLERANCE || turn.determinant() < 0.0 {
            return Err(ValidationError::new("rotation", format!("is {:?}, which is no rotation", self.rotation)));
        }
        finite("translation_mm", &self.translation_mm)?;
        finite("axis", &self.axis)?;
        if self.axis[2] == 0.0 {
            return Err(ValidationError::new("axis", "lies in the grid's plane: heights would not move the tool away"));
        }
        Ok(())
    }
}
