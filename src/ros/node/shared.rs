//! What all tasks of the node share.

use crate::camera::{Camera, Stereo};
use crate::grating::backend::BackendError;
use crate::grating::backend::choice::ActiveBackend;
use crate::mapping::calibration::Calibration;
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::nodes::robot::PoseSource;
use crate::parameters::table::ParameterTable;
use crate::pose::tool_pose::StampedPose;
use crate::ros::click::clicks::Clicks;
use crate::ros::input::frames::{Frames, Pair};
use crate::ros::input::images::StampedImage;
use crate::ros::input::poses::PoseBuffer;
use crate::ros::robot::motion::Motion;
use crate::ros::show::live::Live;
use crate::ros::show::overlay::Overlays;
use crate::ros::support::backends::Backends;
use crate::ros::support::files::Files;
use crate::ros::support::graph::Graph;
use crate::ros::{locked, time};
use r2r::grating_calibration::msg::CalibrationStatus;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::watch;

/// What all tasks share.
pub struct Shared {
    pub parameters: ParameterTable<NodeParameters>,
    pub files: Files,
    pub graph: Graph,
    pub poses: Mutex<PoseBuffer>,
    /// Frame that measured poses are said to be in.
    pub pose_frame: Mutex<String>,
    /// Poses that were none; the second since the last good one.
    pub bad_poses: AtomicU64,
    pub bad_in_a_row: AtomicU64,
    /// Why TF gives no pose.
    pub pose_error: Mutex<String>,
    /// What people look at.
    pub live: watch::Sender<Live>,
    pub overlays: Overlays,
    pub clicks: Clicks,
    /// The latest pair.
    pub pairs: watch::Sender<Option<Pair>>,
    /// For [`crate::ros::robot::commander::Commander`] only.
    pub motion: Arc<dyn Motion>,
    pub frames: Mutex<Frames>,
    pub calibration: RwLock<Option<Arc<Calibration>>>,
    pub status: Mutex<CalibrationStatus>,
    pub status_publisher: Mutex<r2r::Publisher<CalibrationStatus>>,
    /// A goal or a move owns the robot.
    pub busy: AtomicBool,
    /// Ends the calibration that runs.
    pub cancel: Mutex<Option<watch::Sender<bool>>>,
    pub clock: Arc<Mutex<r2r::Clock>>,
    /// Latest time on /clock, ns.
    pub sim_time_ns: AtomicI64,
    pub backends: Backends,
}

impl Shared {
    pub fn calibration(&self) -> Option<Arc<Calibration>> {
        self.calibration.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who works on the images.
    ///
    /// # Errors
    /// [`BackendError`]: why what the parameter asks for can't be had.
    pub fn backend(&self) -> Result<ActiveBackend, BackendError> {
        self.backends.get(self.parameters.now().calibration.backend)
    }

    pub fn frames(&self) -> MutexGuard<'_, Frames> {
        locked(&self.frames)
    }

    /// The node's time, which obeys use_sim_time, ns.
    pub fn now_ns(&self) -> i64 {
        if self.parameters.now().use_sim_time {
            return self.sim_time_ns.load(Ordering::Acquire);
        }
        locked(&self.clock).get_now().map_or(0, |now| now.as_nanos() as i64)
    }

