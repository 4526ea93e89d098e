//! Why a folder can't be used.

use std::path::PathBuf;

/// Why a folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{path}: {cause}")]
    Io { path: PathBuf, cause: std::io::Error },
    #[error(
        "{path}: {cause}; a header index,x_mm,y_mm,z_mm (and qx,qy,qz,qw if the orientation is known) and one row an image \
         pair are needed"
    )]
    Csv { path: PathBuf, cause: csv::Error },
    #[error(
        "{path}: row {row}: {field} is {value}, which is not a finite number: give what was measured, or leave the row out"
    )]
    NotFinite { path: PathBuf, row: usize, field: &'static str, value: f64 },
    #[error(
        "{path}: row {row}: qx, qy, qz, qw have the norm {norm}, a quaternion's is 1: give all four as measured, or none"
    )]
    NoRotation { path: PathBuf, row: usize, norm: f64 },
    #[error("{path} has no rows: one row an image pair is needed")]
    Empty { path: PathBuf },
    #[error("{path}: index {index} appears twice: give one row an image pair")]
    Twice { path: PathBuf, index: u32 },
    #[error(
        "{folder} has no image {index:05} (.png, .tif, .bmp, .pgm or .jpg), but poses.csv has a row for it: add the image, or \
         leave the row out"
    )]
    NoImage { folder: PathBuf, index: u32 },
    #[error("{path}: {cause}")]
    Image { path: PathBuf, cause: image::ImageError },
}
