//! One trait, two ways to command a robot.

use crate::ros::robot::joints::{AxisMap, JointError};
use crate::ros::{locked, time};
use nalgebra::UnitQuaternion;
use r2r::Publisher;
use r2r::geometry_msgs::msg::PoseStamped;
use r2r::trajectory_msgs::msg::{JointTrajectory, JointTrajectoryPoint};

/// Where the tool is to be next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SetPoint {
    /// Position in the base frame, mm.
    pub position_mm: [f64; 3],
    /// Orientation of the tool in the base frame.
    pub rotation: UnitQuaternion<f64>,
    /// Stamp of the command.
    pub stamp_ns: i64,
    /// Time in which the robot is to get there, s.
    pub within_s: f64,
}

/// Why a set point was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MotionError {
    #[error("the set point could not be published: {message}; the robot keeps its last one. Restart the node")]
    Publish { message: String },
    #[error(transparent)]
    Joint(#[from] JointError),
}

/// A way to command a robot. [`crate::ros::robot::commander::Commander`] is the only caller.
pub trait Motion: Send + Sync {
    /// # Errors
    /// [`MotionError`] when the robot can't be told, or can't go there.
    fn send(&self, set_point: &SetPoint) -> Result<(), MotionError>;

    /// Who listens: `None` when that can't be found out.
    fn listeners(&self) -> Option<usize>;

    /// The topic that is commanded on, for people.
    fn topic(&self) -> &'static str;
}

/// Cartesian controllers: a target pose for every set point.
pub struct TargetPoses {
    publisher: std::sync::Mutex<Publisher<PoseStamped>>,
    base_frame: String,
}

/// Gantries under ros2_control: a trajectory of one point for every set point.
pub struct JointTrajectories {
    publisher: std::sync::Mutex<Publisher<JointTrajectory>>,
    axes: AxisMap,
}

impl TargetPoses {
    pub fn new(publisher: Publisher<PoseStamped>, base_frame: String) -> Self {
        TargetPoses { publisher: publisher.into(), base_frame }
    }
}

impl JointTrajectories {
    pub fn new(publisher: Publisher<JointTrajectory>, axes: AxisMap) -> Self {
        JointTrajectories { publisher: publisher.into(), axes }
    }
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
        "robot/target_pose"
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
        "robot/joint_trajectory"
    }
}
