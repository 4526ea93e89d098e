//! Set points out: one trait, and each way to command a robot.

use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::nodes::robot::MotionInterface;
use crate::ros::input::joints::{AxisMap, JointError};
use crate::ros::{locked, time};
use nalgebra::UnitQuaternion;
use r2r::geometry_msgs::msg::PoseStamped;
use r2r::trajectory_msgs::msg::{JointTrajectory, JointTrajectoryPoint};
use r2r::{Publisher, QosProfile};
use std::sync::{Arc, Mutex};

const TARGET_POSE: &str = "robot/target_pose";
const JOINT_TRAJECTORY: &str = "robot/joint_trajectory";

/// A pose that the robot is commanded to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SetPoint {
    /// Position in the base frame, mm.
    pub position_mm: [f64; 3],
    /// Orientation of the tool in the base frame.
    pub rotation: UnitQuaternion<f64>,
    /// Stamp of the command, ns.
    pub stamp_ns: i64,
    /// Time in which the robot is to get there, s.
    pub within_s: f64,
}

/// Why a set point was not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum MotionError {
    /// r2r's own.
    #[error("the set point could not be published: {message}; the robot keeps its last one. Restart the node")]
    Publish { message: String },
    /// The joints can't take the tool there.
    #[error(transparent)]
    Joint(#[from] JointError),
}

/// A way to command a robot. [`crate::ros::robot::commander::Commander`] is the only caller.
pub(super) trait Motion: Send + Sync {
    /// Commands the robot.
    ///
    /// # Errors
    /// [`MotionError`] when the robot can't be told, or can't go there.
    fn send(&self, set_point: &SetPoint) -> Result<(), MotionError>;

    /// Number of subscribers; `None` when that can't be told.
    fn listeners(&self) -> Option<usize>;

    /// Topic of the set points.
    fn topic(&self) -> &'static str;
}

/// The way to command the robot that the parameters name.
///
/// # Errors
/// When the joints make no gantry, or r2r's own.
pub(super) fn start(node: &mut r2r::Node, parameters: &NodeParameters) -> anyhow::Result<Arc<dyn Motion>> {
    Ok(match parameters.robot.motion {
        MotionInterface::Joints => Arc::new(JointTrajectories {
            axes: AxisMap::new(&parameters.joints)?,
            publisher: node.create_publisher(JOINT_TRAJECTORY, QosProfile::default())?.into(),
        }),
        MotionInterface::Pose => Arc::new(TargetPoses {
            base_frame: parameters.frames.base_frame.clone(),
            publisher: node.create_publisher(TARGET_POSE, QosProfile::default())?.into(),
        }),
    })
}

/// Cartesian controllers: a target pose for every set point.
struct TargetPoses {
    publisher: Mutex<Publisher<PoseStamped>>,
    base_frame: String,
}

/// Gantries under ros2_control: a trajectory of one point for every set point.
struct JointTrajectories {
    publisher: Mutex<Publisher<JointTrajectory>>,
    axes: AxisMap,
}

fn refused(error: r2r::Error) -> MotionError {
    MotionError::Publish { message: error.to_string() }
}

impl Motion for TargetPoses {
    fn send(&self, set_point: &SetPoint) -> Result<(), MotionError> {
        let mut message = PoseStamped::default();
        message.header.frame_id.clone_from(&self.base_frame);
        message.header.stamp = time(set_point.stamp_ns);
        let [x, y, z] = set_point.position_mm.map(|mm| 1e-3 * mm);
        message.pose.position = r2r::geometry_msgs::msg::Point { x, y, z };
        let q = set_point.rotation;
        message.pose.orientation = r2r::geometry_msgs::msg::Quaternion { x: q.i, y: q.j, z: q.k, w: q.w };
        locked(&self.publisher).publish(&message).map_err(refused)
    }

    fn listeners(&self) -> Option<usize> {
        locked(&self.publisher).get_inter_process_subscription_count().ok()
    }

    fn topic(&self) -> &'static str {
        TARGET_POSE
    }
}

impl Motion for JointTrajectories {
    fn send(&self, set_point: &SetPoint) -> Result<(), MotionError> {
        let (joint_names, positions) = self.axes.joints_at(set_point.position_mm)?.into_iter().unzip();
        let time_from_start = r2r::builtin_interfaces::msg::Duration {
            sec: set_point.within_s.max(0.0) as i32,
            nanosec: (set_point.within_s.max(0.0).fract() * 1e9) as u32,
        };
        let mut message = JointTrajectory { joint_names, ..Default::default() };
        // A stamp of zero: to be followed as soon as it comes, whatever the controller's clock says.
        message.points = vec![JointTrajectoryPoint { positions, time_from_start, ..Default::default() }];
        locked(&self.publisher).publish(&message).map_err(refused)
    }

    fn listeners(&self) -> Option<usize> {
        locked(&self.publisher).get_inter_process_subscription_count().ok()
    }

    fn topic(&self) -> &'static str {
        JOINT_TRAJECTORY
    }
}
