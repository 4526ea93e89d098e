//! Simulated cells and their images.

use grating_calibration::GrayImage;
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::pose::tool_pose::ToolPose;
use grating_calibration::sim::config::SceneConfig;
use grating_calibration::sim::scene::Scene;
use grating_calibration::sweep::session::SweepSession;
use grating_calibration::sweep::settings::CalibrationSettings;
use nalgebra::{Vector2, Vector3};
use std::ops::Deref;

/// The small cell's settings as `gratingcal simulate --scene` reads them. Python's tests read the same file.
pub const SMALL_CELL: &str = include_str!("small_cell.yaml");

/// The small cell.
pub fn small() -> SceneConfig {
    serde_yaml::from_str(SMALL_CELL).unwrap()
}

/// `config` with images as much smaller, and a lens as much sharper, as the small cell's are than the standard one's.
pub fn half_size(mut config: SceneConfig) -> SceneConfig {
    let (small, standard) = (small(), SceneConfig::default());
    config.rig.width = config.rig.width * small.rig.width / standard.rig.width;
    config.rig.height = config.rig.height * small.rig.height / standard.rig.height;
    config.sensor.blur_px *= small.sensor.blur_px / standard.sensor.blur_px;
    config.lens.freeform_px *= small.lens.freeform_px / standard.lens.freeform_px;
    config
}

/// A simulated cell. Rendering a small image takes 10 ms, fitting it several times as long: images are not kept.
pub struct Cell(Scene);

impl Deref for Cell {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.0
    }
}

impl Cell {
    pub fn new(config: SceneConfig) -> Self {
        Cell(Scene::new(config).unwrap())
    }

    pub fn small() -> Self {
        Cell::new(small())
    }

    /// Where both cameras see the grid's origin at height 0.
    pub fn origin_px(&self) -> Stereo<Vector2<f64>> {
        self.0.origin_px().unwrap()
    }

    /// Sensor counts, 8 bits, when the tool has moved by `moved_mm`; `exposure` chooses the noise.
    pub fn counts(&self, camera: Camera, moved_mm: Vector3<f64>, exposure: u64) -> Vec<u8> {
        self.0.image(camera, moved_mm, exposure).to_bytes()
    }

    pub fn image(&self, camera: Camera, moved_mm: Vector3<f64>, exposure: u64) -> GrayImage {
        self.0.image(camera, moved_mm, exposure).to_gray()
    }

    pub fn pair(&self, moved_mm: Vector3<f64>, exposure: u64) -> Stereo<GrayImage> {
        Stereo::from_fn(|camera| self.image(camera, moved_mm, exposure))
    }

    pub fn pair_at(&self, height_mm: f64, exposure: u64) -> Stereo<GrayImage> {
        self.pair(Vector3::z() * height_mm, exposure)
    }

    /// What a user states who clicks the origin.
    pub fn settings(&self) -> CalibrationSettings {
        CalibrationSettings::new(self.config().grid.pitch_mm, self.origin_px())
    }

    pub fn session(&self) -> SweepSession {
        SweepSession::new(self.settings()).unwrap()
    }
}

/// The pose at a height above the lowest one.
pub fn pose(height_mm: f64) -> ToolPose {
    ToolPose::at([0.0, 0.0, 100.0 + height_mm])
}

#[test]
fn half_of_the_standard_cell_is_the_small_cell() {
    assert_eq!(half_size(SceneConfig::default()), small());
}
