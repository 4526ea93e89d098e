//! Whatever goes wrong in a sweep is repaired, or the result is refused with its likely cause: a file for each check or group
//! of checks. See docs/checks.md.
//!
//! Most sweeps here are exact projections with noise instead of images: slips and bumps are injected below the phase tracking.

mod line_numbers;
mod origins;
mod placement;
mod plausibility;
mod scale;
mod verdict;

use crate::common::cell;
use crate::common::projected::DEPTH_MM;
use grating_calibration::camera::Stereo;
use grating_calibration::mapping::calibration::Calibration;
use grating_calibration::mapping::checks::finding::{Finding, Severity};
use grating_calibration::mapping::checks::repair::Repair;
use grating_calibration::mapping::views::Views;
use grating_calibration::sim::config::SceneConfig;
use grating_calibration::sim::preset::Preset;
use grating_calibration::sim::scene::Scene;
use grating_calibration::sim::truth::{Axes, points_in_common_volume};
use grating_calibration::sweep::error::SweepError;
use grating_calibration::sweep::finish::calibrate_views;
use grating_calibration::sweep::settings::CalibrationSettings;
use nalgebra::Vector3;

fn half_size(preset: Preset) -> SceneConfig {
    cell::half_size(preset.config())
}

/// Jogs of 1.8 mm: more than a pitch.
const JOG_MM: f64 = 1.8;
/// Of the noise in all sweeps.
const SEED: u64 = 5;

/// Every third intersection: a whole calibration then takes a third of the time.
fn thinned(mut views: Views) -> Views {
    let Stereo { left, right } = &mut views.observations;
    [left, right].into_iter().for_each(|seen| seen.retain(|o| (o.lines[0] + o.lines[1]) % 3 == 0));
    views
}

fn calibrate(views: Views) -> Result<Calibration, SweepError> {
    let settings = CalibrationSettings::new(views.pitch_mm, Stereo::default());
    calibrate_views(views, Vec::new(), &settings).map(|outcome| outcome.calibration)
}

/// RMS error per axis over the common volume, µm.
fn rms_um(scene: &Scene, calibration: &Calibration, axes: Axes) -> Vector3<f64> {
    let points = points_in_common_volume(scene, axes, DEPTH_MM, 200, 1);
    let miss = |p: &grating_calibration::sim::truth::TruthPoint| {
        calibration.pixel_pair_to_point(p.pixel.left, p.pixel.right).estimate.point_mm - p.point_mm
    };
    let squares: Vector3<f64> = points.iter().map(|p| miss(p).component_mul(&miss(p))).sum();
    (squares / points.len() as f64).map(|s| 1e3 * s.sqrt())
}

/// What was repaired, and the other findings.
fn sorted(findings: Vec<Finding>) -> (Vec<Repair>, Vec<Finding>) {
    let (repaired, others): (Vec<_>, Vec<_>) = findings.into_iter().partition(|f| f.severity == Severity::Repaired);
    (repaired.into_iter().filter_map(|finding| finding.repair).collect(), others)
}
