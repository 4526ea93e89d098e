//! Image pairs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How images are paired and waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CameraParameters {
    /// Largest difference between the stamps of both images of a pair (s).
    #[schemars(range(min = 0.0, max = 1.0))]
    #[serde(rename = "sync_tolerance")]
    pub sync_tolerance_s: f64,
    /// Longest time without an image pair before a calibration stops (s).
    #[schemars(range(min = 0.05, max = 600.0))]
    #[serde(rename = "image_timeout")]
    pub image_timeout_s: f64,
    /// Switch of left/camera_info and right/camera_info; false where the cameras' driver publishes them.
    #[schemars(extend("readOnly" = true))]
    pub camera_info: bool,
}

impl Default for CameraParameters {
    fn default() -> Self {
        CameraParameters { sync_tolerance_s: 0.005, image_timeout_s: 10.0, camera_info: true }
    }
}

impl CameraParameters {
    /// Largest difference between the stamps of both images of a pair, ns.
    pub fn sync_tolerance_ns(&self) -> i64 {
        (1e9 * self.sync_tolerance_s) as i64
    }
}
