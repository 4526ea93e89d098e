//! A gantry's joints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which joint moves which axis: joint = offset + scale · coordinate, the coordinate in m, the joint in its own unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JointParameters {
    /// Joint that moves the x axis of the base frame; empty: none.
    pub x: String,
    /// Joint that moves the y axis of the base frame; empty: none.
    pub y: String,
    /// Joint that moves the z axis of the base frame; empty: none.
    pub z: String,
    /// Displacement of each joint per metre of x, y, z, not 0 (joint unit/m).
    #[schemars(inner(range(min = -1e6, max = 1e6)))]
    pub scale: [f64; 3],
    /// Value of each joint where x, y, z are 0 (joint unit).
    #[schemars(inner(range(min = -1e6, max = 1e6)))]
    pub offset: [f64; 3],
}

impl Default for JointParameters {
    fn default() -> Self {
        let [x, y, z] = ["gantry_x", "gantry_y", "gantry_z"].map(String::from);
        JointParameters { x, y, z, scale: [1.0; 3], offset: [0.0; 3] }
    }
}
