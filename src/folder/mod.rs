//! Files in and out: `DIR/00000.png …`, `poses.csv`, CSV of pixels ([`table`]); [`record`] and [`journal`] of a calibration
//! under way.

pub mod ahead;
pub mod image_file;
pub mod journal;
pub mod record;
pub mod table;

use crate::camera::Stereo;
use crate::statistics::median;
use crate::sweep::place::{JOG_HEIGHT_MM, JOG_MM};
use crate::sweep::pose::ToolPose;
use crate::{GrayImage, gray_from_u8, gray_from_u16};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One row of `poses.csv`: the tool's measured pose for one image pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoseRow {
    /// Which image pair: `00007.png` is 7.
    pub index: u32,
    pub pose: ToolPose,
}

/// A row as it stands in the file: the orientation's columns are there together, or not at all.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvRow {
    index: u32,
    x_mm: f64,
    y_mm: f64,
    z_mm: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    qx: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    qy: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    qz: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    qw: Option<f64>,
}

impl From<&PoseRow> for CsvRow {
    fn from(row: &PoseRow) -> Self {
        let ToolPose { x_mm, y_mm, z_mm, rotation } = row.pose;
        let [qx, qy, qz, qw] = std::array::from_fn(|i| rotation.map(|q| q[i]));
        CsvRow { index: row.index, x_mm, y_mm, z_mm, qx, qy, qz, qw }
    }
}

/// Norms of quaternions further than this from 1 are none that were measured.
const NORM_TOLERANCE: f64 = 1e-3;

impl CsvRow {
    /// The row, the `number`th of `path`, if its numbers can be a pose.
    fn checked(&self, path: &Path, number: usize) -> Result<PoseRow, FolderError> {
        for (field, value) in [("x_mm", self.x_mm), ("y_mm", self.y_mm), ("z_mm", self.z_mm)] {
            if !value.is_finite() {
                return Err(FolderError::NotFinite { path: path.into(), row: number, field, value });
            }
        }
        let rotation = match [self.qx, self.qy, self.qz, self.qw] {
            [None, None, None, None] => None,
            parts => {
                let parts = parts.map(|part| part.unwrap_or(f64::NAN));
                let norm = parts.iter().map(|part| part * part).sum::<f64>().sqrt();
                // Written so that NaN is refused.
                if !((norm - 1.0).abs() <= NORM_TOLERANCE) {
                    return Err(FolderError::NoRotation { path: path.into(), row: number, norm });
                }
                Some(parts)
            }
        };
        let pose = ToolPose { rotation, ..ToolPose::at([self.x_mm, self.y_mm, self.z_mm]) };
        Ok(PoseRow { index: self.index, pose })
    }
}

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

/// An image pair on disk with its pose.
#[derive(Clone, Debug, PartialEq)]
pub struct PairFiles {
    pub images: Stereo<PathBuf>,
    pub pose: ToolPose,
}

const EXTENSIONS: [&str; 7] = ["png", "tif", "tiff", "bmp", "pgm", "jpg", "jpeg"];

/// No `poses.csv` is longer, bytes: a million rows need less.
const LONGEST_POSES: u64 = 64 << 20;

/// All pairs that `poses` lists, lowest height first.
///
/// # Errors
/// [`FolderError`] naming the file and row.
pub fn pairs(left: &Path, right: &Path, poses: &Path) -> Result<Vec<PairFiles>, FolderError> {
    let text = read_whole(poses, LONGEST_POSES).map_err(|cause| FolderError::Io { path: poses.into(), cause })?;
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

/// The rows of a `poses.csv`, lowest height first; `path` is for people.
///
/// # Errors
/// [`FolderError`] naming the row.
pub fn parse_poses(text: &[u8], path: &Path) -> Result<Vec<PoseRow>, FolderError> {
    let csv = |cause| FolderError::Csv { path: path.into(), cause };
    let written: Vec<CsvRow> = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text)
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(csv)?;
    if written.is_empty() {
        return Err(FolderError::Empty { path: path.into() });
    }
    let mut rows: Vec<PoseRow> =
        (1..).zip(&written).map(|(number, row)| row.checked(path, number)).collect::<Result<_, _>>()?;
    rows.sort_by_key(|row| row.index);
    if let Some(twice) = rows.windows(2).find(|two| two[0].index == two[1].index) {
        return Err(FolderError::Twice { path: path.into(), index: twice[0].index });
    }
    put_in_order(&mut rows);
    Ok(rows)
}

