//! Poses of the tool from a tree of frames: the transforms between base and tool, chained and interpolated.

use crate::pose::tool_pose::StampedPose;
use crate::setting::Setting;
use nalgebra::Isometry3;
use std::collections::{HashMap, VecDeque};

/// parent_from_child.
#[derive(Clone, Debug, PartialEq)]
pub struct StampedTransform {
    /// Frame that the transform is given in.
    pub parent: String,
    /// Frame that it places.
    pub child: String,
    /// parent_from_child.
    pub transform: StampedPose,
}

/// The transforms of the last seconds, one queue for each child frame.
#[derive(Debug, Default)]
pub struct TransformBuffer {
    edges: HashMap<String, Edge>,
}

#[derive(Debug)]
struct Edge {
    parent: String,
    /// Holds for ever.
    is_static: bool,
    /// parent_from_child, oldest first.
    recent: VecDeque<StampedPose>,
}

/// Transforms of an edge that are kept, and for how long.
const DEPTH: usize = 1000;
const KEPT_NS: i64 = 10_000_000_000;
/// Longest chain, so that a loop ends.
const MAX_CHAIN_LINKS: usize = 64;
/// Frames that are remembered at most: those of a whole plant may go by.
const FRAMES: usize = 4096;

/// Why there is no pose.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TransformError {
    /// The chain ends below the base.
    #[error(
        "no transform leads to a frame '{frame}' above the tool: check {frames}; are all static transforms there?",
        frames = Setting::Frames
    )]
    NoParent {
        /// The frame.
        frame: String,
    },
    /// The chain is too long to be a tree's.
    #[error(
        "the chain of frames above '{tool}' does not reach '{base}' within {MAX_CHAIN_LINKS} links, they are not in one tree: check \
         {frames}", frames = Setting::Frames
    )]
    Loop {
        /// Frame that poses are given in.
        base: String,
        /// Frame whose pose is asked for.
        tool: String,
    },
    /// The transforms were never known at the same time.
    #[error(
        "the transform to '{frame}' and the others between base and tool have no time in common: do all of them come, and \
         do their publishers' clocks agree?"
    )]
    NoCommonTime {
        /// The frame.
        frame: String,
    },
    /// No transform of the chain ever changes.
    #[error("every transform between '{base}' and '{tool}' is static: does the robot's driver publish its own?")]
    Fixed {
        /// Frame that poses are given in.
        base: String,
        /// Frame whose pose is asked for.
        tool: String,
    },
}

impl TransformBuffer {
    /// Adds a transform; a static one holds for ever.
    pub fn add(&mut self, StampedTransform { parent, child, transform }: StampedTransform, is_static: bool) {
        if !self.edges.contains_key(&child) && self.edges.len() >= FRAMES {
            return;
        }
        let new = || Edge { parent: parent.clone(), is_static, recent: VecDeque::new() };
        let edge = self.edges.entry(child).or_insert_with(new);
        if edge.parent != parent || edge.is_static != is_static {
            *edge = new();
        }
        let stamp_ns = transform.stamp_ns;
        let backwards = edge.recent.back().is_some_and(|last| stamp_ns < last.stamp_ns);
        if is_static || edge.recent.back().is_some_and(|last| stamp_ns < last.stamp_ns - 1_000_000_000) {
            // A clock that jumped back makes the old ones worthless.
            edge.recent.clear();
        } else if backwards {
            return;
        }
        edge.recent.push_back(transform);
        while edge.recent.len() > DEPTH || edge.recent.front().is_some_and(|first| first.stamp_ns < stamp_ns - KEPT_NS)
        {
            edge.recent.pop_front();
        }
    }

    /// The latest pose of `tool` in `base` at which all transforms between them are known.
    ///
    /// # Errors
    /// [`TransformError`].
    pub fn latest(&self, base: &str, tool: &str) -> Result<StampedPose, TransformError> {
        let mut chain = Vec::new();
        let mut frame = tool;
        while frame != base {
            let edge = self.edges.get(frame).ok_or(TransformError::NoParent { frame: frame.into() })?;
            chain.push((frame, edge));
            if chain.len() > MAX_CHAIN_LINKS {
                return Err(TransformError::Loop { base: base.into(), tool: tool.into() });
            }
            frame = &edge.parent;
        }
        let newest = |edge: &Edge| edge.recent.back().map(|pose| pose.stamp_ns);
        let moving = chain.iter().filter(|(_, edge)| !edge.is_static);
        let fixed = || TransformError::Fixed { base: base.into(), tool: tool.into() };
        let stamp_ns = moving.filter_map(|(_, edge)| newest(edge)).min().ok_or_else(fixed)?;
        let mut pose = Isometry3::identity();
        for (frame, edge) in &chain {
            let no_time = || TransformError::NoCommonTime { frame: (*frame).into() };
            let parent_from_child = edge.at(stamp_ns).ok_or_else(no_time)?;
            pose = parent_from_child * pose;
        }
        Ok(StampedPose { stamp_ns, pose })
    }
}

impl Edge {
    fn at(&self, stamp_ns: i64) -> Option<Isometry3<f64>> {
        if self.is_static {
            return self.recent.back().map(|at| at.pose);
        }
        let after = self.recent.partition_point(|pose| pose.stamp_ns < stamp_ns);
        let exact = self.recent.get(after).filter(|pose| pose.stamp_ns == stamp_ns);
        if let Some(exact) = exact {
            return Some(exact.pose);
        }
        let (before, after) = (self.recent.get(after.checked_sub(1)?)?, self.recent.get(after)?);
        before.interpolated(after, stamp_ns).map(|between| between.pose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transform(parent: &str, child: &str, stamp_ns: i64, z_m: f64) -> StampedTransform {
        let transform = StampedPose::from_parts(stamp_ns, [0.0, 0.0, z_m], [0.0, 0.0, 0.0, 1.0]).unwrap();
        StampedTransform { parent: parent.into(), child: child.into(), transform }
    }

    #[test]
    fn a_chain_is_followed_to_its_latest_common_time() {
        let mut buffer = TransformBuffer::default();
        assert!(matches!(buffer.latest("base", "tool"), Err(TransformError::NoParent { .. })));
        buffer.add(transform("flange", "tool", 0, 0.5), true);
        buffer.add(transform("base", "flange", 0, 0.5), true);
        assert!(matches!(buffer.latest("base", "tool"), Err(TransformError::Fixed { .. })));
        for i in 0..5 {
            buffer.add(transform("base", "arm", i * 100, 0.001 * i as f64), false);
        }
        buffer.add(transform("arm", "flange", 50, 0.0), false);
        buffer.add(transform("arm", "flange", 350, 0.3), false);
        let pose = buffer.latest("base", "tool").unwrap();
        assert_eq!(pose.stamp_ns, 350);
        // The arm is interpolated half way between 3 and 4 mm.
        assert!((pose.position_mm()[2] - 803.5).abs() < 1e-9, "{:?}", pose.position_mm());
    }

    #[test]
    fn loops_and_ends_are_no_poses() {
        let mut buffer = TransformBuffer::default();
        buffer.add(transform("a", "b", 1, 0.0), false);
        buffer.add(transform("b", "a", 1, 0.0), false);
        assert!(matches!(buffer.latest("base", "b"), Err(TransformError::Loop { .. })));
        let mut late = TransformBuffer::default();
        late.add(transform("base", "arm", 900, 0.0), false);
        late.add(transform("arm", "tool", 100, 0.0), false);
        assert!(matches!(late.latest("base", "tool"), Err(TransformError::NoCommonTime { .. })));
    }
}
