//! The node: subscribes to images and poses, runs the action, answers the services.
//!
//! One thread spins r2r and does nothing else; tokio runs everything else; fits run on blocking threads.

use crate::camera::Camera;
use crate::parameters::accept::Refusal;
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::nodes::robot::{MotionInterface, PoseSource};
use crate::parameters::table::ParameterTable;
use crate::pose::tool_pose::StampedPose;
use crate::pose::transforms::{StampedTransform, TransformBuffer};
use crate::ros::click::clicks::{self, Clicked, Clicks};
use crate::ros::goal::action;
use crate::ros::node::shared::Shared;
use crate::ros::robot::joints::AxisMap;
use crate::ros::robot::motion::{JointTrajectories, Motion, TargetPoses};
use crate::ros::service::{check, move_to, services};
use crate::ros::show::overlay::Overlays;
use crate::ros::show::{self, diagnostics};
use crate::ros::support::backends::Backends;
use crate::ros::support::files::Files;
use crate::ros::support::graph::Graph;
use crate::ros::support::process::{self, Spinner, log_as, wait_for_stop};
use crate::ros::support::respond::answer_with;
use crate::ros::support::setting_names::with_parameters;
use crate::ros::support::{parameter_services, work};
use crate::ros::{each, locked, nanoseconds, web};
use nalgebra::Vector2;
use r2r::QosProfile;
use r2r::grating_calibration::msg::CalibrationStatus;
use r2r::grating_calibration::srv::{Check, Load, MoveTo, PixelToWorld, Save, WorldToPixel};
use r2r::tf2_msgs::msg::TFMessage;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::watch;

/// Runs the node until Ctrl-C.
///
/// # Errors
/// When ROS can't be reached or an interface can't be made.
pub fn run() -> anyhow::Result<()> {
    process::run(serve())
}

async fn serve() -> anyhow::Result<()> {
    // Not in sim_cell: real cameras and robots don't wait for anybody's fits.
    work::start()?;
    let context = r2r::Context::create()?;
    let mut node = r2r::Node::create(context, "calibration_node", "")?;
    let parameters = ParameterTable::<NodeParameters>::new()?;
    let refused = parameter_services::start_with(&node, &parameters);
    log_as(&mut node)?;
    for refusal in refused {
        match refusal {
            Refusal::Unknown { .. } => tracing::warn!("a parameter has no effect: {refusal}"),
            _ => tracing::error!("a default is used instead: {refusal}"),
        }
    }
    let (graph, questions) = Graph::new();
    let motion = motion(&mut node, &parameters.now())?;
    let shared = Arc::new(Shared {
        files: Files::at_start(&parameters.now().calibration)?,
        graph,
        poses: Mutex::default(),
        pose_frame: Mutex::default(),
        bad_poses: AtomicU64::new(0),
        bad_in_a_row: AtomicU64::new(0),
        pose_error: Mutex::default(),
        live: watch::Sender::default(),
        overlays: Overlays::default(),
        clicks: Clicks::new(
            node.create_publisher("clicked_point", QosProfile::default())?,
            node.create_publisher("~/click", QosProfile::default())?,
        ),
        pairs: watch::Sender::new(None),
        motion,
        frames: Mutex::default(),
        calibration: RwLock::default(),
        status: Mutex::new(CalibrationStatus { reason: "not calibrated yet".into(), ..Default::default() }),
        status_publisher: Mutex::new(
            node.create_publisher("~/calibration", QosProfile::default().keep_last(1).reliable().transient_local())?,
        ),
        busy: AtomicBool::new(false),
        cancel: Mutex::default(),
        clock: node.get_ros_clock(),
        sim_time_ns: AtomicI64::new(0),
        backends: Backends::default(),
        parameters,
    });
    subscribe(&mut node, &shared)?;
    let known = shared.clone();
    parameter_services::offer(&mut node, &shared.parameters, move || known.now_ns())?;
    offer(&mut node, &shared)?;
    diagnostics::start(&mut node, &shared)?;
    show::start(&mut node, &shared)?;

    let spinner = Spinner::start(node, questions);
    load_at_start(&shared);
    // Said now, not when the first goal comes; the log has why there is none.
    let _ = shared.backend();
    web::start(&shared).await;
    tracing::info!(
        "ready; files lie in {}, the robot is commanded on {}",
        shared.files.root().display(),
        shared.motion.topic()
    );
    wait_for_stop().await;
    spinner.stop();
    Ok(())
}

/// How the robot is commanded.
fn motion(node: &mut r2r::Node, parameters: &NodeParameters) -> anyhow::Result<Arc<dyn Motion>> {
    Ok(match parameters.robot.motion {
        MotionInterface::Joints => {
            let axes = AxisMap::new(&parameters.joints)?;
            let publisher = node.create_publisher("robot/joint_trajectory", QosProfile::default())?;
            Arc::new(JointTrajectories::new(publisher, axes))
        }
        MotionInterface::Pose => {
            let publisher = node.create_publisher("robot/target_pose", QosProfile::default())?;
            Arc::new(TargetPoses::new(publisher, parameters.frames.base_frame.clone()))
        }
    })
}

