//! What the checks of a sweep found, as a calibration keeps it; docs/checks.md lists them.

use crate::camera::Camera;
use crate::mapping::calibration::Calibration;
use crate::mapping::consistency::Repair;
use nalgebra::Matrix3;
use serde::{Deserialize, Serialize};

/// What the checks of a sweep did and could not do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Checks {
    /// Line numbers that were put right.
    pub repairs: Vec<Repair>,
    /// What the images can't tell, for people.
    pub unverified: Vec<String>,
}

impl Checks {
    /// All of it for people.
    pub fn sentences(&self) -> Vec<String> {
        let repairs = self.repairs.iter().map(|repair| format!("repaired: {repair}"));
        repairs.chain(self.unverified.iter().map(|what| format!("unverified: {what}"))).collect()
    }
}

impl Calibration {
    /// Worst RMS error along an axis of stereo points that the models have not seen, mm: of those that both cameras saw, and
    /// of one in the middle of the volume, from the models' errors in pixels. Infinite where the cameras don't determine a
    /// point.
    pub(super) fn held_out_mm(&self) -> f64 {
        let served = Camera::BOTH.map(|camera| self.camera(camera).model.kind());
        let entries = self.stereo_ladder.iter().filter(|entry| served.contains(&entry.model));
        entries.flat_map(|entry| entry.rms_mm).fold(self.held_out_from_pixels_mm(), f64::max)
    }

    fn held_out_from_pixels_mm(&self) -> f64 {
        let mut information = Matrix3::zeros();
        for camera in Camera::BOTH {
            let (_, slope) = self.camera(camera).model.pixel_and_jacobian(self.volume.centre_mm());
            let sigma = self.camera(camera).cross_validation_rms_px;
            // max() would take NaN for certainty.
            if !sigma.is_finite() {
                return f64::INFINITY;
            }
            information += slope.transpose() * slope / (sigma * sigma).max(1e-18);
        }
        let covariance_mm2 = information.try_inverse().map(|covariance| covariance.diagonal().max());
        covariance_mm2.map_or(f64::INFINITY, f64::sqrt)
    }

    /// Makes the calibration unusable for `reasons`, which come before what was said so far; nothing where there are none.
    pub fn refuse(&mut self, mut reasons: Vec<String>) {
        if reasons.is_empty() {
            return;
        }
        if !self.usable {
            reasons.push(std::mem::take(&mut self.reason));
        }
        (self.usable, self.reason) = (false, reasons.join("; "));
    }
}
