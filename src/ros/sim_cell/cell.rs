//! The `sim_cell` node: a simulated robot with two cameras. Names and types are those that `calibration_node` expects.

use crate::camera::Stereo;
use crate::ros::sim_cell::cell_robot::{self, CellRobot};
use crate::ros::sim_cell::faults::{self, Fault, ImageFaults};
use crate::ros::support::graph::Graph;
use crate::ros::support::parameter_services;
use crate::ros::support::params::{Parameters, Spec};
use crate::ros::support::process::{self, Spinner, log_as, wait_for_stop};
use crate::ros::{locked, time};
use crate::sim::config::SceneConfig;
use crate::sim::optics::sensor::SensorImage;
use crate::sim::robot::{Robot, RobotConfig};
use crate::sim::scene::Scene;
use crate::sim::truth::{Axes, write_truth};
use anyhow::Context;
use nalgebra::Vector3;
use r2r::sensor_msgs::msg::Image;
use r2r::{ParameterValue, QosProfile};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Parameters besides those of scene and robot.
fn own_specs() -> Vec<Spec> {
    const ANYWHERE: [f64; 2] = [-100.0, 100.0];
    vec![
        Spec::number("frame_rate", 5.0, [0.1, 200.0], "Image pairs a second, 0.1 … 200."),
        Spec::number("pose_rate", 100.0, [1.0, 2000.0], "Poses a second, 1 … 2000."),
        Spec::number("lost_frames", 0.0, [0.0, 1.0], "Share of the images that are lost on the way, 0 … 1."),
        Spec::numbers(
            "start",
            &[0.0, 0.0, 0.0],
            ANYWHERE,
            &[3],
            "Position of the tool at h = 0 in the base frame [m].",
        ),
        Spec::text("base_frame", "base_link", &[], "Frame of robot/pose."),
        Spec::text("tool_frame", "tool0", &[], "Frame of the images' headers."),
        Spec::text(
            "truth_dir",
            "",
            &[],
            "Folder for truth.yaml, scene.yaml and truth_points.csv, for judging only; empty: none.",
        ),
        Spec::number(
            "truth_depth",
            0.02,
            [1e-4, 1.0],
            "Depth of the volume that truth_points.csv covers [m], 1e-4 … 1.",
        ),
        Spec::whole("truth_points", 5000, [1.0, 1e6], "Rows of truth_points.csv, 1 … 1e6."),
    ]
}

/// Every number of `config` as a parameter: `rig.height_mm`, `lens.k1`, …; the config itself checks the bounds.
fn specs_of(prefix: &str, value: &serde_json::Value, specs: &mut Vec<Spec>) {
    const TEXT: &str =
        "Of the simulated cell; config/sim_cell.yaml says what it is, in which unit and within which bounds.";
    if let serde_json::Value::Object(fields) = value {
        for (name, field) in fields {
            let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            specs_of(&name, field, specs);
        }
        return;
    }
    let default = match value {
        serde_json::Value::Number(number) if number.is_f64() => ParameterValue::Double(number.as_f64().unwrap_or(0.0)),
        serde_json::Value::Number(number) => ParameterValue::Integer(number.as_i64().unwrap_or(0)),
        serde_json::Value::Array(items) => {
            ParameterValue::DoubleArray(items.iter().filter_map(serde_json::Value::as_f64).collect())
        }
        serde_json::Value::String(text) => ParameterValue::String(text.clone()),
        serde_json::Value::Bool(flag) => ParameterValue::Bool(*flag),
        _ => return,
    };
    specs.push(Spec::any(prefix, default, TEXT));
}

/// Puts the parameters' values back into the place where [`specs_of`] found their defaults.
fn read_back<T: serde::Serialize + serde::de::DeserializeOwned>(
    default: &T,
    prefix: &str,
    parameters: &Parameters,
) -> anyhow::Result<T> {
    let mut tree = serde_json::to_value(default)?;
    for (name, value) in parameters.all() {
        let path = match (prefix, name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'))) {
            ("", _) => name.as_str(),
            (_, Some(rest)) => rest,
            _ => continue,
        };
        let pointer = format!("/{}", path.replace('.', "/"));
        let Some(place) = tree.pointer_mut(&pointer) else { continue };
        *place = match value {
            ParameterValue::Double(x) => x.into(),
            ParameterValue::Integer(n) => n.into(),
            ParameterValue::DoubleArray(numbers) => numbers.into(),
            ParameterValue::String(text) => text.into(),
            ParameterValue::Bool(flag) => flag.into(),
            _ => continue,
        };
    }
    serde_json::from_value(tree).context("parameters of the simulated cell")
}

