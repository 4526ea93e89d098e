//! Coordinate frames.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names and places of coordinate frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameParameters {
    /// Frame of the measured robot poses.
    #[schemars(extend("readOnly" = true))]
    pub base_frame: String,
    /// Frame fixed to the cameras, in which answers are given by default.
    #[schemars(extend("readOnly" = true))]
    pub tool_frame: String,
    /// Position of the grid's origin in the tool frame at height 0, added to every answer (m).
    #[schemars(inner(range(min = -100.0, max = 100.0)))]
    #[serde(rename = "tool_offset")]
    pub tool_offset_m: [f64; 3],
    /// Name of the calibration's own frame on TF, the tool frame moved by tool_offset.
    pub calibration_frame: String,
    /// Parent of the calibration frame on TF.
    #[schemars(extend("readOnly" = true))]
    pub calibration_tf: CalibrationTf,
}

/// Parent of the calibration frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CalibrationTf {
    /// tool with pose_source tf, else base.
    Auto,
    /// tool_frame.
    Tool,
    /// base_frame, by the measured poses.
    Base,
    /// The frame is not published.
    None,
}

impl Default for FrameParameters {
    fn default() -> Self {
        FrameParameters {
            base_frame: "base_link".into(),
            tool_frame: "tool0".into(),
            tool_offset_m: [0.0; 3],
            calibration_frame: "calibration".into(),
            calibration_tf: CalibrationTf::Auto,
        }
    }
}
