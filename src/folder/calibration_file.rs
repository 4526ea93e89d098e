//! `calibration.yaml`: written atomically, read with suspicion.

use crate::folder::whole_file::{read_whole, write_whole};
use crate::mapping::calibration::{Calibration, CameraCalibration, FORMAT_VERSION};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// No calibration's file is longer, bytes.
const LONGEST: u64 = 16 << 20;

/// Why a calibration could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{path}: {cause}")]
    Io { path: PathBuf, cause: std::io::Error },
    #[error("{path}: {cause}; the file is damaged or was edited: calibrate again, or restore it")]
    Yaml { path: PathBuf, cause: serde_yaml::Error },
    #[error(
        "{path}: version is {found}, this program reads version {FORMAT_VERSION}: calibrate again with this program"
    )]
    Version { path: PathBuf, found: u32 },
    #[error("{path}: {field}: {complaint}; the file was edited or damaged: calibrate again, or restore it")]
    Impossible { path: PathBuf, field: String, complaint: String },
}

/// Read first, so that a file of another version is called that and not damaged.
#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

impl Calibration {
    /// Writes to a temporary file beside `path`, then renames it: a reader sees the old file or the new one.
    ///
    /// # Errors
    /// [`FileError::Io`] when the folder can't be written to.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        let yaml = |cause| FileError::Yaml { path: path.into(), cause };
        let head = "# Pixel <-> world calibration of two cameras, by grating_calibration. Millimetres and pixels.\n";
        let text = format!("{head}{}", serde_yaml::to_string(self).map_err(yaml)?);
        write_whole(path, text.as_bytes()).map_err(|cause| FileError::Io { path: path.into(), cause })
    }

    /// Reads and checks every number.
    ///
    /// # Errors
    /// [`FileError`] naming the file and the line or field.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let bytes = read_whole(path, LONGEST).map_err(|cause| FileError::Io { path: path.into(), cause })?;
        Self::parse(&bytes, path)
    }

    /// What a file holds; `path` is for people.
    ///
    /// # Errors
    /// [`FileError`] naming the line or field.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, FileError> {
        let yaml = |cause| FileError::Yaml { path: path.into(), cause };
        let version = serde_yaml::from_slice::<VersionOnly>(bytes).map_err(yaml)?.version;
        if version != FORMAT_VERSION {
            return Err(FileError::Version { path: path.into(), found: version });
        }
        let calibration: Calibration = serde_yaml::from_slice(bytes).map_err(yaml)?;
        match calibration.complaint() {
            None => Ok(calibration),
            Some((field, complaint)) => Err(FileError::Impossible { path: path.into(), field, complaint }),
        }
    }

    /// The first impossible number: field and complaint.
    fn complaint(&self) -> Option<(String, String)> {
        let norm = self.tool_rotation.map_or(1.0, |q| q.iter().map(|x| x * x).sum::<f64>().sqrt());
        let top = [
            ("pitch_mm", self.pitch_mm > 0.0 && self.pitch_mm < 1e3, self.pitch_mm),
            ("height_range_mm", self.height_range_mm[0] < self.height_range_mm[1], self.height_range_mm[0]),
            ("tool_rotation", (norm - 1.0).abs() < 1e-3, norm),
            ("heights", self.heights >= 2, self.heights as f64),
        ];
        if let Some((field, _, value)) = top.iter().find(|(_, good, _)| !good) {
            return Some(((*field).into(), format!("{value} is impossible")));
        }
        for axis in 0..3 {
            let (low, high) = (self.volume.min_mm[axis], self.volume.max_mm[axis]);
            if !(low < high && low > -1e5 && high < 1e5) {
                return Some(("volume".into(), format!("{low} … {high} mm along axis {axis} is no range")));
            }
        }
        if let Some(complaint) = self.uncertainty.as_ref().and_then(|uncertainty| uncertainty.complaint()) {
            return Some(("uncertainty".into(), complaint));
        }
        [("left", &self.left), ("right", &self.right)].into_iter().find_map(|(side, camera)| {
            camera.complaint().map(|(field, complaint)| (format!("{side}.{field}"), complaint))
        })
    }
}

impl CameraCalibration {
    fn complaint(&self) -> Option<(String, String)> {
        let [width, height] = self.image_size;
        if !(16..=65_536).contains(&width) || !(16..=65_536).contains(&height) {
            return Some(("image_size".into(), format!("{width}×{height} px is impossible")));
        }
        for (field, value) in
            [("residual_rms_px", self.residual_rms_px), ("cross_validation_rms_px", self.cross_validation_rms_px)]
        {
            if !(0.0..1e4).contains(&value) {
                return Some((field.into(), format!("{value} is impossible")));
            }
        }
        for axis in 0..2 {
            let (low, high) = (self.pixel_min[axis], self.pixel_max[axis]);
            if !(low < high && low >= -0.5 && high <= f64::from(self.image_size[axis]) - 0.5) {
                return Some((
                    "pixel_min, pixel_max".into(),
                    format!("{low} … {high} px is no range within the image"),
                ));
            }
        }
        let standard = self.standard.as_ref().and_then(|standard| standard.complaint());
        let standard = standard.map(|complaint| ("standard".into(), complaint));
        self.model.complaint().map(|complaint| ("model".into(), complaint)).or(standard)
    }
}
