//! `calibration.yaml`: written whole or not at all, read with suspicion. docs/calibration_file.md says what each key is.
//!
//! | file | holds |
//! | --- | --- |
//! | [`v1`] | version 1, which is written |
//!
//! # A new version
//! One file with the type that it is read into, and one row in `VERSIONS`; the last row is the version that is written. The
//! version is read first, so that a newer file is called that and not damaged.

pub mod v1;

use crate::folder::calibration_file::v1::CalibrationFileV1;
use crate::folder::whole_file::{read_whole, write_whole};
use crate::mapping::calibration::Calibration;
use crate::validation::ValidationError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// No calibration's file is longer, bytes: the largest has some 200 kB.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// A version of the format: its number, and how its text becomes a calibration.
struct Version {
    number: u32,
    read: fn(&[u8]) -> Result<Calibration, Unreadable>,
}

/// All versions that are read, oldest first.
const VERSIONS: &[Version] = &[Version { number: 1, read: read::<CalibrationFileV1> }];

/// The version that is written.
pub const NEWEST_VERSION: u32 = VERSIONS[VERSIONS.len() - 1].number;

/// Why a calibration could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file system refused.
    #[error("{path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The text is no calibration's.
    #[error("{path}: {cause}; the file is damaged or was edited: calibrate again, or restore it")]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        cause: serde_yaml::Error,
    },
    /// No such version is known here.
    #[error(
        "{path}: version is {found}, this program reads versions 1 to {NEWEST_VERSION}: use the program that wrote the file or \
         a newer one, or calibrate again with this one"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
    /// A number can't be what it says.
    #[error("{path}: {cause}; the file was edited or damaged: calibrate again, or restore it")]
    Impossible {
        /// The file.
        path: PathBuf,
        /// The field, and what is wrong with it.
        cause: ValidationError,
    },
}

/// Why a text is no calibration.
enum Unreadable {
    Yaml(serde_yaml::Error),
    Impossible(ValidationError),
}

impl Unreadable {
    fn of_file(self, path: &Path) -> FileError {
        let path = path.into();
        match self {
            Unreadable::Yaml(cause) => FileError::Yaml { path, cause },
            Unreadable::Impossible(cause) => FileError::Impossible { path, cause },
        }
    }
}

fn read<File>(bytes: &[u8]) -> Result<Calibration, Unreadable>
where
    File: DeserializeOwned,
    Calibration: TryFrom<File, Error = ValidationError>,
{
    let file: File = serde_yaml::from_slice(bytes).map_err(Unreadable::Yaml)?;
    Calibration::try_from(file).map_err(Unreadable::Impossible)
}

/// What every version has.
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
        let text = self.to_yaml().map_err(|cause| FileError::Yaml { path: path.into(), cause })?;
        write_whole(path, text.as_bytes()).map_err(|cause| FileError::Io { path: path.into(), cause })
    }

    /// The text of a file of the newest version.
    ///
    /// # Errors
    /// None that any calibration leads to.
    pub fn to_yaml(&self) -> Result<String, serde_yaml::Error> {
        let head = "# Pixel <-> world calibration of two cameras, by grating_calibration. Millimetres and pixels.\n";
        Ok(format!("{head}{}", serde_yaml::to_string(&CalibrationFileV1::from(self.clone()))?))
    }

    /// Reads a file of any version and checks every number.
    ///
    /// # Errors
    /// [`FileError`] naming the file and the line or field.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let bytes = read_whole(path, MAX_FILE_BYTES).map_err(|cause| FileError::Io { path: path.into(), cause })?;
        Self::parse(&bytes, path)
    }

    /// What a file of any version holds; `path` is for people.
    ///
    /// # Errors
    /// [`FileError`] naming the line or field.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, FileError> {
        let yaml = |cause| FileError::Yaml { path: path.into(), cause };
        let found = serde_yaml::from_slice::<VersionOnly>(bytes).map_err(yaml)?.version;
        let version = VERSIONS.iter().find(|version| version.number == found);
        let version = version.ok_or_else(|| FileError::Version { path: path.into(), found })?;
        (version.read)(bytes).map_err(|unreadable| unreadable.of_file(path))
    }
}
