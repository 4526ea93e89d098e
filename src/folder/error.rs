//! Why a folder can't be used.

use std::path::PathBuf;

/// Why a folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file can't be read or written.
    #[error("{path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: std::io::Error,
    },
    /// A file is no CSV of the expected columns.
    #[error(
        "{path}: {cause}; a header index,x_mm,y_mm,z_mm (and qx,qy,qz,qw if the orientation is known) and one row an image \
         pair are needed"
    )]
    Csv {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: csv::Error,
    },
    /// A number of poses.csv is not finite.
    #[error(
        "{path}: row {row}: {field} is {value}, which is not a finite number: give what was measured, or leave the row out"
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Row, from 1.
        row: usize,
        /// Column.
        field: &'static str,
        /// What stands there.
        value: f64,
    },
    /// A quaternion is none.
    #[error(
        "{path}: row {row}: qx, qy, qz, qw have the norm {norm}, a quaternion's is 1: give all four as measured, or none"
    )]
    NoRotation {
        /// The file.
        path: PathBuf,
        /// Row, from 1.
        row: usize,
        /// Its norm.
        norm: f64,
    },
    /// No rows.
    #[error("{path} has no rows: one row an image pair is needed")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Two rows with the same index.
    #[error("{path}: index {index} appears twice: give one row an image pair")]
    Twice {
        /// The file.
        path: PathBuf,
        /// Index of the image pair.
        index: u32,
    },
    /// A row of poses.csv without an image.
    #[error(
        "{folder} has no image {index:05} (.png, .tif, .bmp, .pgm or .jpg), but poses.csv has a row for it: add the image, or \
         leave the row out"
    )]
    NoImage {
        /// Where the image should be.
        folder: PathBuf,
        /// Index of the image pair.
        index: u32,
    },
    /// An image can't be decoded.
    #[error("{path}: {cause}")]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: image::ImageError,
    },
}
