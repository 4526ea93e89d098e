//! The tool's measured poses: subscribed on a topic, on TF or as joints, and what may be the matter with them.

use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::nodes::robot::PoseSource;
use crate::pose::tool_pose::{StampedPose, ToolPose};
use crate::pose::transforms::{StampedTransform, TransformBuffer};
use crate::ros::input::joints::AxisMap;
use crate::ros::input::poses::PoseBuffer;
use crate::ros::input::taps::Taps;
use crate::ros::support::clock::Clock;
use crate::ros::support::graph::Graph;
use crate::ros::support::parameters::setting_names::with_parameters;
use crate::ros::{each, locked, nanoseconds};
use crate::statistics::exceeds;
use r2r::QosProfile;
use r2r::geometry_msgs::msg::PoseStamped;
use r2r::sensor_msgs::msg::JointState;
use r2r::tf2_msgs::msg::TFMessage;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Share of the time limit after which a robot that has sent nothing has stopped, rather than that its poses come late.
const STOPPED_SHARE: f64 = 0.5;
/// Unusable poses between two warnings: once in a while, not at the robot's rate.
const BAD_POSES_PER_WARNING: u64 = 1000;

/// The tool's measured poses.
pub struct PoseInput {
    source: PoseSource,
    poses: Mutex<PoseBuffer>,
    taps: Taps<StampedPose>,
    /// Frame that they are said to be in.
    frame: Mutex<String>,
    /// Poses that were unusable, in all and since the last good one.
    bad: AtomicU64,
    bad_in_a_row: AtomicU64,
    /// Why TF gives no pose; empty: it does.
    tf_error: Mutex<String>,
    clock: Arc<Clock>,
    graph: Graph,
}

/// Why there is no fresh pose.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PoseLoss {
    /// None has come yet.
    #[error("never one{}", unusable(.bad))]
    Never {
        /// Unusable poses since the last good one.
        bad: u64,
    },
    /// None comes any more.
    #[error("the last {age_s:.2} s ago, at most {limit_s} s are allowed (pose_timeout){}", unusable(.bad))]
    Old {
        /// Time since the last pose.
        age_s: f64,
        /// The parameter `pose_timeout`.
        limit_s: f64,
        /// Unusable poses since the last good one.
        bad: u64,
    },
    /// Their stamps are old.
    #[error(
        "they come late: the latest is stamped {late_s:.2} s ago, at most {limit_s} s are allowed (pose_timeout); do the \
         clocks of robot and node agree?{}",
        unusable(.bad)
    )]
    Late {
        /// Time since the stamp of the last pose.
        late_s: f64,
        /// The parameter `pose_timeout`.
        limit_s: f64,
        /// Unusable poses since the last good one.
        bad: u64,
    },
}

fn unusable(bad: &u64) -> String {
    match bad {
        0 => String::new(),
        bad => format!(
            "; {bad} came since that hold NaN, infinite numbers or a zero quaternion: what does its driver send?"
        ),
    }
}

impl PoseInput {
    /// Subscribes to the source that the parameters name.
    ///
    /// # Errors
    /// When the joints make no gantry, or r2r's own.
    pub fn start(
        node: &mut r2r::Node,
        parameters: &NodeParameters,
        clock: &Arc<Clock>,
        graph: &Graph,
    ) -> anyhow::Result<Arc<Self>> {
        let source = parameters.robot.pose_source;
        let input = Arc::new(PoseInput {
            source,
            poses: Mutex::default(),
            taps: Taps::default(),
            frame: Mutex::default(),
            bad: AtomicU64::new(0),
            bad_in_a_row: AtomicU64::new(0),
            tf_error: Mutex::default(),
            clock: clock.clone(),
            graph: graph.clone(),
        });
        let base = parameters.frames.base_frame.clone();
        match source {
            PoseSource::Topic => {
                let input = input.clone();
                each(node.subscribe::<PoseStamped>("robot/pose", robot_data())?, move |message| {
                    input.take(StampedPose::from_message(&message), &message.header.frame_id);
                });
            }
            PoseSource::Joints => {
                let axes = AxisMap::new(&parameters.joints)?;
                let input = input.clone();
                each(node.subscribe::<JointState>("joint_states", robot_data())?, move |message| {
                    if axes.concerns(&message) {
                        let position_m = axes.position_m(&message.name, &message.position);
                        let stamp_ns = nanoseconds(&message.header.stamp);
                        input.take(position_m.and_then(|p| StampedPose::of_gantry(stamp_ns, p)), &base);
                    }
                });
            }
            PoseSource::Tf => input.subscribe_tf(node, &base, &parameters.frames.tool_frame)?,
        }
        Ok(input)
    }

    fn subscribe_tf(self: &Arc<Self>, node: &mut r2r::Node, base: &str, tool: &str) -> r2r::Result<()> {
        let buffer = Arc::new(Mutex::new(TransformBuffer::default()));
        let latched = QosProfile::default().transient_local();
        // Static transforms must reach late subscribers, too: preflight names who doesn't keep them.
        for (topic, qos, is_static) in
            [("/tf", QosProfile::sensor_data().keep_last(100), false), ("/tf_static", latched, true)]
        {
            let (input, buffer) = (self.clone(), buffer.clone());
            let (base, tool) = (base.to_string(), tool.to_string());
            each(node.subscribe::<TFMessage>(topic, qos)?, move |message| {
                let mut buffer = locked(&buffer);
                for transform in &message.transforms {
                    match StampedTransform::from_message(transform) {
                        Some(transform) => buffer.add(transform, is_static),
                        None => input.take(None, &base),
                    }
                }
                let found = buffer.latest(&base, &tool);
                *locked(&input.tf_error) =
                    found.as_ref().err().map_or(String::new(), |error| with_parameters(&error.to_string()));
                if let Ok(pose) = found
                    && input.latest().is_none_or(|last| pose.stamp_ns != last.stamp_ns)
                {
                    input.take(Some(pose), &base);
                }
            });
        }
        Ok(())
    }

