//! What a mapping is fitted to: pixels with their points.

use crate::mapping::volume::Volume;
use nalgebra::{Matrix2, Vector2, Vector3};

/// One grid intersection seen by one camera at one pose of the tool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correspondence {
    /// Where it was seen, raw pixel (u, v).
    pub pixel: Vector2<f64>,
    /// Measurement covariance of `pixel`, px².
    pub pixel_covariance_px2: Matrix2<f64>,
    /// Where it was, (x, y, z = −h) in the tool frame, mm.
    pub point_in_tool_mm: Vector3<f64>,
    /// Index of the image pair it comes from; blocks of the cross-validation.
    pub view: u32,
}

/// All correspondences of one camera.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraDataset {
    /// Width and height of the images, px.
    pub image_size: [u32; 2],
    /// All of them, in no particular order.
    pub correspondences: Vec<Correspondence>,
}

impl CameraDataset {
    /// The smallest box around all points.
    pub fn volume(&self) -> Volume {
        Volume::around(self.correspondences.iter().map(|p| p.point_in_tool_mm))
    }

    /// About `most` correspondences at most, from all regions of all views.
    pub fn thinned(&self, most: usize) -> Self {
        // An odd stride walks through all regions of every view.
        let stride = self.correspondences.len().div_ceil(most).max(1) | 1;
        let correspondences = self.correspondences.iter().step_by(stride).copied().collect();
        CameraDataset { image_size: self.image_size, correspondences }
    }
}

impl Correspondence {
    /// Weight of each of its two equations: one over the mean variance, 1/px².
    pub fn weight(&self) -> f64 {
        2.0 / self.pixel_covariance_px2.trace().max(1e-12)
    }
}
