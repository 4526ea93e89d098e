//! The node: subscribes to images and poses, runs the action, answers the services.
//!
//! One thread spins r2r and does nothing else; tokio runs everything else; fits run on blocking threads.

use crate::camera::{Camera, Stereo};
use crate::mapping::Calibration;
use crate::ros::calibrate::{Feedback, Stop, Sweep};
use crate::ros::calibration_params::specs;
use crate::ros::images::StampedImage;
use crate::ros::pairing::Pairing;
use crate::ros::params::Parameters;
use crate::ros::process::{self, Spinner, wait_for_stop};
use crate::ros::robot::{MeasuredPose, PoseBuffer, locked};
use crate::ros::{nanoseconds, services, time};
use futures::{Stream, StreamExt};
use r2r::QosProfile;
use r2r::grating_calibration::action::Calibrate;
use r2r::grating_calibration::msg::CalibrationStatus;
use r2r::grating_calibration::srv::{Load, PixelToWorld, Save, WorldToPixel};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::watch;

/// What all tasks share.
pub struct Shared {
    pub parameters: Parameters,
    pub poses: Mutex<PoseBuffer>,
    /// The latest pair.
    pub pairs: watch::Sender<Option<Arc<Stereo<StampedImage>>>>,
    /// For [`crate::ros::robot::Commander`] only.
    pub target_publisher: Mutex<r2r::Publisher<r2r::geometry_msgs::msg::PoseStamped>>,
    pairing: Mutex<Pairing>,
    /// Images received, and what the last bad one had.
    received: Mutex<(Stereo<u64>, Option<String>)>,
    calibration: RwLock<Option<Arc<Calibration>>>,
    status: Mutex<CalibrationStatus>,
    status_publisher: Mutex<r2r::Publisher<CalibrationStatus>>,
    busy: AtomicBool,
    clock: Arc<Mutex<r2r::Clock>>,
    /// Latest time on /clock, ns.
    sim_time_ns: AtomicI64,
}