    fn take(&self, pose: Option<StampedPose>, frame_id: &str) {
        if let Some(pose) = pose {
            self.bad_in_a_row.store(0, Ordering::Relaxed);
            locked(&self.poses).add(pose);
            self.taps.tell(&pose);
            let mut frame = locked(&self.frame);
            if *frame != frame_id {
                *frame = frame_id.into();
            }
            return;
        }
        self.bad_in_a_row.fetch_add(1, Ordering::Relaxed);
        if self.bad.fetch_add(1, Ordering::Relaxed).is_multiple_of(BAD_POSES_PER_WARNING) {
            tracing::warn!(
                "a robot pose with NaN or infinite numbers, or a zero quaternion, was ignored: check what the robot's driver \
                 publishes"
            );
        }
    }

    /// The latest pose, if it is no older than `limit_s` by stamp and by arrival.
    ///
    /// # Errors
    /// [`PoseLoss`]: how old it is.
    pub fn fresh(&self, limit_s: f64) -> Result<StampedPose, PoseLoss> {
        let poses = locked(&self.poses);
        let bad = self.bad_in_a_row.load(Ordering::Relaxed);
        let (Some(age_s), Some(pose)) = (poses.age_s(), poses.latest()) else { return Err(PoseLoss::Never { bad }) };
        if exceeds(age_s, limit_s) {
            return Err(PoseLoss::Old { age_s, limit_s, bad });
        }
        let late_s = (self.clock.now_ns() - pose.stamp_ns) as f64 * 1e-9;
        if exceeds(late_s, limit_s) {
            // A driver that stopped is first noticed by the stamp of its last pose.
            let has_stopped = exceeds(age_s, STOPPED_SHARE * limit_s);
            return Err(match has_stopped {
                true => PoseLoss::Old { age_s: late_s, limit_s, bad },
                false => PoseLoss::Late { late_s, limit_s, bad },
            });
        }
        Ok(pose)
    }

    /// Who hears of every pose.
    pub fn taps(&self) -> &Taps<StampedPose> {
        &self.taps
    }

    /// The latest pose, however old.
    pub fn latest(&self) -> Option<StampedPose> {
        locked(&self.poses).latest()
    }

    /// The pose at `stamp_ns`, interpolated; the latest for 0.
    pub fn at(&self, stamp_ns: i64) -> Option<StampedPose> {
        locked(&self.poses).at(stamp_ns)
    }

    /// The poses stamped later than `stamp_ns`, oldest first.
    pub fn since(&self, stamp_ns: i64) -> Vec<StampedPose> {
        locked(&self.poses).since(stamp_ns)
    }

    /// The tool at rest, of the poses stamped from the first to the second of `within_ns`.
    pub fn at_rest(&self, within_ns: [i64; 2]) -> Option<ToolPose> {
        locked(&self.poses).at_rest(within_ns)
    }

    /// Poses per second over the last second of stamps; 0 when there are fewer than two.
    pub fn rate_hz(&self) -> f64 {
        locked(&self.poses).rate_hz()
    }

    /// Frame that the poses are said to be in; empty before the first, and from drivers that leave it empty.
    pub fn frame(&self) -> String {
        locked(&self.frame).clone()
    }

    /// Number of poses that were unusable.
    pub fn bad(&self) -> u64 {
        self.bad.load(Ordering::Relaxed)
    }

    /// Topics that poses come from, with their types; the first carries the poses themselves.
    pub fn topics(&self) -> Vec<(&'static str, &'static str)> {
        const TF: &str = "tf2_msgs/msg/TFMessage";
        match self.source {
            PoseSource::Tf => vec![("/tf", TF), ("/tf_static", TF)],
            PoseSource::Joints => vec![("joint_states", "sensor_msgs/msg/JointState")],
            PoseSource::Topic => vec![("robot/pose", "geometry_msgs/msg/PoseStamped")],
        }
    }

    /// What may be the matter when no pose comes, with a remedy.
    pub async fn trouble(&self) -> String {
        let error = locked(&self.tf_error).clone();
        let error = if error.is_empty() { error } else { format!("; {error}") };
        let Some((topic, kind)) = self.topics().into_iter().next() else { return error };
        format!("{}{error}", self.graph.trouble(topic, kind).await)
    }
}

/// Best effort matches every publisher. Deep enough for the poses that come while the node is kept waiting, since a mean counts
/// them. No deeper: a node that falls behind should drop old poses instead of working through them.
fn robot_data() -> QosProfile {
    QosProfile::sensor_data().keep_last(20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_pose_says_how_old_it_is_and_what_came_instead() {
        let old = PoseLoss::Old { age_s: 1.5, limit_s: 0.5, bad: 0 }.to_string();
        assert_eq!(old, "the last 1.50 s ago, at most 0.5 s are allowed (pose_timeout)");
        assert!(PoseLoss::Never { bad: 3 }.to_string().starts_with("never one; 3 came since that hold NaN"));
    }
}
