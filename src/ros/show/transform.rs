//! The calibration frame on TF: fixed to the tool, or, where the robot's poses don't come from TF, placed by them.
//!
//! Nobody else publishes this frame, so the robot's own tree stays as it is.

use crate::parameters::nodes::frames::CalibrationTf;
use crate::parameters::nodes::robot::PoseSource;
use crate::ros::node::shared::Shared;
use crate::ros::{locked, time};
use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3, Vector4};
use r2r::QosProfile;
use r2r::geometry_msgs::msg::TransformStamped;
use r2r::tf2_msgs::msg::TFMessage;
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(50);
/// A fixed transform is looked at this often: `tool_offset` may change.
const FIXED_EVERY: Duration = Duration::from_secs(1);

/// Publishes from now on.
///
/// # Errors
/// When the publisher can't be made.
pub fn start(node: &mut r2r::Node, shared: &Arc<Shared>) -> r2r::Result<()> {
    let parameters = shared.parameters.now();
    let shared = shared.clone();
    match (parameters.frames.calibration_tf, parameters.robot.pose_source) {
        (CalibrationTf::None, _) => Ok(()),
        (CalibrationTf::Tool, _) | (CalibrationTf::Auto, PoseSource::Tf) => fixed(node, shared),
        (CalibrationTf::Base | CalibrationTf::Auto, _) => moving(node, shared),
    }
}

fn fixed(node: &mut r2r::Node, shared: Arc<Shared>) -> r2r::Result<()> {
    let publisher = node.create_publisher("/tf_static", QosProfile::default().keep_last(1).transient_local())?;
    tokio::spawn(async move {
        let mut sent = None;
        loop {
            let offset = offset(&shared);
            if sent != Some(offset) {
                let tool = shared.parameters.now().frames.tool_frame.clone();
                report(publisher.publish(&message(&shared, tool, shared.now_ns(), offset)));
                sent = Some(offset);
            }
            tokio::time::sleep(FIXED_EVERY).await;
        }
    });
    Ok(())
}

fn moving(node: &mut r2r::Node, shared: Arc<Shared>) -> r2r::Result<()> {
    let publisher = node.create_publisher("/tf", QosProfile::default())?;
    tokio::spawn(async move {
        let mut seen_ns = i64::MIN;
        loop {
            let latest = locked(&shared.poses).latest();
            if let Some(pose) = latest.filter(|pose| pose.stamp_ns != seen_ns) {
                seen_ns = pose.stamp_ns;
                let base = shared.parameters.now().frames.base_frame.clone();
                report(publisher.publish(&message(&shared, base, seen_ns, pose.pose * offset(&shared))));
            }
            tokio::time::sleep(EVERY).await;
        }
    });
    Ok(())
}

/// tool_from_calibration, mm.
pub fn offset(shared: &Shared) -> Isometry3<f64> {
    offset_of(shared, shared.calibration().and_then(|calibration| calibration.tool_rotation))
}

/// As [`offset`], for a calibration that was made with the tool turned so in the base frame (x, y, z, w).
pub fn offset_of(shared: &Shared, tool_rotation: Option<[f64; 4]>) -> Isometry3<f64> {
    let translation = Translation3::from(Vector3::from(shared.parameters.now().frames.tool_offset_m.map(|m| 1e3 * m)));
    let turned = tool_rotation.and_then(|q| UnitQuaternion::try_new(Quaternion::from(Vector4::from(q)), 0.5));
    // The calibrated frame has the axes of the base.
    Isometry3::from_parts(translation, turned.unwrap_or_default().inverse())
}

fn report(sent: r2r::Result<()>) {
    if let Err(error) = sent {
        tracing::error!("the calibration frame could not be published on TF: {error}");
    }
}

fn message(shared: &Shared, parent: String, stamp_ns: i64, parent_from_child_mm: Isometry3<f64>) -> TFMessage {
    let mut transform = TransformStamped::default();
    transform.header.stamp = time(stamp_ns);
    transform.header.frame_id = parent;
    transform.child_frame_id = shared.parameters.now().frames.calibration_frame.clone();
    let [x, y, z]: [f64; 3] = (1e-3 * parent_from_child_mm.translation.vector).into();
    transform.transform.translation = r2r::geometry_msgs::msg::Vector3 { x, y, z };
    let q = parent_from_child_mm.rotation;
    transform.transform.rotation = r2r::geometry_msgs::msg::Quaternion { x: q.i, y: q.j, z: q.k, w: q.w };
    TFMessage { transforms: vec![transform] }
}