    /// Serves `calibration` from now on.
    pub fn serve(&self, calibration: Calibration, file: String) {
        // What answers share is worked out now: the first of them should not wait for it.
        calibration.prepare();
        let both = [&calibration.left, &calibration.right];
        let status = CalibrationStatus {
            state: CalibrationStatus::READY as u8,
            usable: calibration.usable,
            reason: calibration.reason.clone(),
            method: calibration.method.to_string(),
            file,
            models: both.iter().map(|camera| camera.model.kind().to_string()).collect(),
            cross_validation_rms_px: both.iter().map(|camera| camera.cross_validation_rms_px).collect(),
            heights: calibration.heights as u32,
            correspondences: both.iter().map(|camera| camera.correspondences as u32).sum(),
            ..Default::default()
        };
        *self.calibration.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(calibration));
        *locked(&self.status) = status;
        self.publish_status();
        // Frusta and volume are other ones now.
        self.live.send_modify(|_| ());
    }

    /// What the node knows, and whether it is calibrating right now.
    pub fn status(&self) -> CalibrationStatus {
        let mut message = locked(&self.status).clone();
        message.header.stamp = time(self.now_ns());
        message.header.frame_id = self.parameters.now().frames.tool_frame.clone();
        if self.busy.load(Ordering::Acquire) {
            message.state = CalibrationStatus::CALIBRATING as u8;
        }
        message
    }

    pub fn publish_status(&self) {
        if let Err(error) = locked(&self.status_publisher).publish(&self.status()) {
            tracing::error!("publishing the status failed: {error}");
        }
    }

    /// Why there is no calibration.
    pub fn set_reason(&self, reason: String) {
        locked(&self.status).reason = reason;
        self.publish_status();
    }

    pub fn take_image(&self, camera: Camera, message: r2r::sensor_msgs::msg::Image) {
        let frame_id = message.header.frame_id.clone();
        let tolerance_ns = self.parameters.now().cameras.sync_tolerance_ns();
        match StampedImage::from_message(message) {
            Err(error) => {
                let text = error.to_string();
                // Said once, not at frame rate.
                if self.frames().add_bad(camera, error) {
                    tracing::error!("{camera} image: {text}");
                }
            }
            Ok(image) => {
                let pair = self.frames().add(camera, image, frame_id, tolerance_ns);
                if let Some(pair) = pair {
                    self.pairs.send_replace(Some(pair));
                }
            }
        }
    }

    pub fn take_pose(&self, pose: Option<StampedPose>, frame_id: &str) {
        match pose {
            Some(pose) => {
                self.bad_in_a_row.store(0, Ordering::Relaxed);
                locked(&self.poses).add(pose);
                let mut frame = locked(&self.pose_frame);
                if *frame != frame_id {
                    *frame = frame_id.into();
                }
            }
            None => {
                self.bad_in_a_row.fetch_add(1, Ordering::Relaxed);
                // Said once in a while, not at the robot's rate.
                if self.bad_poses.fetch_add(1, Ordering::Relaxed).is_multiple_of(1000) {
                    tracing::warn!(
                        "a robot pose with NaN or infinite numbers, or a zero quaternion, was ignored: check what the \
                         robot's driver publishes"
                    );
                }
            }
        }
    }

    /// Topic and type that poses come from.
    pub fn pose_source(&self) -> (&'static str, &'static str) {
        match self.parameters.now().robot.pose_source {
            PoseSource::Tf => ("/tf", "tf2_msgs/msg/TFMessage"),
            PoseSource::Joints => ("joint_states", "sensor_msgs/msg/JointState"),
            PoseSource::Topic => ("robot/pose", "geometry_msgs/msg/PoseStamped"),
        }
    }

    /// What is known about the source of poses, with its remedy.
    pub async fn pose_topic(&self) -> String {
        let (topic, kind) = self.pose_source();
        let cause = locked(&self.pose_error).clone();
        let cause = if cause.is_empty() { cause } else { format!("; {cause}") };
        format!("{}{cause}", self.publishers(topic, kind).await)
    }

    /// Who publishes on a topic, with a remedy.
    pub async fn publishers(&self, topic: &str, kind: &str) -> String {
        let Some((name, found)) = self.graph.publishers(topic).await else {
            return format!("is {topic} remapped to where it is published?");
        };
        let others: Vec<&str> = found.iter().map(|end| end.kind.as_str()).filter(|other| *other != kind).collect();
        match (found.len(), others.first()) {
            (0, _) => format!("nobody publishes on {name}: is the driver running, is {topic} remapped?"),
            (_, Some(other)) => format!("{name} is published as {other}, {kind} is needed: remap {topic}"),
            (count, None) => format!("{count} publisher(s) on {name} send nothing usable: is the driver healthy?"),
        }
    }

    /// The latest two pairs, older first.
    pub fn recent(&self) -> Vec<Arc<Stereo<StampedImage>>> {
        self.frames().recent()
    }
}
