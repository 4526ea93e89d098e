//! How far a calibration is, and how it ended.

use std::time::Duration;

/// What a calibration does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Checks before the robot moves.
    #[default]
    Preflight,
    /// The robot moves to the next pose.
    Moving,
    /// Images are awaited that show the tool at rest.
    Settling,
    /// An image pair is fitted.
    Fitting,
    /// The models are fitted.
    Mapping,
    /// The calibration is written.
    Saving,
}

impl Stage {
    /// As feedback names it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Preflight => "preflight",
            Stage::Moving => "moving",
            Stage::Settling => "settling",
            Stage::Fitting => "fitting",
            Stage::Mapping => "mapping",
            Stage::Saving => "saving",
        }
    }
}

/// How far a calibration is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// What it does.
    pub stage: Stage,
    /// Number of the pose, from 1; 0 before the first.
    pub step: u32,
    /// Number of poses.
    pub steps: u32,
    /// Height of the pose.
    pub height_mm: f64,
    /// Of the last fitted pair, over the contrast; the worse of both cameras.
    pub residual: f64,
    /// Estimated time to the end.
    pub remaining: Duration,
}

/// How a calibration ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whether a robot may use it.
    pub is_usable: bool,
    /// Why, or why there is none.
    pub reason: String,
}
