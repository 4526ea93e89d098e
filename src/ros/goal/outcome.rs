//! How a goal ended well.

use crate::mapping::calibration::Calibration;
use std::sync::Arc;

/// How a goal ended well.
#[derive(Clone)]
pub enum Outcome {
    /// A calibration, usable or not.
    Calibrated {
        /// The calibration.
        calibration: Arc<Calibration>,
        /// Absolute path; empty: it is not on disk.
        file: String,
        /// Image pairs that were taken again: stale, repeated, or not yet still.
        retaken: u32,
    },
    /// Of a dry run what a calibration would do.
    Planned {
        /// Pose by pose.
        plan: String,
        /// Number of poses.
        poses: usize,
    },
}

impl Outcome {
    /// Whether a robot may go by it.
    pub fn is_usable(&self) -> bool {
        matches!(self, Outcome::Calibrated { calibration, .. } if calibration.usable)
    }

    /// Why it is (not) usable.
    pub fn reason(&self) -> String {
        match self {
            Outcome::Calibrated { calibration, .. } => calibration.reason.clone(),
            Outcome::Planned { poses, .. } => {
                format!("dry run: all checks passed, {poses} poses would be visited, nothing was moved")
            }
        }
    }
}
