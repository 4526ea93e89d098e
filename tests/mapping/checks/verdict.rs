//! All checks together: which calibrations a robot may use.

use crate::common::projected::{Mishap, ProjectedSweep};
use crate::mapping::checks::{JOG_MM, SEED, calibrate, half_size, rms_um, sorted, thinned};
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::mapping::calibration::{Calibration, CameraCalibration};
use grating_calibration::mapping::checks::finding::{Check, Severity};
use grating_calibration::mapping::models::registry::ModelKind;
use grating_calibration::sim::preset::Preset;
use grating_calibration::sim::truth::Axes;
use grating_calibration::sweep::finish::calibrate_views;
use grating_calibration::sweep::settings::CalibrationSettings;

/// From the first check to the verdict, with 1 µm of encoder noise and an axis 0.15° off the grid's normal.
#[test]
fn a_clean_and_a_repaired_sweep_are_usable() {
    for (preset, noise_px, slips) in [(Preset::Standard, 0.03, 3), (Preset::Noisy, 0.12, 0)] {
        let mut config = half_size(preset);
        config.grid.tilt_deg = [0.1, -0.11];
        let sweep = ProjectedSweep { noise_px, ..ProjectedSweep::of(config, 6) };
        let mut views = thinned(sweep.views(SEED, |_| Mishap::NONE));
        (3..3 + slips).for_each(|view| views.renumber(Camera::Right, view, [0, 1]));
        let calibration = calibrate(views).unwrap();
        assert!(calibration.usable, "{preset:?}: {}", calibration.reason);
        assert_eq!(sorted(calibration.findings.clone()).0.len(), usize::from(slips > 0));
        let rms = rms_um(&sweep.scene, &calibration, Axes::Lines);
        assert!(rms.max() < 400.0 * noise_px, "{preset:?}: {rms}");
    }
}

/// Jogs included: nothing depends on the order in which a table is walked.
#[test]
fn the_same_views_give_the_same_numbers_to_the_last_bit() {
    let views =
        thinned(ProjectedSweep::of(half_size(Preset::Laser), 6).with_jogs(JOG_MM).views(SEED, |_| Mishap::NONE));
    let numbers = || Calibration { created: String::new(), ..calibrate(views.clone()).unwrap() };
    assert_eq!(numbers(), numbers());
}

/// Models that answer their own pairs well but not what they have not seen are not usable.
#[test]
fn errors_at_held_out_places_decide() {
    let views = thinned(ProjectedSweep::of(half_size(Preset::Strong), 6).views(SEED, |_| Mishap::NONE));
    let mut calibration = calibrate(views).unwrap();
    let refused = |calibration: &Calibration| {
        let findings = calibration.accuracy(0.05);
        findings.into_iter().filter(|f| f.severity == Severity::Unusable).map(|f| f.check).collect::<Vec<_>>()
    };
    assert!(calibration.usable && refused(&calibration).is_empty(), "{}", calibration.reason);
    for bad in [5.0, f64::NAN] {
        let right = CameraCalibration { cross_validation_rms_px: bad, ..calibration.right.clone() };
        assert_eq!(refused(&Calibration { right, ..calibration.clone() }), [Check::HeldOutError]);
    }
    // No number is no small error.
    calibration.stereo.rms_mm[1] = f64::NAN;
    assert_eq!(refused(&calibration), [Check::StereoError]);
}

/// Everything at once: each cause is named.
#[test]
fn every_likely_cause_is_in_the_reason() {
    let sweep = ProjectedSweep::of(half_size(Preset::Laser), 6);
    let mut views = thinned(sweep.views(SEED, |i| if i < 3 { Mishap::NONE } else { Mishap::target(0.1, 0.0, 0.0) }));
    std::mem::swap(&mut views.observations.left, &mut views.observations.right);
    views.pitch_mm = 1.0;
    let calibration = calibrate(views).unwrap();
    let reason = &calibration.reason;
    assert!(!calibration.usable);
    for cause in ["was the target bumped", "seem to be swapped", "is the pitch 1 mm, or rather 1.1"] {
        assert!(reason.contains(cause), "{cause} in {reason}");
    }
}

/// Another model of the same sweep does not make the sweep another one.
#[test]
fn a_model_by_request_stays_refused_for_what_the_sweep_was() {
    let sweep = ProjectedSweep::of(half_size(Preset::Standard), 6);
    let views = thinned(sweep.views(SEED, |i| if i < 3 { Mishap::NONE } else { Mishap::target(0.1, 0.0, 0.0) }));
    let settings = CalibrationSettings::new(views.pitch_mm, Stereo::default());
    let outcome = calibrate_views(views, Vec::new(), &settings).unwrap();
    assert!(!outcome.calibration.usable);
    let other = outcome.calibration.with_model(ModelKind::Spline, outcome.data.as_ref(), 10.0).unwrap();
    assert!(!other.usable && other.reason.contains("was the target bumped"), "{}", other.reason);
    let of_models = |calibration: &Calibration| calibration.findings.iter().filter(|f| f.check.is_of_models()).count();
    assert_eq!(of_models(&other), of_models(&outcome.calibration));
}
