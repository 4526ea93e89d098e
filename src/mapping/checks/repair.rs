//! Line numbers that a check changed.

use crate::camera::Camera;
use serde::{Deserialize, Serialize};

/// Line numbers of one camera that were repaired.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repair {
    /// Whose.
    pub camera: Camera,
    /// First and last of the neighbouring heights, mm.
    pub heights_mm: [f64; 2],
    /// Whether jogs were renumbered instead of heights.
    pub jogs: bool,
    /// Number of views.
    pub views: usize,
    /// What was taken off (n_v, −n_h).
    pub lines: [i32; 2],
}
