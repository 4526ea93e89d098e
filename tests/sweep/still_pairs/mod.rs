//! Which still pairs are chosen, and why none.

mod decisions;
mod interleaved;

use grating_calibration::GrayImage;
use grating_calibration::pose::tool_pose::StampedPose;
use grating_calibration::sweep::images::still_pair::{CameraImage, StillPairSettings};
use grating_calibration::sweep::motion::settle::SettleSettings;
use nalgebra::Isometry3;

const BEGIN_NS: i64 = 1_700_000_000_000_000_000;
const MS: i64 = 1_000_000;

const SETTINGS: StillPairSettings = StillPairSettings {
    settle: Some(SettleSettings { window_s: 0.15, tolerance_mm: 0.006, reach_mm: 0.05 }),
    sync_tolerance_ns: 5 * MS,
    image_tolerance_px: 0.15,
};

/// A pattern, as far aside as the tool and whatever shakes it put it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shot {
    checksum: u32,
    shift_px: f64,
}

impl CameraImage for Shot {
    fn checksum(&self) -> u32 {
        self.checksum
    }

    fn to_gray(&self) -> GrayImage {
        GrayImage::from_fn(32, 24, |u, v| {
            let (x, y) = (f64::from(u) - self.shift_px, f64::from(v));
            image::Luma([(0.5 + 0.2 * (0.5 * x).sin() + 0.2 * (0.4 * y).cos()) as f32])
        })
    }
}

fn pose(stamp_ns: i64, height_mm: f64) -> StampedPose {
    StampedPose { stamp_ns, pose: Isometry3::translation(0.0, 0.0, height_mm) }
}
