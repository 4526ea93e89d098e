//! Whether a robot may go by the models, and why (not).

use crate::camera::Camera;
use crate::mapping::calibration::Calibration;
use crate::statistics::exceeds;
use nalgebra::Matrix3;

impl Calibration {
    /// Whether a robot may go by the models, and why (not); see [`Self::refuse`] for what speaks against the sweep.
    pub fn verdict(&self, usable_rms_mm: f64) -> (bool, String) {
        let worst = self.stereo.rms_mm.iter().copied().fold(0.0, f64::max);
        let held_out = self.left.cross_validation_rms_px.max(self.right.cross_validation_rms_px);
        if self.stereo.pairs < 50 {
            let pairs = self.stereo.pairs;
            return (false, format!("only {pairs} pixel pairs could be checked, at least 50 are needed"));
        }
        if exceeds(worst, usable_rms_mm) {
            let (worst, limit) = (1e3 * worst, 1e3 * usable_rms_mm);
            return (
                false,
                format!("points from pixel pairs err by {worst:.1} µm RMS, at most {limit:.1} µm is accepted"),
            );
        }
        let held_out_um = 1e3 * self.held_out_mm();
        if exceeds(held_out_um, 1e3 * usable_rms_mm) {
            let limit = 1e3 * usable_rms_mm;
            return (
                false,
                format!(
                    "points at held-out heights and regions err by {held_out_um:.1} µm RMS ({held_out:.3} px), at most \
                     {limit:.1} µm is accepted: did something move during the sweep, are heights and pitch right?"
                ),
            );
        }
        (
            true,
            format!(
                "points from pixel pairs err by {:.2} µm RMS at most along an axis; {held_out:.3} px RMS at held-out heights and regions",
                1e3 * worst
            ),
        )
    }

    /// Worst RMS error along an axis of stereo points that the models have not seen, mm: of those that both cameras saw, and
    /// of one in the middle of the volume, from the models' errors in pixels. Infinite where the cameras don't determine a
    /// point.
    pub(crate) fn held_out_mm(&self) -> f64 {
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