/// The lowest pair, then the jogs from it by index, then the heights upwards: so the lines can be tracked.
fn put_in_order(rows: &mut [PoseRow]) {
    let column = |value: fn(&PoseRow) -> f64| median(&mut rows.iter().map(value).collect::<Vec<_>>()).unwrap_or(0.0);
    let lowest = rows.iter().map(|row| row.pose.z_mm).fold(f64::INFINITY, f64::min);
    // Most rows at the lowest height may be jogs, but then they lie on both sides or there are more heights.
    let (x, y) = (column(|row| row.pose.x_mm), column(|row| row.pose.y_mm));
    let is_jog =
        |row: &PoseRow| row.pose.z_mm - lowest < JOG_HEIGHT_MM && (row.pose.x_mm - x).hypot(row.pose.y_mm - y) > JOG_MM;
    let first = rows.iter().filter(|row| !is_jog(row)).map(|row| row.pose.z_mm).fold(f64::INFINITY, f64::min);
    let key = |row: &PoseRow| match is_jog(row) {
        false if row.pose.z_mm <= first => (0, 0.0),
        true => (1, f64::from(row.index)),
        false => (2, row.pose.z_mm),
    };
    rows.sort_by(|a, b| {
        let ((class_a, order_a), (class_b, order_b)) = (key(a), key(b));
        class_a.cmp(&class_b).then(order_a.total_cmp(&order_b))
    });
}

fn find(folder: &Path, index: u32) -> Result<PathBuf, FolderError> {
    let candidates = EXTENSIONS.iter().map(|extension| folder.join(format!("{index:05}.{extension}")));
    candidates.into_iter().find(|path| path.exists()).ok_or(FolderError::NoImage { folder: folder.into(), index })
}

/// No image file is longer, bytes: 8192×8192 pixels of three colours and 16 bits, not compressed, are not.
const LONGEST_IMAGE: u64 = 512 << 20;

/// Reads an image of 8 or 16 bits, grey or colour, as brightness.
///
/// # Errors
/// [`FolderError::Io`], [`FolderError::Image`].
pub fn read_gray(path: &Path) -> Result<GrayImage, FolderError> {
    let bytes = read_whole(path, LONGEST_IMAGE).map_err(|cause| FolderError::Io { path: path.into(), cause })?;
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

/// A file's bytes, if there are no more than `most`.
///
/// # Errors
/// When it can't be read, or is longer.
pub fn read_whole(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let text = format!("longer than {most} bytes, which no such file is");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// Writes `poses.csv`: to a temporary file, then renamed, so that it is complete at any moment.
///
/// # Errors
/// [`FolderError`].
pub fn write_poses(path: &Path, rows: &[PoseRow]) -> Result<(), FolderError> {
    let csv = |cause| FolderError::Csv { path: path.into(), cause };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(CsvRow::from(row)).map_err(csv)?;
    }
    let text = writer.into_inner().map_err(|error| csv(error.into_error().into()))?;
    write_whole(path, &text).map_err(|cause| FolderError::Io { path: path.into(), cause })
}

/// Writes a file so that a reader, or a crash, sees the old one or the new one.
///
/// # Errors
/// When the disk is full or the folder can't be written to; the old file stays then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, bytes)?;
    // Temporary files are private; these are to be read by others too.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The new name, too, is to survive a power cut; some file systems can't sync a folder and need not.
    #[cfg(unix)]
    let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}
