//! Whether a robot may go by the models, and why (not).

use crate::camera::Camera;
use crate::mapping::calibration::Calibration;
use crate::mapping::checks::finding::{self, Check, Finding, Limit, Quantity, Severity, Unit};
use crate::statistics::{is_within, largest};
use nalgebra::Matrix3;

/// Fewest pixel pairs whose RMS error says anything.
const MIN_PAIRS: usize = 50;

impl Calibration {
    /// What the models' own errors say: a note where they are within `usable_rms_mm`, RMS along the worst axis, mm.
    pub fn accuracy(&self, usable_rms_mm: f64) -> Vec<Finding> {
        let worst_mm = largest(self.stereo.rms_mm.into_iter());
        let held_out_px = self.left.cross_validation_rms_px.max(self.right.cross_validation_rms_px);
        let limit_um = 1e3 * usable_rms_mm;
        if self.stereo.pairs < MIN_PAIRS {
            let pairs = Quantity::new(self.stereo.pairs as f64, Unit::Count);
            let finding = Finding::new(
                Check::StereoPairs,
                Severity::Unusable,
                "pixel pairs",
                format!("only {pairs} could be checked"),
                "let both cameras see the same part of the grid",
            );
            return vec![finding.measured(pairs, Limit::at_least(MIN_PAIRS as f64))];
        }
        let judged = |check, error_mm: f64, subject: &str, beside: &str, remedy: &str| {
            let error = Quantity::new(1e3 * error_mm, Unit::Micrometre);
            let (severity, remedy) =
                if is_within(error.value, limit_um) { (Severity::Note, "") } else { (Severity::Unusable, remedy) };
            let statement = format!("they err by {error} RMS along the worst axis{beside}");
            Finding::new(check, severity, subject, statement, remedy).measured(error, Limit::at_most(limit_um))
        };
        vec![
            judged(
                Check::StereoError,
                worst_mm,
                "points from pixel pairs",
                "",
                "look in the report for the height or region that sticks out",
            ),
            judged(
                Check::HeldOutError,
                self.held_out_mm(),
                "points at held-out heights and regions",
                &format!(", {held_out_px:.3} px"),
                "did something move during the sweep, are heights and pitch right?",
            ),
        ]
    }

    /// Takes `findings` for all that is known of the calibration, and decides by them.
    pub(super) fn conclude(&mut self, findings: Vec<Finding>) {
        (self.usable, self.reason) = finding::verdict(&findings);
        self.findings = findings;
    }

    /// Puts findings about the sweep before those about the models, and decides by all of them.
    pub fn add_findings(&mut self, mut findings: Vec<Finding>) {
        findings.append(&mut self.findings);
        self.conclude(findings);
    }

    /// Worst RMS error along an axis of stereo points that the models have not seen, mm. The points are those that both
    /// cameras saw, and one in the middle of the volume, from the models' errors in pixels. Infinite where the cameras
    /// don't determine a point.
    pub(crate) fn held_out_mm(&self) -> f64 {
        let served = Camera::BOTH.map(|camera| self.camera(camera).model.kind());
        let entries = self.stereo_ladder.iter().filter(|entry| served.contains(&entry.model));
        largest(entries.flat_map(|entry| entry.rms_mm).chain([self.held_out_from_pixels_mm()]))
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
}
