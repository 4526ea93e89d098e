//! Where an image pair belongs: a height, or a jog at the first one.

use crate::pose::tool_pose::ToolPose;
use nalgebra::Vector2;

/// A pose is a jog from this distance to the first pose on, along x and y, mm: above what a robot repeats.
pub const JOG_MM: f64 = 0.05;
/// A pose this far above or below the first pose is no jog, mm.
pub const JOG_HEIGHT_MM: f64 = 0.05;

/// Where a pair was taken, relative to the first one.
#[derive(Clone, Copy)]
pub struct HeightOrJog {
    /// Height above the first pose, mm.
    pub height_mm: f64,
    /// Displacement along x and y if it is a jog.
    pub jog_mm: Option<Vector2<f64>>,
}

impl HeightOrJog {
    /// Of the pose `pose`, when the sweep began at `first`.
    pub fn of(pose: &ToolPose, first: &ToolPose) -> Self {
        let height_mm = pose.z_mm - first.z_mm;
        let moved = Vector2::new(pose.x_mm - first.x_mm, pose.y_mm - first.y_mm);
        // A sideways drift on the way up is no jog.
        let is_jog = height_mm.abs() < JOG_HEIGHT_MM && moved.norm() > JOG_MM;
        HeightOrJog { height_mm, jog_mm: is_jog.then_some(moved) }
    }
}