/// Every parameter of the node.
pub fn specs() -> anyhow::Result<Vec<Spec>> {
    let mut specs = own_specs();
    specs.extend(cell_robot::specs());
    specs.extend(faults::specs());
    specs_of("", &serde_json::to_value(SceneConfig::default())?, &mut specs);
    specs_of("robot", &serde_json::to_value(RobotConfig::default())?, &mut specs);
    Ok(specs)
}

/// Runs the node until Ctrl-C.
///
/// # Errors
/// When a parameter is impossible or ROS can't be reached.
pub fn run() -> anyhow::Result<()> {
    process::run(serve())
}

async fn serve() -> anyhow::Result<()> {
    let context = r2r::Context::create()?;
    let mut node = r2r::Node::create(context, "sim_cell", "")?;
    let parameters = Parameters::new(specs()?);
    parameter_services::offer(&mut node, &parameters)?;
    if let Some(complaint) = parameters.complaints().first() {
        anyhow::bail!("parameter {complaint}");
    }
    parameters.warn_of_unknown();
    let scene = Arc::new(Scene::new(read_back(&SceneConfig::default(), "", &parameters)?)?);
    let truth_dir = parameters.text("truth_dir");
    if !truth_dir.is_empty() {
        let folder = PathBuf::from(truth_dir);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let count = parameters.whole("truth_points") as usize;
        write_truth(&folder, &scene, Axes::Lines, 1e3 * parameters.number("truth_depth"), count)?;
    }
    let config = read_back(&RobotConfig::default(), "robot", &parameters)?;
    let robot = CellRobot::new(Robot::new(config, Vector3::zeros(), scene.config().seed), &parameters)?;
    robot.obey(&mut node)?;
    let images = Stereo {
        left: node.create_publisher::<Image>("left/image_raw", QosProfile::default().keep_last(2))?,
        right: node.create_publisher::<Image>("right/image_raw", QosProfile::default().keep_last(2))?,
    };
    let clock = node.get_ros_clock();
    let now_ns = move || {
        let mut clock = locked(&clock);
        clock.get_now().map_or(0, |now| now.as_nanos() as i64)
    };

    let running = Arc::new(AtomicBool::new(true));
    let mut threads = vec![robot.publish(&mut node, running.clone(), now_ns.clone())?];
    log_as(&mut node)?;
    let (_graph, questions) = Graph::new();
    let spinner = Spinner::start(node, questions);
    threads.push(std::thread::spawn({
        let (running, frame) = (running.clone(), parameters.text("tool_frame"));
        let period = Duration::from_secs_f64(1.0 / parameters.number("frame_rate"));
        move || {
            let mut spoiled = ImageFaults::default();
            let mut rng = SmallRng::seed_from_u64(scene.config().seed ^ 0x6c6f_7374);
            for number in 0.. {
                let begun = Instant::now();
                if !running.load(Ordering::Acquire) {
                    break;
                }
                let (fault, lost) = (Fault::now(&parameters), parameters.number("lost_frames"));
                let (position_mm, stamp_ns) = (robot.lock().position_mm() + fault.bump_mm(), now_ns());
                let picture = |camera| image(&frame, stamp_ns, &scene.image(camera, position_mm, number));
                for (camera, image) in spoiled.spoil(&fault, Stereo::from_fn(picture)) {
                    if rng.random::<f64>() >= lost
                        && let Err(error) = images[camera].publish(&image)
                    {
                        tracing::error!("publishing an image failed: {error}");
                    }
                }
                std::thread::sleep(period.saturating_sub(begun.elapsed()));
            }
        }
    }));
    tracing::info!("the simulated cell is running");
    wait_for_stop().await;
    running.store(false, Ordering::Release);
    // A thread that panicked has said so already.
    threads.into_iter().for_each(|thread| drop(thread.join()));
    // The node, and with it the publishers, goes last.
    spinner.stop();
    Ok(())
}

fn image(frame: &str, stamp_ns: i64, picture: &SensorImage) -> Image {
    let mut message = Image::default();
    message.header.stamp = time(stamp_ns);
    message.header.frame_id = frame.into();
    message.width = picture.width;
    message.height = picture.height;
    (message.encoding, message.step) = match picture.bit_depth {
        8 => ("mono8".into(), picture.width),
        _ => ("mono16".into(), 2 * picture.width),
    };
    message.data = picture.to_bytes();
    message
}
