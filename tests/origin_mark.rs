//! The origin mark: found in every light and orientation, or refused with the reason.

use grating_calibration::GrayImage;
use grating_calibration::camera::Camera;
use grating_calibration::grating::refine::{FitOptions, fit_cold};
use grating_calibration::lattice::local;
use grating_calibration::lattice::mark::Mark;
use grating_calibration::lattice::origin::{self, OriginError, OriginMark};
use grating_calibration::sim::config::OriginMark as Printed;
use grating_calibration::sim::{Preset, Scene, SceneConfig};
use image::imageops;
use nalgebra::{Matrix2, Vector2, Vector3};

fn marked(preset: Preset) -> SceneConfig {
    let mut config = preset.config();
    config.grid.mark = Printed::Pattern;
    config
}

fn small(mut config: SceneConfig) -> SceneConfig {
    config.rig.width /= 2;
    config.rig.height /= 2;
    config.sensor.blur_px *= 0.65;
    config.lens.freeform_px *= 0.5;
    config
}

fn find(image: &GrayImage) -> Result<OriginMark, OriginError> {
    origin::find(image, &fit_cold(image, &FitOptions::default()).unwrap().parameters)
}

/// The image of the left camera at h = 0, and where the origin is in it.
fn picture(config: SceneConfig) -> (GrayImage, Vector2<f64>) {
    let scene = Scene::new(config).unwrap();
    (scene.picture(Camera::Left, Vector3::zeros(), 0).to_gray(), scene.origin_px().unwrap().left)
}

const STRAIGHT: Matrix2<i32> = Matrix2::new(1, 0, 0, 1);

#[test]
fn the_mark_is_found_in_every_light() {
    for preset in [
        Preset::Standard,
        Preset::Mild,
        Preset::Strong,
        Preset::Narrow,
        Preset::Noisy,
        Preset::Defocus,
        Preset::Glare,
        Preset::Laser,
    ] {
        for config in [marked(preset), small(marked(preset))] {
            let (image, at) = picture(config);
            let found = find(&image).unwrap_or_else(|error| panic!("{preset:?}, {} px: {error}", image.width()));
            println!("{preset:?} {}: {:.2} px off", image.width(), (found.pixel - at).norm());
            assert_eq!((found.turn, found.mark), (STRAIGHT, Mark::of_pitch_mm(1.1).unwrap()), "{preset:?}");
            assert!((found.pixel - at).norm() < 1.0, "{preset:?}: {} instead of {at}", found.pixel);
        }
    }
}
