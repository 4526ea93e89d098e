//! Poses, motion and its limits.

use crate::sweep::motion::limits::Limits;
use crate::sweep::motion::settle::SettleSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the robot is watched and commanded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RobotParameters {
    /// Source of the measured poses.
    #[schemars(extend("readOnly" = true))]
    pub pose_source: PoseSource,
    /// Topic of the set points.
    #[schemars(extend("readOnly" = true))]
    pub motion: MotionInterface,
    /// Longest time without a new measured pose before a motion stops (s).
    #[schemars(range(min = 0.01, max = 60.0))]
    #[serde(rename = "pose_timeout")]
    pub pose_timeout_s: f64,
    /// Time between two set points, and between two checks of pose and cancel (s).
    #[schemars(range(min = 0.001, max = 1.0))]
    #[serde(rename = "control_period")]
    pub control_period_s: f64,
}

/// Where measured poses come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PoseSource {
    /// robot/pose.
    Topic,
    /// base_frame → tool_frame on /tf.
    Tf,
    /// joint_states, by joints.*.
    Joints,
}

/// Where set points go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MotionInterface {
    /// robot/target_pose.
    Pose,
    /// robot/joint_trajectory, by joints.*.
    Joints,
}

/// When the tool is at rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SettleParameters {
    /// Length of the settle window, the time in which the tool must be at rest (s).
    #[schemars(range(min = 0.01, max = 10.0))]
    #[serde(rename = "window")]
    pub window_s: f64,
    /// Largest distance of a pose from the mean of the settle window, per axis (m).
    #[schemars(range(min = 1e-7, max = 0.01))]
    #[serde(rename = "tolerance")]
    pub tolerance_m: f64,
    /// Largest distance of the mean of the settle window from the set point, per axis (m).
    #[schemars(range(min = 1e-7, max = 0.1))]
    #[serde(rename = "reach")]
    pub reach_m: f64,
    /// Largest image shift between consecutive images (px).
    #[schemars(range(min = 0.001, max = 100.0))]
    #[serde(rename = "image_tolerance")]
    pub image_tolerance_px: f64,
    /// Longest time from the end of a move until the tool is at rest (s).
    #[schemars(range(min = 0.1, max = 600.0))]
    #[serde(rename = "timeout")]
    pub timeout_s: f64,
}

/// Limits of every motion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LimitParameters {
    /// Smallest x, y, z of a set point in the base frame (m).
    #[schemars(inner(range(min = -100.0, max = 100.0)))]
    #[serde(rename = "box_min")]
    pub box_min_m: [f64; 3],
    /// Largest x, y, z of a set point in the base frame (m).
    #[schemars(inner(range(min = -100.0, max = 100.0)))]
    #[serde(rename = "box_max")]
    pub box_max_m: [f64; 3],
    /// Largest speed of the set points (m/s).
    #[schemars(range(min = 1e-6, max = 1.0))]
    #[serde(rename = "max_speed")]
    pub max_speed_m_s: f64,
    /// Largest rotation of the tool, from its orientation at the start, before a motion stops (rad).
    #[schemars(range(min = 1e-6, max = 3.2))]
    #[serde(rename = "max_rotation")]
    pub max_rotation_rad: f64,
    /// Largest length of a move (m).
    #[schemars(range(min = 1e-6, max = 1.0))]
    #[serde(rename = "max_step")]
    pub max_step_m: f64,
    /// Largest distance of the tool from its path before a motion stops (m).
    #[schemars(range(min = 1e-6, max = 1.0))]
    #[serde(rename = "max_deviation")]
    pub max_deviation_m: f64,
}

/// Moves besides those of a calibration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MoveToParameters {
    /// Permission for ~/move_to, clicks and the live page to move the robot.
    pub armed: bool,
}

impl Default for RobotParameters {
    fn default() -> Self {
        RobotParameters {
            pose_source: PoseSource::Topic,
            motion: MotionInterface::Pose,
            pose_timeout_s: 0.5,
            control_period_s: 0.02,
        }
    }
}

impl Default for SettleParameters {
    fn default() -> Self {
        SettleParameters { window_s: 0.15, tolerance_m: 6e-6, reach_m: 3e-5, image_tolerance_px: 0.15, timeout_s: 10.0 }
    }
}

impl Default for LimitParameters {
    fn default() -> Self {
        LimitParameters {
            box_min_m: [-0.05, -0.05, -0.001],
            box_max_m: [0.05, 0.05, 0.05],
            max_speed_m_s: 0.01,
            max_rotation_rad: 0.005,
            max_step_m: 0.003,
            max_deviation_m: 0.001,
        }
    }
}

impl SettleParameters {
    /// The same in mm, for [`crate::sweep::motion::settle::Settling`].
    pub fn settings(&self) -> SettleSettings {
        SettleSettings { window_s: self.window_s, tolerance_mm: 1e3 * self.tolerance_m, reach_mm: 1e3 * self.reach_m }
    }
}

impl LimitParameters {
    /// Box and longest move, mm.
    pub fn limits(&self) -> Limits {
        Limits {
            box_min_mm: self.box_min_m.map(|m| 1e3 * m),
            box_max_mm: self.box_max_m.map(|m| 1e3 * m),
            max_step_mm: 1e3 * self.max_step_m,
        }
    }
}
