//! Heights against pitch.

use crate::common::projected::{Mishap, ProjectedSweep};
use crate::mapping::checks::{JOG_MM, SEED, calibrate, half_size, rms_um, thinned};
use grating_calibration::camera::Stereo;
use grating_calibration::mapping::bundle::Bundle;
use grating_calibration::mapping::checks::finding::Severity;
use grating_calibration::mapping::checks::scale::{self, Scale};
use grating_calibration::mapping::views::Views;
use grating_calibration::sim::preset::Preset;
use grating_calibration::sim::truth::Axes;

fn scale_of(views: &Views) -> Scale {
    let bundle = Bundle::nominal(views);
    scale::estimate(Stereo::from_fn(|camera| bundle.dataset(views, camera)).as_ref()).unwrap()
}

fn severity(scale: Scale, pitch_mm: f64) -> Option<Severity> {
    scale.finding(pitch_mm).map(|finding| finding.severity)
}

/// Without jogs perspective tells whether heights and pitch agree, to the accuracy that it claims; 1 % of a laser print is
/// no reason for a finding, 1.0 for 1.1 is.
#[test]
fn heights_and_pitch_that_disagree_are_noticed() {
    use Preset::{Laser, Mild, Narrow, Standard, Strong};
    for preset in [Standard, Strong, Narrow, Laser, Mild] {
        let config = half_size(preset);
        let print = config.grid.print.scale;
        let mut views = ProjectedSweep::of(config, 11).views(SEED, |_| Mishap::NONE);
        let right = scale_of(&views);
        let miss = right.factor.ln() + 0.5 * (print[0] + print[1]);
        assert!(miss.abs() < 3.0 * right.sigma, "{preset:?}: {right:?}");
        // A lens with hardly any distortion has no clear centre, and warped paper is no lens's: that is said.
        let said = matches!(preset, Mild | Narrow | Laser).then_some(Severity::Unverified);
        assert_eq!(severity(right, 1.1), said, "{preset:?}: {right:?}");
        // σ without distortion is 2.4 … 2.9 %, by noise: 1.0 for 1.1 lies at the limit of four of them.
        views.pitch_mm = if preset == Mild { 0.95 } else { 1.0 };
        let wrong = scale_of(&views);
        assert_eq!(severity(wrong, views.pitch_mm), Some(Severity::Unusable), "{preset:?}: {wrong:?}");
    }
    // Centimetres, inches, tenths.
    for told in [0.1, 1.0 / 25.4, 10.0] {
        let mut views = ProjectedSweep::of(half_size(Standard), 6).views(SEED, |_| Mishap::NONE);
        views.moved_mm.iter_mut().for_each(|moved| moved.z *= told);
        let seen = scale_of(&views);
        assert!((seen.factor * told - 1.0).abs() < 0.1, "{told}: {seen:?}");
        assert_eq!(severity(seen, 1.1), Some(Severity::Unusable), "{told}: {seen:?}");
    }
}

/// With jogs the robot measures the pitch: 1.0 said for 1.1 does no harm.
#[test]
fn a_wrong_pitch_is_measured_by_jogs() {
    let sweep = ProjectedSweep::of(half_size(Preset::Laser), 6).with_jogs(JOG_MM);
    let mut views = thinned(sweep.views(SEED, |_| Mishap::NONE));
    views.pitch_mm = 1.0;
    let calibration = calibrate(views).unwrap();
    assert!(calibration.usable, "{}", calibration.reason);
    let pitch = calibration.stage.unwrap().pitch_mm;
    assert!((pitch[0] - 1.111).abs() < 2e-3 && (pitch[1] - 1.1044).abs() < 2e-3, "{pitch:?}");
    let rms = rms_um(&sweep.scene, &calibration, Axes::Robot);
    assert!(rms.max() < 40.0, "{rms}");
}
