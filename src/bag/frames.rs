//! Poses of the tool from transforms: the latest of each link, chained.

use crate::bag::messages::{StampedPose, StampedTransform};
use nalgebra::Isometry3;
use std::collections::HashMap;

/// Longest chain, so that a loop ends.
const LONGEST: usize = 64;

/// The latest transform above each frame.
#[derive(Debug, Default)]
pub struct Frames {
    above: HashMap<String, (StampedTransform, bool)>,
}

impl Frames {
    /// Adds a transform, from /tf_static or from /tf.
    pub fn add(&mut self, transform: StampedTransform, is_static: bool) {
        self.above.insert(transform.child.clone(), (transform, is_static));
    }

    /// base_from_tool with the latest stamp among its moving links; `None` while a link is missing.
    pub fn pose(&self, base: &str, tool: &str) -> Option<StampedPose> {
        let mut pose = Isometry3::identity();
        let mut stamp_ns = i64::MIN;
        let mut frame = tool;
        for _ in 0..LONGEST {
            if frame == base {
                return (stamp_ns > i64::MIN).then_some(StampedPose { stamp_ns, pose });
            }
            let (link, is_static) = self.above.get(frame)?;
            pose = link.transform.pose * pose;
            if !is_static {
                stamp_ns = stamp_ns.max(link.transform.stamp_ns);
            }
            frame = &link.parent;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Vector3;

    fn link(parent: &str, child: &str, stamp_ns: i64, x: f64, turn: f64) -> StampedTransform {
        let pose = Isometry3::new(Vector3::new(x, 0.0, 0.0), Vector3::z() * turn);
        StampedTransform { parent: parent.into(), child: child.into(), transform: StampedPose { stamp_ns, pose } }
    }

    #[test]
    fn links_are_chained_in_order_and_a_loop_ends() {
        let mut frames = Frames::default();
        frames.add(link("flange", "tool", 0, 5.0, 0.0), true);
        assert!(frames.pose("base", "tool").is_none());
        frames.add(link("base", "flange", 70, 10.0, std::f64::consts::FRAC_PI_2), false);
        let found = frames.pose("base", "tool").unwrap();
        assert_eq!(found.stamp_ns, 70);
        assert!((found.pose.translation.vector - Vector3::new(10.0, 5.0, 0.0)).norm() < 1e-12);
        frames.add(link("tool", "base", 80, 0.0, 0.0), false);
        assert!(frames.pose("world", "tool").is_none());
    }
}
