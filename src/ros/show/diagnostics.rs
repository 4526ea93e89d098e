//! `/diagnostics`, once a second: cameras, robot, calibration, backend.

use crate::camera::Camera;
use crate::mapping::calibration::Calibration;
use crate::named::Named;
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::input::camera_input::{self, CameraInput};
use crate::ros::input::pose_input::PoseInput;
use crate::ros::robot::lease::Robot;
use crate::ros::show::status::State;
use crate::ros::state::served::ServedCalibration;
use crate::ros::support::backends::Backends;
use crate::ros::support::clock::Clock;
use r2r::QosProfile;
use r2r::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus, KeyValue};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const OK: u8 = DiagnosticStatus::OK as u8;
const WARN: u8 = DiagnosticStatus::WARN as u8;
const ERROR: u8 = DiagnosticStatus::ERROR as u8;

/// Time between two messages.
const PERIOD: Duration = Duration::from_secs(1);

/// What is diagnosed.
pub struct Diagnostics {
    /// Both cameras.
    pub cameras: Arc<CameraInput>,
    /// The robot's poses.
    pub poses: Arc<PoseInput>,
    /// The robot's controller.
    pub robot: Arc<Robot>,
    /// The calibration.
    pub served: Arc<ServedCalibration>,
    /// The device that processes the images.
    pub backends: Arc<Backends>,
    /// Time limits.
    pub parameters: ParameterTable<NodeParameters>,
    /// For stamps.
    pub clock: Arc<Clock>,
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

impl Diagnostics {
    /// Publishes from now on.
    ///
    /// # Errors
    /// When the publisher can't be made.
    pub fn start(self, node: &mut r2r::Node) -> r2r::Result<()> {
        let publisher = node.create_publisher::<DiagnosticArray>("/diagnostics", QosProfile::default())?;
        let name = node.fully_qualified_name()?;
        tokio::spawn(async move {
            let mut every_second = tokio::time::interval(PERIOD);
            every_second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                every_second.tick().await;
                if let Err(error) = publisher.publish(&self.message(&name)) {
                    tracing::error!("the diagnostics could not be published: {error}");
                }
            }
        });
        Ok(())
    }

    fn message(&self, node: &str) -> DiagnosticArray {
        let mut message = DiagnosticArray::default();
        message.header.stamp = self.clock.stamp();
        message.status = vec![
            self.camera(node, Camera::Left),
            self.camera(node, Camera::Right),
            self.robot(node),
            self.calibration(node),
            self.backend(node),
        ];
        message
    }

    fn backend(&self, node: &str) -> DiagnosticStatus {
        let (level, text) = match self.backends.current() {
            Ok(chosen) => (OK, chosen.backend().name()),
            Err(why) => (ERROR, why.to_string()),
        };
        entry(node, "backend", level, text, &[("threads", rayon::current_num_threads().to_string())])
    }

    fn camera(&self, node: &str, camera: Camera) -> DiagnosticStatus {
        let (health, unpaired) = (self.cameras.health(camera), self.cameras.unpaired());
        let limit_s = self.parameters.now().cameras.image_timeout_s;
        let (level, text) = match (health.age_s, &health.last_error) {
            (Some(age_s), None) if age_s <= limit_s => (OK, "images come".to_string()),
            (Some(age_s), Some(error)) if age_s <= limit_s => {
                (WARN, format!("some images are unusable, the last: {error}"))
            }
            (Some(age_s), _) => (ERROR, format!("no usable image for {age_s:.1} s: is the camera running?")),
            (None, Some(error)) => (ERROR, format!("no usable image so far: {error}")),
            (None, None) => (ERROR, format!("no image so far: is {} remapped?", camera_input::topic(camera))),
        };
        let values = [
            ("rate_hz", format!("{:.2}", health.rate_hz)),
            ("received", health.received.to_string()),
            ("unusable", health.bad.to_string()),
            ("without_partner", unpaired.to_string()),
            ("size_px", format!("{}x{}", health.size[0], health.size[1])),
            ("frame_id", health.frame_id),
        ];
        entry(node, &format!("{camera} camera"), level, text, &values)
    }

    fn robot(&self, node: &str) -> DiagnosticStatus {
        let (level, text) = match self.poses.fresh(self.parameters.now().robot.pose_timeout_s) {
            Ok(_) => (OK, "poses come".to_string()),
            Err(loss) => (ERROR, format!("no fresh pose ({loss}): is the robot's driver running?")),
        };
        let values = [
            ("rate_hz", format!("{:.1}", self.poses.rate_hz())),
            ("unusable", self.poses.bad().to_string()),
            ("commanded_on", self.robot.topic().into()),
            ("listeners", self.robot.listeners().map_or("unknown".into(), |count| count.to_string())),
        ];
        entry(node, "robot", level, text, &values)
    }

    fn calibration(&self, node: &str) -> DiagnosticStatus {
        let served = self.served.now();
        let (level, text) = match State::new(&served, self.robot.task()) {
            State::Calibrating => (OK, "calibrating".into()),
            State::Ready if served.is_usable() => (OK, served.reason.clone()),
            State::Ready | State::Uncalibrated => (WARN, served.reason.clone()),
        };
        let calibration = served.calibration.as_deref();
        let of = |what: fn(&Calibration) -> String| calibration.map(what).unwrap_or_default();
        let mut values = vec![
            ("usable", served.is_usable().to_string()),
            ("method", of(|calibration| calibration.method.to_string())),
            (
                "models",
                of(|calibration| Camera::BOTH.map(|c| calibration.camera(c).model.kind().to_string()).join(", ")),
            ),
            ("file", served.file.clone()),
            ("heights", calibration.map_or(0, |calibration| calibration.heights).to_string()),
        ];
        // Keys are unique: a check with several findings has all of them in one value.
        let mut findings: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for found in calibration.iter().flat_map(|calibration| &calibration.findings) {
            findings.entry(found.check.name()).or_default().push(format!("{}: {found}", found.severity));
        }
        values.extend(findings.into_iter().map(|(check, texts)| (check, texts.join("; "))));
        entry(node, "calibration", level, text, &values)
    }
}
