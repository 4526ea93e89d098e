//! What is shown and clicked, the live page, `~/check`.

use crate::sweep::drift::Tolerances;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// Markers, dataset and overlays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShowParameters {
    /// Error that markers and dataset show in red; half of it is yellow, none green (m).
    #[schemars(range(min = 1e-9, max = 1.0))]
    #[serde(rename = "error_scale")]
    pub error_scale_m: f64,
    /// Overlays.
    pub overlay: OverlayParameters,
}

/// Overlays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverlayParameters {
    /// Rate of the overlays, drawn while somebody looks (Hz).
    #[schemars(range(min = 0.1, max = 30.0))]
    #[serde(rename = "rate")]
    pub rate_hz: f64,
}

/// Clicks in the images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClickParameters {
    /// Height above the calibrated sheet of a point clicked in one camera (m).
    #[schemars(range(min = -100.0, max = 100.0))]
    #[serde(rename = "height")]
    pub height_m: f64,
    /// Longest time between the two clicks of a stereo point; 0: no stereo points (s).
    #[schemars(range(min = 0.0, max = 3600.0))]
    #[serde(rename = "pair_time")]
    pub pair_time_s: f64,
    /// Standard deviation of a clicked pixel along u and v, for the covariance (px).
    #[schemars(range(min = 0.0, max = 100.0))]
    #[serde(rename = "sigma")]
    pub sigma_px: f64,
    /// File in file_dir to which every click is appended with its point and covariance; empty: none.
    pub file: String,
    /// Clicks that move the tool while move_to.armed is true.
    #[serde(rename = "move")]
    pub moves: ClickMoves,
    /// Position of the tool's origin after such a move, from the clicked point, in the base frame (m).
    #[schemars(inner(range(min = -100.0, max = 100.0)))]
    #[serde(rename = "approach")]
    pub approach_m: [f64; 3],
}

/// Which clicks move the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClickMoves {
    /// None.
    Off,
    /// The second click of a stereo point.
    Stereo,
    /// Every click.
    Any,
}

/// The live page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WebParameters {
    /// Switch of the live page.
    #[schemars(extend("readOnly" = true))]
    pub enabled: bool,
    /// IP address of the live page; 0.0.0.0: the whole network, without a password.
    #[schemars(extend("readOnly" = true))]
    pub address: IpAddr,
    /// TCP port of the live page; 0: any free one.
    #[schemars(extend("readOnly" = true))]
    pub port: u16,
    /// Further names of this machine under which browsers may ask for the live page, separated by commas.
    pub hosts: String,
}

/// When `~/check` is content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckParameters {
    /// Largest shift between left and right image with which ~/check calls a calibration good (px).
    #[schemars(range(min = 0.001, max = 1000.0))]
    #[serde(rename = "max_shift")]
    pub max_shift_px: f64,
    /// Largest relative error of the scale with which ~/check calls a calibration good (1).
    #[schemars(range(min = 1e-5, max = 1.0))]
    pub max_scale: f64,
    /// Largest RMS residual with which ~/check takes the target for the calibrated one (px).
    #[schemars(range(min = 0.01, max = 1000.0))]
    #[serde(rename = "max_residual")]
    pub max_residual_px: f64,
}

impl Default for ShowParameters {
    fn default() -> Self {
        ShowParameters { error_scale_m: 1e-5, overlay: OverlayParameters { rate_hz: 2.0 } }
    }
}

impl Default for ClickParameters {
    fn default() -> Self {
        ClickParameters {
            height_m: 0.0,
            pair_time_s: 10.0,
            sigma_px: 0.5,
            file: "clicked_points.csv".into(),
            moves: ClickMoves::Off,
            approach_m: [0.0, 0.0, 0.01],
        }
    }
}

impl Default for WebParameters {
    fn default() -> Self {
        WebParameters { enabled: false, address: Ipv4Addr::LOCALHOST.into(), port: 8090, hosts: String::new() }
    }
}

impl Default for CheckParameters {
    fn default() -> Self {
        CheckParameters { max_shift_px: 0.5, max_scale: 0.002, max_residual_px: 3.0 }
    }
}

impl CheckParameters {
    /// For [`crate::sweep::drift::check`].
    pub fn tolerances(&self) -> Tolerances {
        Tolerances { shift_px: self.max_shift_px, scale: self.max_scale, residual_px: self.max_residual_px }
    }
}
