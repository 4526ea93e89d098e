//! Image pairs on disk: `DIR/00000.png …` beside a `poses.csv`.
//!
//! ```
//! use grating_calibration::folder::pairs;
//!
//! # let cell = tempfile::tempdir()?;
//! # let cell = cell.path();
//! # for side in ["left", "right"] {
//! #     std::fs::create_dir(cell.join(side))?;
//! #     for index in 0..2 {
//! #         image::GrayImage::from_pixel(64, 48, image::Luma([51])).save(cell.join(format!("{side}/{index:05}.png")))?;
//! #     }
//! # }
//! # std::fs::write(cell.join("poses.csv"), "index,x_mm,y_mm,z_mm\n0,0,0,100.5\n1,0,0,100\n")?;
//! // cell/poses.csv, cell/left/00000.png …, cell/right/00000.png …
//! let listed = pairs::list(&cell.join("left"), &cell.join("right"), &cell.join("poses.csv"))?;
//! // The lowest pair first, whatever the order in the file.
//! assert_eq!([listed[0].pose.z_mm, listed[1].pose.z_mm], [100.0, 100.5]);
//! let images = pairs::read_pair(listed[0].images.as_deref())?;
//! assert_eq!(images.left.dimensions(), (64, 48));
//! // Brightness is a share of full scale: 51 of 255 counts.
//! assert!((images.left.get_pixel(0, 0).0[0] - 0.2).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::camera::Stereo;
use crate::folder::error::FolderError;
use crate::folder::poses_csv::parse_poses;
use crate::folder::whole_file::read_whole;
use crate::pose::tool_pose::ToolPose;
use crate::{GrayImage, gray_from_u8, gray_from_u16};
use std::path::{Path, PathBuf};

/// An image pair on disk with its pose.
#[derive(Clone, Debug, PartialEq)]
pub struct PairFiles {
    /// Both image files.
    pub images: Stereo<PathBuf>,
    /// The tool's measured pose.
    pub pose: ToolPose,
}

const EXTENSIONS: [&str; 7] = ["png", "tif", "tiff", "bmp", "pgm", "jpg", "jpeg"];

/// Longest `poses.csv` that is read, bytes: a million rows need less.
const MAX_POSES_BYTES: u64 = 64 << 20;

/// All pairs that `poses` lists, lowest height first.
///
/// # Errors
/// [`FolderError`] naming the file and row.
pub fn list(left: &Path, right: &Path, poses: &Path) -> Result<Vec<PairFiles>, FolderError> {
    let text = read_whole(poses, MAX_POSES_BYTES).map_err(|cause| FolderError::Io { path: poses.into(), cause })?;
    parse_poses(&text, poses)?
        .iter()
        .map(|row| {
            Ok(PairFiles {
                images: Stereo { left: find(left, row.index)?, right: find(right, row.index)? },
                pose: row.pose,
            })
        })
        .collect()
}

fn find(folder: &Path, index: u32) -> Result<PathBuf, FolderError> {
    let candidates = EXTENSIONS.iter().map(|extension| folder.join(format!("{index:05}.{extension}")));
    candidates.into_iter().find(|path| path.exists()).ok_or(FolderError::NoImage { folder: folder.into(), index })
}

/// Longest image file that is read, bytes: 8192×8192 pixels of three colours and 16 bits need less, uncompressed.
pub const MAX_IMAGE_BYTES: u64 = 512 << 20;

/// Reads an image of 8 or 16 bits, grey or colour, as brightness.
///
/// # Errors
/// [`FolderError::Io`], [`FolderError::Image`].
pub fn read_gray(path: &Path) -> Result<GrayImage, FolderError> {
    let bytes = read_whole(path, MAX_IMAGE_BYTES).map_err(|cause| FolderError::Io { path: path.into(), cause })?;
    decode_gray(&bytes).map_err(|cause| FolderError::Image { path: path.into(), cause })
}

/// Both images of a pair; they are decoded at the same time.
///
/// # Errors
/// As [`read_gray`].
pub fn read_pair(images: Stereo<&Path>) -> Result<Stereo<GrayImage>, FolderError> {
    std::thread::scope(|scope| {
        // Threads of their own: those of rayon may be at work on the pair before.
        let right = scope.spawn(|| read_gray(images.right));
        let left = read_gray(images.left);
        let right = right.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok(Stereo { left: left?, right: right? })
    })
}

/// The image that a file holds. What it claims to be is not believed: memory is bounded by the decoder.
///
/// # Errors
/// When it is none, or too large.
pub fn decode_gray(bytes: &[u8]) -> image::ImageResult<GrayImage> {
    let image = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format()?.decode()?;
    let (width, height) = (image.width(), image.height());
    let gray = match image {
        image::DynamicImage::ImageLuma8(gray) => gray_from_u8(width, height, gray.as_raw()),
        image::DynamicImage::ImageLuma16(gray) => gray_from_u16(width, height, gray.as_raw()),
        other => gray_from_u16(width, height, other.to_luma16().as_raw()),
    };
    gray.ok_or_else(|| {
        let kind = image::error::ParameterErrorKind::DimensionMismatch;
        image::ImageError::Parameter(image::error::ParameterError::from_kind(kind))
    })
}