impl Shared {
    pub fn calibration(&self) -> Option<Arc<Calibration>> {
        self.calibration.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The node's time, which obeys use_sim_time, ns.
    pub fn now_ns(&self) -> i64 {
        if self.parameters.flag("use_sim_time") {
            return self.sim_time_ns.load(Ordering::Acquire);
        }
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.get_now().map_or(0, |now| now.as_nanos() as i64)
    }

    /// Serves `calibration` from now on.
    pub fn serve(&self, calibration: Calibration, file: String) {
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
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
        self.publish_status();
    }

    /// Says what the node knows, and whether it is calibrating right now.
    fn publish_status(&self) {
        let mut message = self.status.lock().unwrap_or_else(PoisonError::into_inner).clone();
        message.header.stamp = time(self.now_ns());
        message.header.frame_id = self.parameters.text("tool_frame");
        if self.busy.load(Ordering::Acquire) {
            message.state = CalibrationStatus::CALIBRATING as u8;
        }
        let publisher = self.status_publisher.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = publisher.publish(&message) {
            tracing::error!("publishing the status failed: {error}");
        }
    }

    /// What may be the matter when no pair comes.
    pub fn image_troubles(&self) -> String {
        let (received, bad) = &*self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let leftovers = self.pairing.lock().unwrap_or_else(PoisonError::into_inner).leftovers;
        let bad = bad.as_ref().map_or(String::new(), |bad| format!("; the last bad image: {bad}"));
        format!(
            "{} left and {} right images came so far, {leftovers} without a partner{bad}; are the cameras running, are \
             left/image_raw and right/image_raw remapped, is sync_tolerance large enough?",
            received.left, received.right
        )
    }

    fn take_image(&self, camera: Camera, message: r2r::sensor_msgs::msg::Image) {
        match StampedImage::from_message(message) {
            Err(error) => {
                let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
                // Said once, not at frame rate.
                if received.1.is_none() {
                    tracing::error!("{camera} image: {error}");
                }
                received.1 = Some(format!("{camera}: {error}"));
            }
            Ok(image) => {
                self.received.lock().unwrap_or_else(PoisonError::into_inner).0[camera] += 1;
                let tolerance_ns = (1e9 * self.parameters.number("sync_tolerance")) as i64;
                let mut pairing = self.pairing.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(pair) = pairing.add(camera, image, tolerance_ns) {
                    self.pairs.send_replace(Some(Arc::new(pair)));
                }
            }
        }
    }

    fn take_pose(&self, pose: Option<MeasuredPose>) {
        match pose {
            Some(pose) => locked(&self.poses).add(pose),
            None => tracing::warn!("a robot pose with numbers that are not finite, or a zero quaternion, was ignored"),
        }
    }
}

/// Runs the node until Ctrl-C.
///
/// # Errors
/// When ROS can't be reached or an interface can't be made.
pub fn run() -> anyhow::Result<()> {
    process::run(serve())
}

async fn serve() -> anyhow::Result<()> {
    let context = r2r::Context::create()?;
    let mut node = r2r::Node::create(context, "calibration_node", "")?;
    let parameters = Parameters::new(specs());
    let (parameter_services, _changes) = node.make_derived_parameter_handler(parameters.0.clone())?;
    tokio::spawn(parameter_services);
    for complaint in parameters.complaints() {
        tracing::error!("parameter {complaint}; its default is used");
    }
    let shared = Arc::new(Shared {
        poses: Mutex::default(),
        pairs: watch::Sender::new(None),
        target_publisher: Mutex::new(node.create_publisher("robot/target_pose", QosProfile::default())?),
        pairing: Mutex::default(),
        received: Mutex::default(),
        calibration: RwLock::default(),
        status: Mutex::new(CalibrationStatus { reason: "not calibrated yet".into(), ..Default::default() }),
        status_publisher: Mutex::new(
            node.create_publisher("~/calibration", QosProfile::default().reliable().transient_local())?,
        ),
        busy: AtomicBool::new(false),
        clock: node.get_ros_clock(),
        sim_time_ns: AtomicI64::new(0),
        parameters,
    });
    subscribe(&mut node, &shared)?;
    offer(&mut node, &shared)?;

    let spinner = Spinner::start(node);
    load_at_start(&shared);
    tracing::info!("ready");
    wait_for_stop().await;
    spinner.stop();
    Ok(())
}

fn load_at_start(shared: &Shared) {
    let file = shared.parameters.text("calibration_file");
    if file.is_empty() || !Path::new(&file).exists() {
        shared.publish_status();
        return;
    }
    match services::load_file(shared, Path::new(&file)) {
        Ok(message) => tracing::info!("{message}"),
        Err(message) => {
            tracing::error!("{message}");
            shared.status.lock().unwrap_or_else(PoisonError::into_inner).reason = message;
            shared.publish_status();
        }
    }
}

fn subscribe(node: &mut r2r::Node, shared: &Arc<Shared>) -> anyhow::Result<()> {
    // Not r2r's own time source: whether r2r has one depends on the order in which it was built.
    let clock = node.subscribe::<r2r::rosgraph_msgs::msg::Clock>("/clock", QosProfile::sensor_data())?;
    each(clock, {
        let shared = shared.clone();
        move |message| shared.sim_time_ns.store(nanoseconds(&message.clock), Ordering::Release)
    });
    for (camera, topic) in [(Camera::Left, "left/image_raw"), (Camera::Right, "right/image_raw")] {
        // Best effort matches every publisher.
        let images = node.subscribe::<r2r::sensor_msgs::msg::Image>(topic, QosProfile::sensor_data())?;
        let shared = shared.clone();
        each(images, move |message| shared.take_image(camera, message));
    }
    if shared.parameters.text("pose_source") == "tf" {
        let transforms = node.subscribe::<r2r::tf2_msgs::msg::TFMessage>("/tf", QosProfile::default())?;
        let shared = shared.clone();
        each(transforms, move |message| {
            let (base, tool) = (shared.parameters.text("base_frame"), shared.parameters.text("tool_frame"));
            for t in message.transforms.iter().filter(|t| t.header.frame_id == base && t.child_frame_id == tool) {
                shared.take_pose(MeasuredPose::from_transform(nanoseconds(&t.header.stamp), &t.transform));
            }
        });
    } else {
        let poses = node.subscribe::<r2r::geometry_msgs::msg::PoseStamped>("robot/pose", QosProfile::sensor_data())?;
        let shared = shared.clone();
        each(poses, move |message| shared.take_pose(MeasuredPose::from_message(&message)));
    }
    Ok(())
}

/// Handles the items of a stream one after the other.
fn each<T: Send + 'static>(
    mut stream: impl Stream<Item = T> + Unpin + Send + 'static,
    mut handle: impl FnMut(T) + Send + 'static,
) {
    tokio::spawn(async move {
        while let Some(item) = stream.next().await {
            handle(item);
        }
    });
}

