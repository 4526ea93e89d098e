//! Any numbers to a sound calibration: numbers back, or a status that says why not.
#![no_main]

use grating_calibration::camera::Camera;
use grating_calibration::mapping::calibration::Calibration;
use libfuzzer_sys::fuzz_target;
use nalgebra::{Vector2, Vector3};
use std::path::Path;
use std::sync::LazyLock;

static CALIBRATION: LazyLock<Calibration> = LazyLock::new(|| {
    let bytes = include_bytes!("../seeds/calibration/half_size.yaml");
    Calibration::parse(bytes, Path::new("half_size.yaml")).unwrap()
});

fuzz_target!(|numbers: [f64; 8]| {
    let [a, b, c, d, x, y, z, sigma] = numbers;
    let pair = CALIBRATION.noisy_pair_to_point(Vector2::new(a, b), Vector2::new(c, d), sigma);
    let plane = CALIBRATION.noisy_pixel_to_plane(Camera::Left, Vector2::new(a, b), z, sigma);
    for answer in [pair, plane] {
        let mut numbers = answer.estimate.point_mm.iter().chain(answer.estimate.covariance_mm2.iter());
        assert!(!answer.status.is_answered() || numbers.all(|x| x.is_finite()), "{answer:?}");
    }
    let seen = CALIBRATION.point_to_pixel(Camera::Right, Vector3::new(x, y, z));
    assert!(!seen.status.is_answered() || seen.pixel.iter().all(|x| x.is_finite()), "{seen:?}");
});