fn load_at_start(shared: &Shared) {
    let file = shared.parameters.now().calibration.calibration_file.clone();
    if file.is_empty() || !Path::new(&file).exists() {
        shared.publish_status();
        return;
    }
    match services::load_file(shared, Path::new(&file)) {
        Ok(_) => {}
        Err(message) => {
            tracing::error!("no calibration is served: {message}");
            shared.set_reason(message);
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
    subscribe_clicks(node, shared)?;
    match shared.parameters.now().robot.pose_source {
        PoseSource::Tf => subscribe_tf(node, shared)?,
        PoseSource::Joints => {
            let axes = AxisMap::new(&shared.parameters.now().joints)?;
            let states = node.subscribe::<r2r::sensor_msgs::msg::JointState>("joint_states", robot_data())?;
            let shared = shared.clone();
            let frame = shared.parameters.now().frames.base_frame.clone();
            each(states, move |message| {
                if axes.concerns(&message) {
                    let position_m = axes.position_m(&message.name, &message.position);
                    let stamp_ns = nanoseconds(&message.header.stamp);
                    shared.take_pose(position_m.and_then(|p| StampedPose::of_gantry(stamp_ns, p)), &frame);
                }
            });
        }
        PoseSource::Topic => {
            let poses = node.subscribe::<r2r::geometry_msgs::msg::PoseStamped>("robot/pose", robot_data())?;
            let shared = shared.clone();
            each(poses, move |message| {
                shared.take_pose(StampedPose::from_message(&message), &message.header.frame_id);
            });
        }
    }
    Ok(())
}

/// Best effort matches every publisher. Deep enough for the poses that come in a moment in which the node is kept waiting, since
/// a mean counts them; no deeper, since a node that can't keep up must get late ones rather not at all than first.
fn robot_data() -> QosProfile {
    QosProfile::sensor_data().keep_last(20)
}

fn subscribe_clicks(node: &mut r2r::Node, shared: &Arc<Shared>) -> anyhow::Result<()> {
    let take = |shared: &Arc<Shared>, clicked| drop(tokio::spawn(clicks::take(shared.clone(), clicked)));
    for camera in Camera::BOTH {
        let topic = format!("{camera}/image_raw_mouse_left");
        let whole = node.subscribe::<r2r::geometry_msgs::msg::Point>(&topic, QosProfile::default())?;
        let shared = shared.clone();
        each(whole, move |message| {
            take(&shared, Clicked { camera, pixel: Vector2::new(message.x, message.y), stamp_ns: 0 });
        });
    }
    let stamped = node.subscribe::<r2r::geometry_msgs::msg::PointStamped>("clicked_pixel", QosProfile::default())?;
    let shared = shared.clone();
    each(stamped, move |message| match clicks::camera_of(&shared, &message.header.frame_id) {
        Some(camera) => {
            let pixel = Vector2::new(message.point.x, message.point.y);
            take(&shared, Clicked { camera, pixel, stamp_ns: nanoseconds(&message.header.stamp) });
        }
        None => clicks::refuse_camera(&shared, &message.header.frame_id, &message.point),
    });
    Ok(())
}

fn subscribe_tf(node: &mut r2r::Node, shared: &Arc<Shared>) -> anyhow::Result<()> {
    let (base, tool) =
        (shared.parameters.now().frames.base_frame.clone(), shared.parameters.now().frames.tool_frame.clone());
    let buffer = Arc::new(Mutex::new(TransformBuffer::default()));
    let latched = QosProfile::default().transient_local();
    // Static transforms must come late, too: preflight names who doesn't keep them.
    for (topic, qos, is_static) in
        [("/tf", QosProfile::sensor_data().keep_last(100), false), ("/tf_static", latched, true)]
    {
        let transforms = node.subscribe::<TFMessage>(topic, qos)?;
        let (shared, buffer, base, tool) = (shared.clone(), buffer.clone(), base.clone(), tool.clone());
        each(transforms, move |message| {
            let mut buffer = locked(&buffer);
            for transform in &message.transforms {
                match StampedTransform::from_message(transform) {
                    Some(transform) => buffer.add(transform, is_static),
                    None => shared.take_pose(None, &base),
                }
            }
            let found = buffer.latest(&base, &tool);
            let error = found.as_ref().err().map_or(String::new(), |error| with_parameters(&error.to_string()));
            *locked(&shared.pose_error) = error;
            if let Ok(pose) = found
                && locked(&shared.poses).latest().is_none_or(|last| pose.stamp_ns != last.stamp_ns)
            {
                shared.take_pose(Some(pose), &base);
            }
        });
    }
    Ok(())
}

fn offer(node: &mut r2r::Node, shared: &Arc<Shared>) -> anyhow::Result<()> {
    let known = shared.clone();
    answer_with::<PixelToWorld::Service>(node, "pixel_to_world", move |asked| services::pixel_to_world(&known, asked))?;
    let known = shared.clone();
    answer_with::<WorldToPixel::Service>(node, "world_to_pixel", move |asked| services::world_to_pixel(&known, asked))?;
    let known = shared.clone();
    answer_with::<Save::Service>(node, "~/save", move |asked| services::save(&known, asked))?;
    let known = shared.clone();
    answer_with::<Load::Service>(node, "~/load", move |asked| services::load(&known, asked))?;
    let checks = node.create_service::<Check::Service>("~/check", QosProfile::default())?;
    each(checks, {
        let shared = shared.clone();
        move |request| drop(tokio::spawn(check::answer(shared.clone(), request)))
    });
    let moves = node.create_service::<MoveTo::Service>("~/move_to", QosProfile::default())?;
    each(moves, {
        let shared = shared.clone();
        move |request| drop(tokio::spawn(move_to::answer(shared.clone(), request)))
    });
    Ok(action::offer(node, shared)?)
}
