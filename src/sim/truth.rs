//! What a judge compares an estimate with: random points that both cameras see, with their exact pixels.

use crate::camera::{Camera, Stereo};
use crate::sim::error::SceneError;
use crate::sim::scene::Scene;
use nalgebra::{Matrix3, Vector2, Vector3};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde::{Deserialize, Serialize};

/// Along which axes a point is given; see [`crate::sim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axes {
    /// What a calibration without jogs can know.
    Lines,
    /// What one with jogs knows.
    Robot,
}

/// A point and where both cameras see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruthPoint {
    /// In the asked axes, mm.
    pub point_mm: Vector3<f64>,
    /// Raw pixel (u, v) of either camera.
    pub pixel: Stereo<Vector2<f64>>,
}

/// One row of `truth_points.csv`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct TruthRow {
    /// Along x, mm.
    pub x_mm: f64,
    /// Along y, mm.
    pub y_mm: f64,
    /// Along z, mm.
    pub z_mm: f64,
    /// Left pixel, u.
    pub u_left: f64,
    /// Left pixel, v.
    pub v_left: f64,
    /// Right pixel, u.
    pub u_right: f64,
    /// Right pixel, v.
    pub v_right: f64,
}

impl From<&TruthPoint> for TruthRow {
    fn from(point: &TruthPoint) -> Self {
        let (p, left, right) = (point.point_mm, point.pixel.left, point.pixel.right);
        TruthRow { x_mm: p.x, y_mm: p.y, z_mm: p.z, u_left: left.x, v_left: left.y, u_right: right.x, v_right: right.y }
    }
}

/// `count` points, uniform in the volume that both images see between z = 0 and z = −`depth_mm`.
///
/// Returns fewer only where the cameras have next to no volume in common.
pub fn points_in_common_volume(scene: &Scene, axes: Axes, depth_mm: f64, count: usize, seed: u64) -> Vec<TruthPoint> {
    let rig = &scene.config().rig;
    let mut rng = SmallRng::seed_from_u64(seed);
    let axes_from_robot = match axes {
        Axes::Lines => scene.lines_from_robot(),
        Axes::Robot => Matrix3::identity(),
    };
    // A box that holds both views whatever their tilt.
    let reach = 2.0 * (rig.height_mm + depth_mm) * (0.5 * scene.config().lens.field_deg).to_radians().tan();
    let half = reach + rig.baseline_mm;
    let mut points = Vec::with_capacity(count);
    for _ in 0..400 * count {
        if points.len() == count {
            break;
        }
        let point = Vector3::new(
            rng.random_range(-half..half),
            rng.random_range(-half..half),
            -depth_mm * rng.random_range(0.0..=1.0),
        );
        if let (Some(left), Some(right)) = (scene.project(Camera::Left, point), scene.project(Camera::Right, point)) {
            points.push(TruthPoint { point_mm: axes_from_robot * point, pixel: Stereo { left, right } });
        }
    }
    points
}

/// `truth.yaml`: what a user of the cell would know or click.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TruthFile {
    /// Distance between neighbouring lines as designed, mm.
    pub pitch_mm: f64,
    /// Pixel of the grid's origin at h = 0.
    pub origin_left: [f64; 2],
    /// Right pixel of the grid's origin at h = 0.
    pub origin_right: [f64; 2],
}

impl TruthFile {
    /// # Errors
    /// [`SceneError::OriginUnseen`].
    pub fn of(scene: &Scene) -> Result<Self, SceneError> {
        let origin = scene.origin_px()?;
        Ok(TruthFile {
            pitch_mm: scene.config().grid.pitch_mm,
            origin_left: origin.left.into(),
            origin_right: origin.right.into(),
        })
    }
}

/// Why the truth could not be written.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    /// The scene has no truth.
    #[error(transparent)]
    Scene(#[from] SceneError),
    /// A file can't be written.
    #[error("{path}: {message}")]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        message: String,
    },
}

/// Writes `truth.yaml`, `scene.yaml` and `truth_points.csv` into `folder`.
///
/// # Errors
/// [`TruthError`] naming the file.
pub fn write_truth(
    folder: &std::path::Path,
    scene: &Scene,
    axes: Axes,
    depth_mm: f64,
    count: usize,
) -> Result<(), TruthError> {
    let failed = |path: &std::path::Path, message: String| TruthError::Write { path: path.into(), message };
    let yaml = |name: &str, text: Result<String, serde_yaml::Error>| {
        let path = folder.join(name);
        let text = text.map_err(|error| failed(&path, error.to_string()))?;
        std::fs::write(&path, text).map_err(|error| failed(&path, error.to_string()))
    };
    yaml("truth.yaml", serde_yaml::to_string(&TruthFile::of(scene)?))?;
    yaml("scene.yaml", serde_yaml::to_string(scene.config()))?;
    let path = folder.join("truth_points.csv");
    let mut writer = csv::Writer::from_path(&path).map_err(|error| failed(&path, error.to_string()))?;
    for point in points_in_common_volume(scene, axes, depth_mm, count, scene.config().seed ^ 0x0074_7275_7468) {
        writer.serialize(TruthRow::from(&point)).map_err(|error| failed(&path, error.to_string()))?;
    }
    writer.flush().map_err(|error| failed(&path, error.to_string()))
}
