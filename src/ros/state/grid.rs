//! The grid as both cameras saw it in one view, and where they see it a little later.

use crate::camera::{Camera, Stereo};
use crate::pose::tool_pose::ToolPose;
use crate::report::lattice::{self, GridPoint};
use crate::sweep::session::SweepSession;
use nalgebra::{Vector2, Vector3};
use std::collections::HashMap;

/// Largest distance of the tool from the line through its last two poses within which it still is above them, mm.
const SIDEWAYS_MM: f64 = 0.02;
/// Steps beyond the last view for which the grid is extrapolated; over half a millimetre at 30 mm that is a fifth of a pixel
/// off in a corner.
const MAX_STEPS: f64 = 1.5;

/// The grid as both cameras saw it in one view.
#[derive(Clone, Debug)]
pub struct MeasuredGrid {
    /// Measured position of the tool in the base frame, mm.
    pub position_mm: [f64; 3],
    /// The intersections.
    pub nodes: Stereo<Vec<GridPoint>>,
}

impl MeasuredGrid {
    /// Of the latest pair of a session; `None` before the first.
    pub fn latest(session: &SweepSession, pose: ToolPose) -> Option<Self> {
        let (observations, moved_mm) = session.latest()?;
        let pitch_mm = session.pitch_mm();
        let nodes = Stereo::from_fn(|camera| lattice::measured(&observations[camera], pitch_mm, moved_mm));
        Some(MeasuredGrid { position_mm: pose.position_mm(), nodes })
    }

    /// Where `camera` sees the intersections from `position_mm`: each continues as from the view `before` to this one. `None`
    /// more than 1.5 steps away, or where the tool is not above its last poses.
    pub fn extrapolate(&self, before: &MeasuredGrid, camera: Camera, position_mm: [f64; 3]) -> Option<Vec<GridPoint>> {
        let [from, at, to] = [before.position_mm, self.position_mm, position_mm].map(Vector3::from);
        let (step, way) = (at - from, to - at);
        let share = way.z / step.z;
        let is_above = step.xy().norm() < SIDEWAYS_MM && way.xy().norm() < SIDEWAYS_MM;
        if !(is_above && (-MAX_STEPS..=MAX_STEPS).contains(&share)) {
            return None;
        }
        let earlier: HashMap<[i32; 2], Vector2<f64>> =
            before.nodes[camera].iter().map(|node| (node.lines, node.pixel)).collect();
        let node = |node: &GridPoint| {
            let pixel = node.pixel + (node.pixel - earlier.get(&node.lines)?) * share;
            Some(GridPoint { pixel, point_mm: node.point_mm - way, ..*node })
        };
        Some(self.nodes[camera].iter().filter_map(node).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(z_mm: f64, u: f64) -> MeasuredGrid {
        let node = GridPoint {
            lines: [1, 2],
            pixel: Vector2::new(u, 50.0),
            point_mm: Vector3::new(1.1, 2.2, -z_mm),
            error_um: 1.0,
        };
        MeasuredGrid { position_mm: [0.0, 0.0, z_mm], nodes: Stereo { left: vec![node], right: vec![] } }
    }

    #[test]
    fn intersections_are_extrapolated_upwards_only() {
        let (before, last) = (grid(1.0, 100.0), grid(1.5, 98.0));
        let at = |x, z| last.extrapolate(&before, Camera::Left, [x, 0.0, z]);
        let node = at(0.0, 1.75).unwrap()[0];
        assert_eq!((node.pixel, node.point_mm.z), (Vector2::new(97.0, 50.0), -1.75));
        assert!(at(0.0, 3.0).is_none() && at(0.5, 1.75).is_none());
        assert!(last.extrapolate(&last, Camera::Left, [0.0, 0.0, 1.5]).is_none());
    }
}
