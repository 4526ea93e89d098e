//! `/diagnostics`, once a second: cameras, robot, calibration, backend.

use crate::camera::Camera;
use crate::named::Named;
use crate::ros::node::shared::Shared;
use crate::ros::robot::mover::fresh_pose;
use crate::ros::{locked, time};
use r2r::QosProfile;
use r2r::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus, KeyValue};
use r2r::grating_calibration::msg::CalibrationStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const OK: u8 = 0;
const WARN: u8 = 1;
const ERROR: u8 = 2;

/// Publishes from now on.
///
/// # Errors
/// When the publisher can't be made.
pub fn start(node: &mut r2r::Node, shared: &Arc<Shared>) -> r2r::Result<()> {
    let publisher = node.create_publisher::<DiagnosticArray>("/diagnostics", QosProfile::default())?;
    let name = node.fully_qualified_name()?;
    let shared = shared.clone();
    tokio::spawn(async move {
        let mut every_second = tokio::time::interval(Duration::from_secs(1));
        every_second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every_second.tick().await;
            if let Err(error) = publisher.publish(&health(&shared, &name)) {
                tracing::error!("publishing the diagnostics failed: {error}");
            }
        }
    });
    Ok(())
}

fn entry(node: &str, what: &str, level: u8, message: String, values: &[(&str, String)]) -> DiagnosticStatus {
    DiagnosticStatus {
        level,
        name: format!("{}: {what}", node.trim_start_matches('/')),
        message,
        hardware_id: what.into(),
        values: values.iter().map(|(key, value)| KeyValue { key: (*key).into(), value: value.clone() }).collect(),
    }
}

fn health(shared: &Shared, node: &str) -> DiagnosticArray {
    let mut message = DiagnosticArray::default();
    message.header.stamp = time(shared.now_ns());
    message.status = vec![
        camera(shared, node, Camera::Left),
        camera(shared, node, Camera::Right),
        robot(shared, node),
        calibration(shared, node),
        backend(shared, node),
    ];
    message
}

fn backend(shared: &Shared, node: &str) -> DiagnosticStatus {
    let (level, text) = match shared.backend() {
        Ok(chosen) => (OK, chosen.backend().name()),
        Err(why) => (ERROR, why.to_string()),
    };
    entry(node, "backend", level, text, &[("threads", rayon::current_num_threads().to_string())])
}

fn camera(shared: &Shared, node: &str, camera: Camera) -> DiagnosticStatus {
    let (health, leftovers) = {
        let frames = shared.frames();
        (frames.health(camera), frames.leftovers())
    };
    let limit_s = shared.parameters.now().cameras.image_timeout_s;
    let (level, text) = match (health.age_s, &health.last_error) {
        (Some(age_s), None) if age_s <= limit_s => (OK, "images come".to_string()),
        (Some(age_s), Some(error)) if age_s <= limit_s => {
            (WARN, format!("some images are unusable, the last: {error}"))
        }
        (Some(age_s), _) => (ERROR, format!("no usable image for {age_s:.1} s: is the camera running?")),
        (None, Some(error)) => (ERROR, format!("no usable image so far: {error}")),
        (None, None) => (ERROR, format!("no image so far: is {camera}/image_raw remapped?")),
    };
    let values = [
        ("rate_hz", format!("{:.2}", health.rate_hz)),
        ("received", health.received.to_string()),
        ("unusable", health.bad.to_string()),
        ("without_partner", leftovers.to_string()),
        ("size_px", format!("{}x{}", health.size[0], health.size[1])),
        ("frame_id", health.frame_id),
    ];
    entry(node, &format!("{camera} camera"), level, text, &values)
}

fn robot(shared: &Shared, node: &str) -> DiagnosticStatus {
    let rate_hz = locked(&shared.poses).rate_hz();
    let bad = shared.bad_poses.load(Ordering::Relaxed);
    let (level, text) = match fresh_pose(shared, shared.parameters.now().robot.pose_timeout_s) {
        Ok(_) => (OK, "poses come".to_string()),
        Err(age) => (ERROR, format!("no fresh pose ({age}): is the robot's driver running?")),
    };
    let values = [
        ("rate_hz", format!("{rate_hz:.1}")),
        ("unusable", bad.to_string()),
        ("commanded_on", shared.motion.topic().into()),
        ("listeners", shared.motion.listeners().map_or("unknown".into(), |count| count.to_string())),
    ];
    entry(node, "robot", level, text, &values)
}

fn calibration(shared: &Shared, node: &str) -> DiagnosticStatus {
    let status = shared.status();
    let calibrating = status.state == CalibrationStatus::CALIBRATING as u8;
    let level = if status.usable || calibrating { OK } else { WARN };
    let text = if calibrating { "calibrating, or moving".into() } else { status.reason.clone() };
    let mut values = vec![
        ("usable", status.usable.to_string()),
        ("method", status.method.clone()),
        ("models", status.models.join(", ")),
        ("file", status.file.clone()),
        ("heights", status.heights.to_string()),
    ];
    let findings = shared.calibration().map_or(Vec::new(), |calibration| calibration.findings.clone());
    values.extend(findings.iter().map(|finding| (finding.check.name(), format!("{}: {finding}", finding.severity))));
    entry(node, "calibration", level, text, &values)
}
