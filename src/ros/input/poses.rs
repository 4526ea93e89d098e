//! Measured poses of the tool, the last seconds of them.

use crate::pose::tool_pose::{StampedPose, ToolPose};
use crate::pose::transforms::StampedTransform;
use crate::ros::nanoseconds;
use r2r::geometry_msgs::msg::{PoseStamped, TransformStamped};
use std::collections::VecDeque;
use std::time::Instant;

impl StampedPose {
    /// `None` when its numbers are not finite or its quaternion is zero.
    pub fn from_message(message: &PoseStamped) -> Option<Self> {
        let (p, q) = (&message.pose.position, &message.pose.orientation);
        Self::from_parts(nanoseconds(&message.header.stamp), [p.x, p.y, p.z], [q.x, q.y, q.z, q.w])
    }

    /// Of a gantry: its tool does not turn.
    pub fn of_gantry(stamp_ns: i64, position_m: [f64; 3]) -> Option<Self> {
        Self::from_parts(stamp_ns, position_m, [0.0, 0.0, 0.0, 1.0])
    }
}

impl StampedTransform {
    /// `None` when its numbers are not finite or its quaternion is zero.
    pub fn from_message(message: &TransformStamped) -> Option<Self> {
        let (p, q) = (&message.transform.translation, &message.transform.rotation);
        let stamp_ns = nanoseconds(&message.header.stamp);
        let transform = StampedPose::from_parts(stamp_ns, [p.x, p.y, p.z], [q.x, q.y, q.z, q.w])?;
        Some(StampedTransform {
            parent: message.header.frame_id.clone(),
            child: message.child_frame_id.clone(),
            transform,
        })
    }
}

/// The poses of the last seconds.
#[derive(Debug, Default)]
pub struct PoseBuffer {
    poses: VecDeque<StampedPose>,
    received: Option<Instant>,
}

/// Most poses that are kept: eight seconds at 500 Hz.
const MAX_POSES: usize = 4000;
/// Time after the newest pose during which it still counts, ns.
const VALID_NS: i64 = 100_000_000;
/// A stamp that lies farther back is another clock's, ns.
const CLOCK_JUMP_NS: i64 = 1_000_000_000;
/// Time over which the rate is counted, ns.
const RATE_NS: i64 = 1_000_000_000;

impl PoseBuffer {
    /// Adds the newest pose.
    pub fn add(&mut self, pose: StampedPose) {
        // A clock that jumped back makes the old poses worthless.
        if self.poses.back().is_some_and(|last| pose.stamp_ns < last.stamp_ns - CLOCK_JUMP_NS) {
            self.poses.clear();
        }
        // The same stamp again is no news: a driver that repeats its last pose has lost the robot.
        if self.poses.back().is_some_and(|last| pose.stamp_ns <= last.stamp_ns) {
            return;
        }
        self.poses.push_back(pose);
        if self.poses.len() > MAX_POSES {
            self.poses.pop_front();
        }
        self.received = Some(Instant::now());
    }

    /// The newest pose.
    pub fn latest(&self) -> Option<StampedPose> {
        self.poses.back().copied()
    }

    /// The poses stamped later than `stamp_ns`, oldest first.
    pub fn since(&self, stamp_ns: i64) -> Vec<StampedPose> {
        let first = self.poses.iter().rposition(|pose| pose.stamp_ns <= stamp_ns).map_or(0, |i| i + 1);
        self.poses.iter().skip(first).copied().collect()
    }

    /// Poses per second over the last second of stamps; 0 when there are fewer than two.
    pub fn rate_hz(&self) -> f64 {
        let Some(last) = self.poses.back() else { return 0.0 };
        let recent = self.poses.iter().rev().take_while(|pose| pose.stamp_ns > last.stamp_ns - RATE_NS);
        let (count, first_ns) = recent.fold((0, last.stamp_ns), |(n, _), pose| (n + 1, pose.stamp_ns));
        let span_s = (last.stamp_ns - first_ns) as f64 * 1e-9;
        if span_s > 0.0 { f64::from(count - 1) / span_s } else { 0.0 }
    }

    /// Time since a pose was received; `None` before the first.
    pub fn age_s(&self) -> Option<f64> {
        self.received.map(|received| received.elapsed().as_secs_f64())
    }

    /// The pose at `stamp_ns`, interpolated; the latest for 0.
    pub fn at(&self, stamp_ns: i64) -> Option<StampedPose> {
        let last = self.poses.back()?;
        if stamp_ns == 0 || (last.stamp_ns..=last.stamp_ns + VALID_NS).contains(&stamp_ns) {
            return Some(*last);
        }
        let after = self.poses.partition_point(|pose| pose.stamp_ns < stamp_ns);
        let (before, after) = (self.poses.get(after.checked_sub(1)?)?, self.poses.get(after)?);
        before.interpolated(after, stamp_ns)
    }

    /// The tool at rest, of the poses stamped from the first to the second of `within_ns`.
    pub fn at_rest(&self, within_ns: [i64; 2]) -> Option<ToolPose> {
        ToolPose::at_rest(&self.poses, within_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Isometry3;

    fn pose(stamp_ns: i64, z: f64) -> StampedPose {
        StampedPose { stamp_ns, pose: Isometry3::translation(0.0, 0.0, z) }
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
        assert_eq!(buffer.at_rest([0, i64::MAX]).unwrap().z_mm, 1.5);
    }
}
