//! Measured poses of the tool, the last seconds of them.

use crate::ros::nanoseconds;
use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3};
use r2r::geometry_msgs::msg::{PoseStamped, Transform};
use std::collections::VecDeque;
use std::time::Instant;

/// A measured pose of the tool in the base frame, mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasuredPose {
    pub stamp_ns: i64,
    /// base_from_tool.
    pub base_from_tool: Isometry3<f64>,
}

impl MeasuredPose {
    pub fn position_mm(&self) -> [f64; 3] {
        self.base_from_tool.translation.vector.into()
    }

    /// `None` when a number is not finite or the quaternion has no length.
    pub fn from_message(message: &PoseStamped) -> Option<Self> {
        let (p, q) = (&message.pose.position, &message.pose.orientation);
        Self::new(nanoseconds(&message.header.stamp), [p.x, p.y, p.z], [q.w, q.x, q.y, q.z])
    }

    /// The same from TF.
    pub fn from_transform(stamp_ns: i64, transform: &Transform) -> Option<Self> {
        let (p, q) = (&transform.translation, &transform.rotation);
        Self::new(stamp_ns, [p.x, p.y, p.z], [q.w, q.x, q.y, q.z])
    }

    /// The pose between this one and a later one; `None` when they are turned by half a circle.
    pub fn interpolated(&self, after: &MeasuredPose, stamp_ns: i64) -> Option<Isometry3<f64>> {
        let span = (after.stamp_ns - self.stamp_ns).max(1) as f64;
        let share = (stamp_ns - self.stamp_ns) as f64 / span;
        self.base_from_tool.try_lerp_slerp(&after.base_from_tool, share, 1e-9)
    }

    /// A pose without rotation, of a gantry.
    pub fn of_gantry(stamp_ns: i64, position_m: [f64; 3]) -> Option<Self> {
        Self::new(stamp_ns, position_m, [1.0, 0.0, 0.0, 0.0])
    }

    fn new(stamp_ns: i64, position_m: [f64; 3], [w, x, y, z]: [f64; 4]) -> Option<Self> {
        let quaternion = Quaternion::new(w, x, y, z);
        if !position_m.iter().all(|x| x.is_finite()) || !(0.5..2.0).contains(&quaternion.norm()) {
            return None;
        }
        let translation = Translation3::from(Vector3::from(position_m) * 1e3);
        let rotation = UnitQuaternion::from_quaternion(quaternion);
        Some(MeasuredPose { stamp_ns, base_from_tool: Isometry3::from_parts(translation, rotation) })
    }
}

/// The poses of the last seconds.
#[derive(Debug, Default)]
pub struct PoseBuffer {
    poses: VecDeque<MeasuredPose>,
    received: Option<Instant>,
}

const DEPTH: usize = 4000;
/// Stamps this far beyond the newest pose still get it, ns.
const REACH_NS: i64 = 100_000_000;

impl PoseBuffer {
    pub fn add(&mut self, pose: MeasuredPose) {
        // A clock that jumped back makes the old poses worthless.
        if self.poses.back().is_some_and(|last| pose.stamp_ns < last.stamp_ns - 1_000_000_000) {
            self.poses.clear();
        }
        // The same stamp again is no news: a driver that repeats its last pose has lost the robot.
        if self.poses.back().is_some_and(|last| pose.stamp_ns <= last.stamp_ns) {
            return;
        }
        self.poses.push_back(pose);
        if self.poses.len() > DEPTH {
            self.poses.pop_front();
        }
        self.received = Some(Instant::now());
    }

    pub fn latest(&self) -> Option<MeasuredPose> {
        self.poses.back().copied()
    }

    /// The poses stamped later than `stamp_ns`, oldest first.
    pub fn since(&self, stamp_ns: i64) -> Vec<MeasuredPose> {
        let first = self.poses.iter().rposition(|pose| pose.stamp_ns <= stamp_ns).map_or(0, |i| i + 1);
        // The distant past says nothing about a move that has just begun.
        self.poses.iter().skip(first.max(self.poses.len().saturating_sub(50))).copied().collect()
    }

    /// Poses a second over the last second of stamps; 0 when there are fewer than two.
    pub fn rate_hz(&self) -> f64 {
        let Some(last) = self.poses.back() else { return 0.0 };
        let recent = self.poses.iter().rev().take_while(|pose| pose.stamp_ns > last.stamp_ns - 1_000_000_000);
        let (count, first_ns) = recent.fold((0, last.stamp_ns), |(n, _), pose| (n + 1, pose.stamp_ns));
        let span_s = (last.stamp_ns - first_ns) as f64 * 1e-9;
        if span_s > 0.0 { f64::from(count - 1) / span_s } else { 0.0 }
    }

    /// Time since a pose was received; `None` before the first.
    pub fn age_s(&self) -> Option<f64> {
        self.received.map(|received| received.elapsed().as_secs_f64())
    }

    /// The pose at `stamp_ns`, interpolated; the latest for 0.
    pub fn at(&self, stamp_ns: i64) -> Option<MeasuredPose> {
        let last = self.poses.back()?;
        if stamp_ns == 0 || (last.stamp_ns..=last.stamp_ns + REACH_NS).contains(&stamp_ns) {
            return Some(*last);
        }
        let after = self.poses.partition_point(|pose| pose.stamp_ns < stamp_ns);
        let (before, after) = (self.poses.get(after.checked_sub(1)?)?, self.poses.get(after)?);
        let base_from_tool = before.interpolated(after, stamp_ns)?;
        Some(MeasuredPose { stamp_ns, base_from_tool })
    }

    /// Mean position of the poses stamped from `from_ns` to `to_ns`, mm.
    pub fn mean_position_mm(&self, from_ns: i64, to_ns: i64) -> Option<[f64; 3]> {
        let within = self.poses.iter().filter(|pose| (from_ns..=to_ns).contains(&pose.stamp_ns));
        let (sum, count) =
            within.fold((Vector3::zeros(), 0.0), |(sum, n), pose| (sum + Vector3::from(pose.position_mm()), n + 1.0));
        (count > 0.0).then(|| (sum / count).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pose(stamp_ns: i64, z: f64) -> MeasuredPose {
        MeasuredPose { stamp_ns, base_from_tool: Isometry3::translation(0.0, 0.0, z) }
    }

    #[test]
    fn poses_are_interpolated_and_unknown_times_refused() {
        let mut buffer = PoseBuffer::default();
        assert!(buffer.at(0).is_none());
        buffer.add(pose(1_000_000_000, 1.0));
        buffer.add(pose(1_100_000_000, 2.0));
        assert!((buffer.at(1_025_000_000).unwrap().position_mm()[2] - 1.25).abs() < 1e-12);
        assert_eq!(buffer.at(0).unwrap().position_mm()[2], 2.0);
        assert!(buffer.at(900_000_000).is_none());
        assert!(buffer.at(2_000_000_000).is_none());
        assert_eq!(buffer.rate_hz(), 10.0);
        assert_eq!(buffer.mean_position_mm(0, i64::MAX).unwrap()[2], 1.5);
    }

    #[test]
    fn nan_and_zero_quaternions_are_no_poses() {
        let mut message = PoseStamped::default();
        message.pose.orientation.w = 1.0;
        assert!(MeasuredPose::from_message(&message).is_some());
        message.pose.position.x = f64::NAN;
        assert!(MeasuredPose::from_message(&message).is_none());
        message.pose.position.x = 0.0;
        message.pose.orientation.w = 0.0;
        assert!(MeasuredPose::from_message(&message).is_none());
    }
}
