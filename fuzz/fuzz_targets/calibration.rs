//! Any bytes as calibration.yaml: refused, or a calibration that answers with numbers.
#![no_main]

use grating_calibration::mapping::calibration::Calibration;
use libfuzzer_sys::fuzz_target;
use nalgebra::Vector2;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(calibration) = Calibration::parse(bytes, Path::new("calibration.yaml")) {
        let answer = calibration.noisy_pair_to_point(Vector2::new(300.0, 180.0), Vector2::new(295.0, 180.0), 0.1);
        let mut numbers = answer.estimate.point_mm.iter().chain(answer.estimate.covariance_mm2.iter());
        assert!(!answer.status.is_answered() || numbers.all(|x| x.is_finite()), "{answer:?}");
    }
});