macro_rules! offer_service {
    ($node:expr, $shared:expr, $name:literal, $service:ident, $answer:path) => {{
        let requests = $node.create_service::<$service::Service>($name, QosProfile::default())?;
        let shared = $shared.clone();
        each(requests, move |request| {
            let shared = shared.clone();
            // Large batches take a while: not on the executor's threads.
            tokio::task::spawn_blocking(move || {
                let response = $answer(&shared, &request.message);
                if let Err(error) = request.respond(response) {
                    tracing::error!(concat!($name, ": the answer could not be sent: {}"), error);
                }
            });
        });
    }};
}

fn offer(node: &mut r2r::Node, shared: &Arc<Shared>) -> anyhow::Result<()> {
    offer_service!(node, shared, "pixel_to_world", PixelToWorld, services::pixel_to_world);
    offer_service!(node, shared, "world_to_pixel", WorldToPixel, services::world_to_pixel);
    offer_service!(node, shared, "~/save", Save, services::save);
    offer_service!(node, shared, "~/load", Load, services::load);
    let goals = node.create_action_server::<Calibrate::Action>("~/calibrate")?;
    let shared = shared.clone();
    each(goals, move |request| take_goal(&shared, request));
    Ok(())
}

fn take_goal(shared: &Arc<Shared>, request: r2r::ActionServerGoalRequest<Calibrate::Action>) {
    if shared.busy.swap(true, Ordering::AcqRel) {
        tracing::warn!("a goal was refused: a calibration is running");
        if let Err(error) = request.reject() {
            tracing::error!("refusing the goal failed: {error}");
        }
        return;
    }
    let (goal, mut cancels) = match request.accept() {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::error!("accepting the goal failed: {error}");
            shared.busy.store(false, Ordering::Release);
            return;
        }
    };
    shared.publish_status();
    let (cancel, cancelled) = watch::channel(false);
    let canceller = tokio::spawn(async move {
        while let Some(request) = cancels.next().await {
            request.accept();
            cancel.send_replace(true);
        }
        // Nobody can cancel any more; the sweep must not take that for a cancel.
        std::future::pending::<()>().await;
    });
    let shared = shared.clone();
    tokio::spawn(async move {
        let for_feedback = goal.clone();
        let feedback: Feedback = Box::new(move |message| {
            if let Err(error) = for_feedback.publish_feedback(message) {
                tracing::warn!("feedback could not be sent: {error}");
            }
        });
        let prepared = Sweep::prepare(shared.clone(), goal.goal.clone(), cancelled, feedback).await;
        let outcome = match prepared {
            Ok(sweep) => sweep.run().await,
            Err(stop) => Err(stop),
        };
        canceller.abort();
        // Ready for the next goal before this one's client hears of the end.
        shared.busy.store(false, Ordering::Release);
        shared.publish_status();
        finish(goal, outcome);
    });
}

fn finish(mut goal: r2r::ActionServerGoal<Calibrate::Action>, outcome: Result<Calibrate::Result, Stop>) {
    let ended = match outcome {
        Ok(result) => {
            tracing::info!("calibrated: {}", result.reason);
            goal.succeed(result)
        }
        Err(Stop::Cancelled) => {
            tracing::info!("calibration cancelled");
            goal.cancel(Calibrate::Result { reason: "cancelled".into(), ..Default::default() })
        }
        Err(Stop::Failed(reason)) => {
            tracing::error!("calibration stopped: {reason}");
            goal.abort(Calibrate::Result { reason, ..Default::default() })
        }
    };
    if let Err(error) = ended {
        tracing::error!("the result could not be sent: {error}");
    }
}
