//! `calibration.yaml`: written atomically, read with suspicion.

use crate::folder::whole_file::{read_whole, write_whole};
use crate::mapping::calibration::{Calibration, CameraCalibration, FORMAT_VERSION};
use crate::validation::ValidationError;
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
    #[error("{path}: {cause}; the file was edited or damaged: calibrate again, or restore it")]
    Impossible { path: PathBuf, cause: ValidationError },
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
        let impossible = |cause| FileError::Impossible { path: path.into(), cause };
        calibration.validate().map_err(impossible)?;
        Ok(calibration)
    }

    /// The first impossible number.
    fn validate(&self) -> Result<(), ValidationError> {
        let norm = self.tool_rotation.map_or(1.0, |q| q.iter().map(|x| x * x).sum::<f64>().sqrt());
        let top = [
            ("pitch_mm", self.pitch_mm > 0.0 && self.pitch_mm < 1e3, self.pitch_mm),
            ("height_range_mm", self.height_range_mm[0] < self.height_range_mm[1], self.height_range_mm[0]),
            ("tool_rotation", (norm - 1.0).abs() < 1e-3, norm),
            ("heights", self.heights >= 2, self.heights as f64),
        ];
        if let Some((field, _, value)) = top.iter().find(|(_, good, _)| !good) {
            return Err(ValidationError::new(*field, format!("is {value}, which is impossible")));
        }
        self.volume.validate().map_err(|error| error.within("volume"))?;
        if let Some(uncertainty) = &self.uncertainty {
            uncertainty.validate().map_err(|error| error.within("uncertainty"))?;
        }
        self.left.validate().map_err(|error| error.within("left"))?;
        self.right.validate().map_err(|error| error.within("right"))
    }
}

impl CameraCalibration {
    fn validate(&self) -> Result<(), ValidationError> {
        let [width, height] = self.image_size;
        if !(16..=65_536).contains(&width) || !(16..=65_536).contains(&height) {
            return Err(ValidationError::new("image_size", format!("is {width}×{height} px, which is impossible")));
        }
        for (field, value) in
            [("residual_rms_px", self.residual_rms_px), ("cross_validation_rms_px", self.cross_validation_rms_px)]
        {
            if !(0.0..1e4).contains(&value) {
                return Err(ValidationError::new(field, format!("is {value}, which is impossible")));
            }
        }
        for axis in 0..2 {
            let (low, high) = (self.pixel_min[axis], self.pixel_max[axis]);
            if !(low < high && low >= -0.5 && high <= f64::from(self.image_size[axis]) - 0.5) {
                let problem = format!("are {low} … {high} px, which is no range within the image");
                return Err(ValidationError::new("pixel_min, pixel_max", problem));
            }
        }
        self.model.validate().map_err(|error| error.within("model"))?;
        match &self.standard {
            Some(standard) => standard.validate().map_err(|error| error.within("standard")),
            None => Ok(()),
        }
    }
}
