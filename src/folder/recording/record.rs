//! The pairs of a sweep on disk, as `gratingcal calibrate` reads them, and the journal that a resumed sweep goes on from.
//!
//! The same images and poses give the same numbers, so a resumed sweep fits what is on disk again and then goes on.

use crate::camera::{Camera, Stereo};
use crate::folder::error::FolderError;
use crate::folder::image_file::RawImage;
use crate::folder::pairs::MAX_IMAGE_BYTES;
use crate::folder::poses_csv::{PoseRow, write_poses};
use crate::folder::recording::journal::{Header, Journal, JournalError, Pair, image_path};
use crate::folder::whole_file::{read_whole, write_whole};
use crate::pose::tool_pose::ToolPose;
use crate::sweep::settings::CalibrationSettings;
use crate::{GrayImage, gray_from_u8, gray_from_u16};
use std::path::{Path, PathBuf};

/// Why a pair is not on disk, or can't be read back.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The journal can't be written or read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An image or poses.csv can't be written or read.
    #[error("{0}: is the disk full, may this program write there?")]
    Folder(#[from] FolderError),
    /// An image can't be encoded or decoded.
    #[error("{path}: {cause}")]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: image::ImageError,
    },
    /// An image file has changed since it was written.
    #[error("{path} is not what was written (checksum {found:08x} instead of {written:08x}): start without resume")]
    Changed {
        /// The file.
        path: PathBuf,
        /// Its CRC-32 now.
        found: u32,
        /// Its CRC-32 when it was written.
        written: u32,
    },
    /// An image file is not grey.
    #[error("{path} is no grey image of 8 or 16 bits: start without resume")]
    NoGray {
        /// The file.
        path: PathBuf,
    },
}

/// Writes pairs as they come.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    rows: Vec<PoseRow>,
    journal: Journal,
}

impl Recorder {
    /// Starts anew.
    ///
    /// # Errors
    /// [`RecordError`] when the folders can't be made.
    pub fn create(folder: &Path, header: &Header) -> Result<Self, RecordError> {
        for camera in Camera::BOTH {
            let path = folder.join(camera.to_string());
            std::fs::create_dir_all(&path).map_err(|cause| FolderError::Io { path, cause })?;
        }
        let journal = Journal::create(folder, header)?;
        // Poses of an earlier sweep don't belong to the images that come now.
        let poses = folder.join("poses.csv");
        match std::fs::remove_file(&poses) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(FolderError::Io { path: poses, cause }.into());
            }
            _ => {}
        }
        Ok(Recorder { folder: folder.into(), rows: Vec::new(), journal })
    }

    /// Goes on with what is on disk.
    ///
    /// # Errors
    /// [`RecordError`] when there is nothing, or it belongs to another sweep.
    pub fn resume(
        folder: &Path,
        offsets_mm: &[[f64; 3]],
        settings: &CalibrationSettings,
    ) -> Result<(Self, Header, Vec<Pair>), RecordError> {
        let (journal, contents) = Journal::resume(folder, offsets_mm, settings)?;
        let rows = contents.pairs.iter().map(|pair| PoseRow { index: pair.index, pose: pair.pose }).collect();
        Ok((Recorder { folder: folder.into(), rows, journal }, contents.header, contents.pairs))
    }

    /// On return the pair is on disk.
    ///
    /// # Errors
    /// [`RecordError`] when the disk refuses; what was on disk before stays as it was.
    pub fn add(&mut self, images: Stereo<RawImage<'_>>, pose: ToolPose) -> Result<(), RecordError> {
        let index = self.rows.len() as u32;
        let mut crc = Stereo { left: 0, right: 0 };
        for camera in Camera::BOTH {
            let path = image_path(&self.folder, camera, index);
            let png = images[camera].to_png().map_err(|cause| RecordError::Image { path: path.clone(), cause })?;
            crc[camera] = crc32fast::hash(&png);
            write_whole(&path, &png).map_err(|cause| FolderError::Io { path, cause })?;
        }
        self.rows.push(PoseRow { index, pose });
        write_poses(&self.folder.join("poses.csv"), &self.rows)?;
        // Last: whoever resumes goes by the journal.
        Ok(self.journal.add(&Pair { index, pose, crc })?)
    }
}

/// Reads a pair back, as bright as it was when it was written.
///
/// # Errors
/// [`RecordError`] when a file is not what was written.
pub fn read_back(folder: &Path, pair: &Pair) -> Result<Stereo<GrayImage>, RecordError> {
    let image = |camera| read_image(image_path(folder, camera, pair.index), pair.crc[camera]);
    Ok(Stereo { left: image(Camera::Left)?, right: image(Camera::Right)? })
}

fn read_image(path: PathBuf, written: u32) -> Result<GrayImage, RecordError> {
    let png = read_whole(&path, MAX_IMAGE_BYTES).map_err(|cause| FolderError::Io { path: path.clone(), cause })?;
    let found = crc32fast::hash(&png);
    if found != written {
        return Err(RecordError::Changed { path, found, written });
    }
    let image = image::load_from_memory_with_format(&png, image::ImageFormat::Png)
        .map_err(|cause| RecordError::Image { path: path.clone(), cause })?;
    let gray = match &image {
        image::DynamicImage::ImageLuma8(gray) => gray_from_u8(gray.width(), gray.height(), gray.as_raw()),
        image::DynamicImage::ImageLuma16(gray) => gray_from_u16(gray.width(), gray.height(), gray.as_raw()),
        _ => None,
    };
    gray.ok_or(RecordError::NoGray { path })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::image_file::Counts;

    #[test]
    fn images_come_back_as_they_were_and_changed_files_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let header =
            Header { offsets_mm: vec![[0.0; 3]], settings: CalibrationSettings::by_mark(), start_mm: [0.0; 3] };
        let mut recorder = Recorder::create(folder.path(), &header).unwrap();
        let counts = Stereo {
            left: Counts::U8(vec![0, 1, 2, 254, 255, 7]),
            right: Counts::U16(vec![0, 1, 256, 65_535, 40_000, 77]),
        };
        let images = Stereo::from_fn(|camera| RawImage { width: 3, height: 2, counts: &counts[camera] });
        recorder.add(images, ToolPose::at([0.1, 0.2, 0.3])).unwrap();
        let (_, _, pairs) = Recorder::resume(folder.path(), &header.offsets_mm, &header.settings).unwrap();
        assert_eq!(read_back(folder.path(), &pairs[0]).unwrap(), images.map(RawImage::to_gray));
        let path = image_path(folder.path(), Camera::Left, 0);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(read_back(folder.path(), &pairs[0]), Err(RecordError::Changed { .. })));
        // A file that no image needs is not read into memory.
        std::fs::File::create(&path).unwrap().set_len(MAX_IMAGE_BYTES + 1).unwrap();
        let error = read_back(folder.path(), &pairs[0]).unwrap_err();
        assert!(matches!(error, RecordError::Folder(FolderError::Io { .. })), "{error}");
    }
}
