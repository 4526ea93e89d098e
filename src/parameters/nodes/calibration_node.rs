//! The parameters of `calibration_node`.

use crate::parameters::nodes::calibration::CalibrationParameters;
use crate::parameters::nodes::cameras::CameraParameters;
use crate::parameters::nodes::frames::FrameParameters;
use crate::parameters::nodes::joints::JointParameters;
use crate::parameters::nodes::people::{CheckParameters, ClickParameters, ShowParameters, WebParameters};
use crate::parameters::nodes::robot::{LimitParameters, MoveToParameters, RobotParameters, SettleParameters};
use crate::sweep::images::still_pair::StillPairSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// All parameters of `calibration_node`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeParameters {
    /// Time from /clock instead of the system's clock.
    #[schemars(extend("readOnly" = true))]
    pub use_sim_time: bool,
    /// Target, method and files.
    #[serde(flatten)]
    pub calibration: CalibrationParameters,
    /// Coordinate frames.
    #[serde(flatten)]
    pub frames: FrameParameters,
    /// Image pairs.
    #[serde(flatten)]
    pub cameras: CameraParameters,
    /// Poses and set points.
    #[serde(flatten)]
    pub robot: RobotParameters,
    /// Joints of a gantry.
    #[schemars(extend("readOnly" = true))]
    pub joints: JointParameters,
    /// When the tool is at rest.
    pub settle: SettleParameters,
    /// Limits of every motion.
    pub limits: LimitParameters,
    /// `~/move_to`.
    pub move_to: MoveToParameters,
    /// `~/check`.
    pub check: CheckParameters,
    /// Markers, dataset and overlays.
    #[serde(flatten)]
    pub show: ShowParameters,
    /// Clicks in the images.
    pub click: ClickParameters,
    /// The live page.
    pub web: WebParameters,
}

impl NodeParameters {
    /// What a still pair must be.
    pub fn still_pairs(&self) -> StillPairSettings {
        StillPairSettings {
            settle: Some(self.settle.settings()),
            sync_tolerance_ns: self.cameras.sync_tolerance_ns(),
            image_tolerance_px: self.settle.image_tolerance_px,
        }
    }
}
