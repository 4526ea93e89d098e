//! The pairs of a sweep on disk, as `gratingcal calibrate` reads them: the same images and poses give the same numbers.

use crate::camera::{Camera, Stereo};
use crate::folder::{FolderError, PoseRow, write_poses};
use crate::ros::images::{Counts, StampedImage};
use crate::sweep::session::ToolPose;
use std::path::{Path, PathBuf};

/// Writes pairs as they come.
pub struct Recorder {
    folder: PathBuf,
    rows: Vec<PoseRow>,
}

impl Recorder {
    /// # Errors
    /// [`FolderError`] when the folders can't be made.
    pub fn new(folder: &Path) -> Result<Self, FolderError> {
        for camera in Camera::BOTH {
            let path = folder.join(camera.to_string());
            std::fs::create_dir_all(&path).map_err(|cause| FolderError::Io { path, cause })?;
        }
        Ok(Recorder { folder: folder.into(), rows: Vec::new() })
    }

    /// # Errors
    /// [`FolderError`] when the disk refuses.
    pub fn add(&mut self, pair: &Stereo<StampedImage>, pose: ToolPose) -> Result<(), FolderError> {
        let index = self.rows.len() as u32;
        for camera in Camera::BOTH {
            let path = self.folder.join(camera.to_string()).join(format!("{index:05}.png"));
            let image = &pair[camera];
            let (width, height) = (image.width, image.height);
            let written = match &image.counts {
                Counts::U8(counts) => image::save_buffer(&path, counts, width, height, image::ColorType::L8),
                Counts::U16(counts) => {
                    let bytes: Vec<u8> = counts.iter().flat_map(|count| count.to_ne_bytes()).collect();
                    image::save_buffer(&path, &bytes, width, height, image::ColorType::L16)
                }
            };
            written.map_err(|cause| FolderError::Image { path, cause })?;
        }
        self.rows.push(PoseRow { index, x_mm: pose.x_mm, y_mm: pose.y_mm, z_mm: pose.z_mm });
        // Written anew each time: what is on disk is complete at any moment.
        write_poses(&self.folder.join("poses.csv"), &self.rows)
    }
}
