//! What a judge compares an estimate with: random points that both cameras see, with their exact pixels.

use crate::camera::{Camera, Stereo};
use crate::sim::scene::Scene;
use nalgebra::{Vector2, Vector3};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde::{Deserialize, Serialize};

/// A point and where both cameras see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruthPoint {
    /// Lines frame (see [`crate::sim`]), mm.
    pub point_in_lines_mm: Vector3<f64>,
    pub pixel: Stereo<Vector2<f64>>,
}

/// One row of `truth_points.csv`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct TruthRow {
    pub x_mm: f64,
    pub y_mm: f64,
    pub z_mm: f64,
    pub u_left: f64,
    pub v_left: f64,
    pub u_right: f64,
    pub v_right: f64,
}

impl From<&TruthPoint> for TruthRow {
    fn from(point: &TruthPoint) -> Self {
        let (p, left, right) = (point.point_in_lines_mm, point.pixel.left, point.pixel.right);
        TruthRow { x_mm: p.x, y_mm: p.y, z_mm: p.z, u_left: left.x, v_left: left.y, u_right: right.x, v_right: right.y }
    }
}

/// `count` points, uniform in the volume that both images see between z = 0 and z = −`depth_mm`.
///
/// Returns fewer only where the cameras have next to no volume in common.
pub fn points_in_common_volume(scene: &Scene, depth_mm: f64, count: usize, seed: u64) -> Vec<TruthPoint> {
    let rig = &scene.config().rig;
    let mut rng = SmallRng::seed_from_u64(seed);
    let lines_from_robot = scene.lines_from_robot();
    // A box that holds both views whatever their tilt.
    let reach = 2.0 * (rig.height_mm + depth_mm) * (0.5 * scene.config().lens.field_deg).to_radians().tan();
    let half = reach + rig.baseline_mm;
    let mut points = Vec::with_capacity(count);
    for _ in 0..400 * count {
        if points.len() == count {
            break;
        }
        let point = Vector3::new(
            rng.random_range(-half..half),
            rng.random_range(-half..half),
            -depth_mm * rng.random_range(0.0..=1.0),
        );
        if let (Some(left), Some(right)) = (scene.project(Camera::Left, point), scene.project(Camera::Right, point)) {
            points.push(TruthPoint { point_in_lines_mm: lines_from_robot * point, pixel: Stereo { left, right } });
        }
    }
    points
}
