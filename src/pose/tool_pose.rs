//! Poses of the tool in the robot's base frame: as measured, and the one that stands for an image pair.

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};

/// The tool's measured pose for one image pair, in the robot's base frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolPose {
    /// Position along x, mm.
    pub x_mm: f64,
    /// Position along y, mm.
    pub y_mm: f64,
    /// Position along z, mm.
    pub z_mm: f64,
    /// Orientation, quaternion x, y, z, w; none where only positions are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<[f64; 4]>,
}

impl ToolPose {
    /// A position, mm, without an orientation.
    pub fn at([x_mm, y_mm, z_mm]: [f64; 3]) -> Self {
        ToolPose { x_mm, y_mm, z_mm, rotation: None }
    }

    /// Of poses at rest, oldest first: the mean position of those stamped from `from_ns` to `to_ns`, with the orientation
    /// of the last. `None` where there are none.
    pub fn at_rest<'a>(
        poses: impl IntoIterator<Item = &'a StampedPose>,
        [from_ns, to_ns]: [i64; 2],
    ) -> Option<ToolPose> {
        let later = poses.into_iter().skip_while(|pose| pose.stamp_ns < from_ns);
        let mut within = later.take_while(|pose| pose.stamp_ns <= to_ns);
        let first = within.next()?;
        let begin = (first.pose.translation.vector, 1.0, first);
        let (sum, count, last) =
            within.fold(begin, |(sum, count, _), pose| (sum + pose.pose.translation.vector, count + 1.0, pose));
        let rotation = Some(last.pose.rotation.coords.into());
        Some(ToolPose { rotation, ..ToolPose::at((sum / count).into()) })
    }

    /// Position, mm.
    pub fn position_mm(&self) -> [f64; 3] {
        [self.x_mm, self.y_mm, self.z_mm]
    }

    /// Whether all its numbers are.
    pub fn is_finite(&self) -> bool {
        self.position_mm().iter().chain(&self.rotation.unwrap_or_default()).all(|x| x.is_finite())
    }
}

/// A pose and when it was measured, mm: base_from_tool, or parent_from_child of a transform.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StampedPose {
    /// When it was measured, ns.
    pub stamp_ns: i64,
    /// The transform, mm.
    pub pose: Isometry3<f64>,
}

impl StampedPose {
    /// From a position in m and a quaternion x, y, z, w, as messages have them. `None` when a number is not finite or the
    /// quaternion has no length.
    pub fn from_parts(stamp_ns: i64, position_m: [f64; 3], [x, y, z, w]: [f64; 4]) -> Option<Self> {
        let quaternion = Quaternion::new(w, x, y, z);
        let translation = Translation3::from(Vector3::from(position_m) * 1e3);
        if !translation.vector.iter().all(|x| x.is_finite()) || !(0.5..2.0).contains(&quaternion.norm()) {
            return None;
        }
        let rotation = UnitQuaternion::from_quaternion(quaternion);
        Some(StampedPose { stamp_ns, pose: Isometry3::from_parts(translation, rotation) })
    }

    /// Position, mm.
    pub fn position_mm(&self) -> [f64; 3] {
        self.pose.translation.vector.into()
    }

    /// The pose between this one and a later one; `None` when they are turned by half a circle.
    pub fn interpolated(&self, after: &StampedPose, stamp_ns: i64) -> Option<StampedPose> {
        let span = (after.stamp_ns - self.stamp_ns).max(1) as f64;
        let share = (stamp_ns - self.stamp_ns) as f64 / span;
        let pose = self.pose.try_lerp_slerp(&after.pose, share, 1e-9)?;
        Some(StampedPose { stamp_ns, pose })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPRIGHT: [f64; 4] = [0.0, 0.0, 0.0, 1.0];

    #[test]
    fn a_pose_at_rest_is_the_mean_of_those_within_both_ends_counted() {
        let turned = |i: i64| [0.0, 0.0, (0.01 * i as f64).sin(), (0.01 * i as f64).cos()];
        let poses: Vec<StampedPose> =
            (0..10).map(|i| StampedPose::from_parts(10 * i, [1e-3 * i as f64, 0.0, 0.0], turned(i)).unwrap()).collect();
        let rest = ToolPose::at_rest(&poses, [20, 50]).unwrap();
        assert!((rest.x_mm - 3.5).abs() < 1e-12, "{rest:?}");
        assert!((rest.rotation.unwrap()[2] - 0.05_f64.sin()).abs() < 1e-12, "{rest:?}");
        assert_eq!(ToolPose::at_rest(&poses, [41, 49]), None);
    }

    #[test]
    fn nan_and_zero_quaternions_are_no_poses() {
        assert!(StampedPose::from_parts(0, [0.0; 3], UPRIGHT).is_some());
        assert!(StampedPose::from_parts(0, [f64::NAN, 0.0, 0.0], UPRIGHT).is_none());
        assert!(StampedPose::from_parts(0, [1e306, 0.0, 0.0], UPRIGHT).is_none(), "infinite in mm");
        assert!(StampedPose::from_parts(0, [0.0; 3], [0.0; 4]).is_none());
        assert!(StampedPose::from_parts(0, [0.0; 3], [0.0, f64::INFINITY, 0.0, 1.0]).is_none());
    }

    #[test]
    fn half_way_is_half_way() {
        let from = StampedPose::from_parts(100, [0.0; 3], UPRIGHT).unwrap();
        let to = StampedPose::from_parts(200, [2e-3, 0.0, 0.0], [0.0, 0.0, 0.2_f64.sin(), 0.2_f64.cos()]).unwrap();
        let between = from.interpolated(&to, 150).unwrap();
        assert!((between.position_mm()[0] - 1.0).abs() < 1e-12);
        assert!((between.pose.rotation.angle() - 0.2).abs() < 1e-12);
    }
}
