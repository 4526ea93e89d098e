//! `~/calibration`, latched: what the node knows about its calibration.

use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::robot::lease::{Robot, Task};
use crate::ros::state::served::{Served, ServedCalibration};
use crate::ros::support::clock::Clock;
use r2r::QosProfile;
use r2r::grating_calibration::msg::CalibrationStatus;
use std::sync::Arc;

/// Whether there is a calibration, or one under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Uncalibrated,
    /// One is under way.
    Calibrating,
    /// One is served.
    Ready,
}

impl State {
    /// A mere move calibrates nothing.
    pub fn new(served: &Served, task: Option<Task>) -> Self {
        match (task, &served.calibration) {
            (Some(Task::Calibration), _) => State::Calibrating,
            (_, Some(_)) => State::Ready,
            (_, None) => State::Uncalibrated,
        }
    }

    fn code(self) -> u8 {
        match self {
            State::Uncalibrated => CalibrationStatus::UNCALIBRATED as u8,
            State::Calibrating => CalibrationStatus::CALIBRATING as u8,
            State::Ready => CalibrationStatus::READY as u8,
        }
    }
}

/// Publishes now and with each change.
///
/// # Errors
/// When the publisher can't be made.
pub fn start(
    node: &mut r2r::Node,
    served: &Arc<ServedCalibration>,
    robot: &Arc<Robot>,
    parameters: &ParameterTable<NodeParameters>,
    clock: &Arc<Clock>,
) -> r2r::Result<()> {
    let latched = QosProfile::default().keep_last(1).reliable().transient_local();
    let publisher = node.create_publisher::<CalibrationStatus>("~/calibration", latched)?;
    let (robot, parameters, clock) = (robot.clone(), parameters.clone(), clock.clone());
    let (mut served, mut task) = (served.changes(), robot.tasks());
    tokio::spawn(async move {
        loop {
            let mut message = message(&served.borrow_and_update().clone(), *task.borrow_and_update());
            message.header.stamp = clock.stamp();
            message.header.frame_id.clone_from(&parameters.now().frames.tool_frame);
            if let Err(error) = publisher.publish(&message) {
                tracing::error!("the status could not be published: {error}");
            }
            let changed = tokio::select! {
                changed = served.changed() => changed,
                changed = task.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn message(served: &Served, task: Option<Task>) -> CalibrationStatus {
    let mut message = CalibrationStatus {
        state: State::new(served, task).code(),
        usable: served.is_usable(),
        reason: served.reason.clone(),
        file: served.file.clone(),
        ..Default::default()
    };
    if let Some(calibration) = &served.calibration {
        let both = [&calibration.left, &calibration.right];
        message.method = calibration.method.to_string();
        message.models = both.iter().map(|camera| camera.model.kind().to_string()).collect();
        message.cross_validation_rms_px = both.iter().map(|camera| camera.cross_validation_rms_px).collect();
        message.heights = calibration.heights as u32;
        message.correspondences = both.iter().map(|camera| camera.correspondences as u32).sum();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_no_calibration() {
        let none = Served { reason: "not calibrated yet".into(), ..Served::default() };
        let state = |task| message(&none, task).state;
        assert_eq!(state(Some(Task::Move)), CalibrationStatus::UNCALIBRATED as u8);
        assert_eq!(state(Some(Task::Calibration)), CalibrationStatus::CALIBRATING as u8);
        assert_eq!(state(None), CalibrationStatus::UNCALIBRATED as u8);
        assert_eq!(message(&none, None).reason, "not calibrated yet");
    }
}
