//! The parameters of `sim_cell`.

use crate::parameters::nodes::joints::JointParameters;
use crate::sim::config::{CamerasConfig, GridConfig, LensConfig, LightConfig, RigConfig, SceneConfig, SensorConfig};
use crate::sim::robot::RobotConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// All parameters of `sim_cell`. Scene and robot have mm and degrees in their names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CellParameters {
    /// Rate of the image pairs (Hz).
    #[schemars(range(min = 0.1, max = 200.0), extend("readOnly" = true))]
    #[serde(rename = "frame_rate")]
    pub frame_rate_hz: f64,
    /// Rate of the measured poses (Hz).
    #[schemars(range(min = 1.0, max = 2000.0), extend("readOnly" = true))]
    #[serde(rename = "pose_rate")]
    pub pose_rate_hz: f64,
    /// Interface of the robot.
    #[schemars(extend("readOnly" = true))]
    pub interface: RobotInterface,
    /// Frame of the robot's poses.
    #[schemars(extend("readOnly" = true))]
    pub base_frame: String,
    /// Frame of the tool, and of the images' headers.
    #[schemars(extend("readOnly" = true))]
    pub tool_frame: String,
    /// Position of the tool in the base frame at height 0 (m).
    #[schemars(inner(range(min = -100.0, max = 100.0)), extend("readOnly" = true))]
    #[serde(rename = "start")]
    pub start_m: [f64; 3],
    /// Orientation of tool_frame in base_frame, a quaternion x, y, z, w of length 1 (1).
    #[schemars(inner(range(min = -1.0, max = 1.0)), extend("readOnly" = true))]
    pub tool_orientation: [f64; 4],
    /// Switch of base_frame → carriage → tool_frame on /tf and /tf_static.
    #[schemars(extend("readOnly" = true))]
    pub publish_tf: bool,
    /// Joints of the gantry.
    #[schemars(extend("readOnly" = true))]
    pub joints: JointParameters,
    /// Folder for truth.yaml, scene.yaml and truth_points.csv; empty: none.
    #[schemars(extend("readOnly" = true))]
    pub truth_dir: String,
    /// Depth of the volume that truth_points.csv covers (m).
    #[schemars(range(min = 1e-4, max = 1.0), extend("readOnly" = true))]
    #[serde(rename = "truth_depth")]
    pub truth_depth_m: f64,
    /// Number of rows in truth_points.csv.
    #[schemars(range(min = 1, max = 1_000_000), extend("readOnly" = true))]
    pub truth_points: u32,
    /// Share of the images that are lost on their way (1).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub lost_frames: f64,
    /// What goes wrong from now on.
    pub fault: FaultKind,
    /// Size of the fault: delay (s), factor of the light (1), displacement (mm) or rotation (rad); 0: the fault's usual.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub fault_amount: f64,
    /// The robot's motion.
    #[schemars(extend("readOnly" = true))]
    pub robot: RobotConfig,
    /// The two cameras, as far as they are alike.
    #[schemars(extend("readOnly" = true))]
    pub rig: RigConfig,
    /// The lenses.
    #[schemars(extend("readOnly" = true))]
    pub lens: LensConfig,
    /// In what each camera differs.
    #[schemars(extend("readOnly" = true))]
    pub cameras: CamerasConfig,
    /// The printed sheet.
    #[schemars(extend("readOnly" = true))]
    pub grid: GridConfig,
    /// The lamp.
    #[schemars(extend("readOnly" = true))]
    pub light: LightConfig,
    /// Focus, noise and quantisation.
    #[schemars(extend("readOnly" = true))]
    pub sensor: SensorConfig,
    /// Seed of all random numbers.
    #[schemars(range(min = 0, max = 9_007_199_254_740_992_i64), extend("readOnly" = true))]
    pub seed: u64,
}

/// How the robot is commanded and tells its poses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RobotInterface {
    /// robot/target_pose and robot/pose.
    Pose,
    /// robot/joint_trajectory and joint_states.
    Joints,
}

/// What goes wrong in the simulated cell; docs/reliability.md says what then happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Nothing.
    None,
    /// Images 0.3 s late.
    LateFrames,
    /// Of every two pairs the later one first.
    SwappedOrder,
    /// Every image twice.
    RepeatedFrames,
    /// Images frozen, with new stamps.
    FrozenFrames,
    /// No left images.
    LeftSilent,
    /// Left images on the right topic, right ones on the left.
    CamerasSwapped,
    /// Encoding yuv422.
    WrongEncoding,
    /// Images of half the height.
    WrongSize,
    /// Image data cut off.
    Truncated,
    /// Image rows with 16 more bytes.
    PaddedRows,
    /// Half the light.
    Light,
    /// A reflection.
    Glare,
    /// Target displaced by 0.4 mm.
    TargetBumped,
    /// Images without a grid.
    TargetRemoved,
    /// Poses of NaN.
    NanPose,
    /// The same pose again and again.
    FrozenPose,
    /// Poses 0.25 s late.
    LatePose,
    /// Tool turned by 0.02 rad.
    Turned,
    /// Robot that ignores set points.
    Stuck,
    /// Robot that goes 3 mm too far.
    Overshoot,
    /// Robot that stops 0.05 mm too low.
    Short,
}

impl Default for CellParameters {
    fn default() -> Self {
        CellParameters {
            frame_rate_hz: 5.0,
            pose_rate_hz: 100.0,
            interface: RobotInterface::Pose,
            base_frame: "base_link".into(),
            tool_frame: "tool0".into(),
            start_m: [0.0; 3],
            tool_orientation: [0.0, 0.0, 0.0, 1.0],
            publish_tf: true,
            joints: JointParameters::default(),
            truth_dir: String::new(),
            truth_depth_m: 0.02,
            truth_points: 5000,
            lost_frames: 0.0,
            fault: FaultKind::None,
            fault_amount: 0.0,
            robot: RobotConfig::default(),
            rig: RigConfig::default(),
            lens: LensConfig::default(),
            cameras: CamerasConfig::default(),
            grid: GridConfig::default(),
            light: LightConfig::default(),
            sensor: SensorConfig::default(),
            seed: 0,
        }
    }
}

impl CellParameters {
    /// What there is to see.
    pub fn scene(&self) -> SceneConfig {
        let CellParameters { rig, lens, cameras, grid, light, sensor, seed, .. } = self.clone();
        SceneConfig { rig, lens, cameras, grid, light, sensor, seed }
    }
}
