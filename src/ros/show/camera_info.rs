//! `left/camera_info`, `right/camera_info`: the best standard model of each camera, with the stamp of every picture, so that
//! image_proc pairs them; latched for those who want the numbers only.

use crate::camera::{Camera, Stereo};
use crate::mapping::export::projection;
use crate::mapping::standard::StandardCamera;
use crate::ros::frames::Pair;
use crate::ros::shared::Shared;
use crate::ros::time;
use nalgebra::Matrix3;
use r2r::sensor_msgs::msg::CameraInfo;
use r2r::{Publisher, QosProfile};
use std::sync::Arc;

/// Publishes from now on, unless the parameter camera_info is false.
///
/// # Errors
/// When a publisher can't be made.
pub fn start(node: &mut r2r::Node, shared: &Arc<Shared>) -> r2r::Result<()> {
    if !shared.parameters.flag("camera_info") {
        return Ok(());
    }
    let latched = || QosProfile::default().keep_last(1).reliable().transient_local();
    let publishers = Stereo {
        left: node.create_publisher("left/camera_info", latched())?,
        right: node.create_publisher("right/camera_info", latched())?,
    };
    let shared = shared.clone();
    let (mut pairs, mut changes) = (shared.pairs.subscribe(), shared.live.subscribe());
    tokio::spawn(async move {
        loop {
            let latest = pairs.borrow_and_update().clone();
            for camera in Camera::BOTH {
                publish(&shared, camera, latest.as_ref(), &publishers[camera]);
            }
            // With each picture, and once when another calibration is served.
            let go_on = tokio::select! {
                new = pairs.changed() => new.is_ok(),
                new = changes.changed(), if latest.is_none() => new.is_ok(),
            };
            if !go_on {
                return;
            }
        }
    });
    Ok(())
}

fn publish(shared: &Shared, camera: Camera, pair: Option<&Pair>, publisher: &Publisher<CameraInfo>) {
    let Some(calibration) = shared.calibration() else { return };
    let Some(standard) = &calibration.camera(camera).standard else { return };
    let mut message = info(standard);
    message.header.frame_id = shared.frames().health(camera).frame_id;
    message.header.stamp = time(pair.map_or(0, |pair| pair[camera].stamp_ns));
    if let Err(error) = publisher.publish(&message) {
        tracing::error!("{camera}/camera_info could not be published: {error}");
    }
}

fn info(standard: &StandardCamera) -> CameraInfo {
    let rows = |matrix: Matrix3<f64>| matrix.transpose().iter().copied().collect::<Vec<f64>>();
    let [width, height] = standard.camera.image_size;
    CameraInfo {
        width,
        height,
        distortion_model: standard.distortion.name().into(),
        d: standard.camera.distortion.clone(),
        k: rows(standard.camera_matrix()),
        r: rows(Matrix3::identity()),
        p: projection(standard).to_vec(),
        ..CameraInfo::default()
    }
}
