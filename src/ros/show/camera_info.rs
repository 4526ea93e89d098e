//! `left/camera_info`, `right/camera_info`: the best standard model of each camera, with the stamp of every image, so that
//! image_proc pairs them. R and P rectify the pair. Latched for those who want the numbers only.

use crate::camera::{Camera, Stereo};
use crate::folder::camera_files::{rectification, rows};
use crate::mapping::interop::rectify::{Rectified, rectify};
use crate::mapping::interop::standard::StandardCamera;
use crate::ros::input::camera_input::CameraInput;
use crate::ros::input::image_buffer::Pair;
use crate::ros::state::served::ServedCalibration;
use crate::ros::time;
use r2r::sensor_msgs::msg::CameraInfo;
use r2r::{Publisher, QosProfile};
use std::sync::Arc;

/// Publishes from now on.
///
/// # Errors
/// When a publisher can't be made.
pub fn start(node: &mut r2r::Node, cameras: &Arc<CameraInput>, served: &Arc<ServedCalibration>) -> r2r::Result<()> {
    let latched = || QosProfile::default().keep_last(1).reliable().transient_local();
    let publishers = Stereo {
        left: node.create_publisher("left/camera_info", latched())?,
        right: node.create_publisher("right/camera_info", latched())?,
    };
    let (cameras, served) = (cameras.clone(), served.clone());
    let (mut pairs, mut changes) = (cameras.pairs(), served.changes());
    tokio::spawn(async move {
        loop {
            let latest = pairs.borrow_and_update().clone();
            publish(&cameras, &served, latest.as_ref(), &publishers);
            // With each image, and, while there are none, when another calibration is served.
            let changed = tokio::select! {
                changed = pairs.changed() => changed,
                changed = changes.changed(), if latest.is_none() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn publish(
    cameras: &CameraInput,
    served: &ServedCalibration,
    pair: Option<&Pair>,
    publishers: &Stereo<Publisher<CameraInfo>>,
) {
    let Some(calibration) = served.calibration() else { return };
    let standard = Stereo::from_fn(|camera| calibration.camera(camera).standard.as_ref());
    let rectified = match standard {
        Stereo { left: Some(left), right: Some(right) } => rectify(Stereo { left, right }),
        _ => None,
    };
    for camera in Camera::BOTH {
        let Some(standard) = standard[camera] else { continue };
        let mut message = info(standard, rectified.map(|rectified| rectified[camera]).as_ref());
        message.header.frame_id = cameras.health(camera).frame_id;
        message.header.stamp = time(pair.map_or(0, |pair| pair[camera].stamp_ns));
        if let Err(error) = publishers[camera].publish(&message) {
            tracing::error!("{camera}/camera_info could not be published: {error}");
        }
    }
}

fn info(standard: &StandardCamera, rectified: Option<&Rectified>) -> CameraInfo {
    let (r, p) = rectification(standard, rectified);
    let [width, height] = standard.camera.image_size;
    CameraInfo {
        width,
        height,
        distortion_model: standard.distortion.name().into(),
        d: standard.camera.distortion.clone(),
        k: rows(&standard.camera_matrix()),
        r: rows(r.matrix()),
        p: rows(&p),
        ..CameraInfo::default()
    }
}
