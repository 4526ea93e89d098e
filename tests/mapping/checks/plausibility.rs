//! Phase margins, coverage, and heights in other units.

use crate::common::projected::{Mishap, ProjectedSweep};
use crate::mapping::checks::{SEED, calibrate, half_size};
use grating_calibration::camera::Stereo;
use grating_calibration::mapping::bundle::Bundle;
use grating_calibration::mapping::checks::finding::{Check, Severity};
use grating_calibration::sim::preset::Preset;
use grating_calibration::sweep::error::SweepError;
use grating_calibration::sweep::outcome::PairReport;
use grating_calibration::sweep::plausibility;

/// Whatever the tracking let pass, a small margin is named with its height; so is a camera that sees little of the grid.
#[test]
fn small_margins_and_little_coverage_are_refused() {
    let pair = |height_mm: f64, margin: f64| PairReport {
        height_mm,
        intersections: Stereo { left: 300, right: 300 },
        residual: Stereo { left: 0.1, right: 0.1 },
        phase_margin: Stereo { left: 0.9, right: margin },
        fit_ms: Stereo { left: 50.0, right: 50.0 },
    };
    let views = ProjectedSweep::of(half_size(Preset::Standard), 5).views(SEED, |_| Mishap::NONE);
    let mut data = Stereo::from_fn(|camera| Bundle::nominal(&views).dataset(&views, camera));
    assert!(plausibility::check(&[pair(0.0, f64::INFINITY), pair(1.0, 0.8)], &data).is_empty());
    for bad in [0.2, f64::NAN] {
        let findings = plausibility::check(&[pair(0.0, f64::INFINITY), pair(1.0, bad), pair(2.0, 0.8)], &data);
        let [margin] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((margin.check, margin.severity), (Check::PhaseMargin, Severity::Unusable));
        assert!(margin.to_string().starts_with("right camera at 1.00 mm: two line numberings"), "{margin}");
    }
    data.left.correspondences.retain(|p| p.pixel.x < 200.0);
    let findings = plausibility::check(&[], &data);
    let [coverage] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((coverage.check, coverage.severity), (Check::Coverage, Severity::Unusable));
    assert!(coverage.to_string().starts_with("left camera: intersections were seen in 33 %"), "{coverage}");
}

#[test]
fn heights_in_other_units_are_named() {
    for scale in [1e-3, 1e3] {
        let exact = ProjectedSweep { encoder_noise_mm: 0.0, ..ProjectedSweep::of(half_size(Preset::Standard), 5) };
        let mut views = exact.views(SEED, |_| Mishap::NONE);
        views.moved_mm.iter_mut().for_each(|moved| *moved *= scale);
        let error = calibrate(views).unwrap_err();
        let range = format!("span {} mm", 20.0 * scale);
        assert!(matches!(error, SweepError::Range { .. }) && error.to_string().contains(&range), "{error}");
    }
}
