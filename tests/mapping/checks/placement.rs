//! The left camera on the left.

use crate::common::projected::{Mishap, ProjectedSweep};
use crate::mapping::checks::{SEED, half_size};
use grating_calibration::mapping::bundle::Bundle;
use grating_calibration::mapping::checks::finding::Severity;
use grating_calibration::mapping::checks::placement;
use grating_calibration::mapping::views::Views;
use grating_calibration::sim::preset::Preset;

#[test]
fn swapped_cameras_are_noticed() {
    for turn_deg in [0.0, 180.0] {
        let mut config = half_size(Preset::Standard);
        (config.cameras.left.turn_deg, config.cameras.right.turn_deg) = (turn_deg, turn_deg);
        let clean = ProjectedSweep::of(config, 5).views(SEED, |_| Mishap::NONE);
        let is_swapped = |views: &Views| {
            placement::check(views, &Bundle::nominal(views)).is_some_and(|found| found.severity == Severity::Unusable)
        };
        // The images decide what is left: upside down it is the camera on the robot's right.
        let mut swapped = clean.clone();
        std::mem::swap(&mut swapped.observations.left, &mut swapped.observations.right);
        assert_eq!([is_swapped(&clean), is_swapped(&swapped)], [turn_deg > 90.0, turn_deg < 90.0]);
    }
}
