//! The `sim_cell` node: a simulated robot with two cameras. Names and types are those that `calibration_node` expects.

use crate::camera::Stereo;
use crate::parameters::accept::Refusal;
use crate::parameters::nodes::sim_cell::CellParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::sim_cell::cell_robot::CellRobot;
use crate::ros::sim_cell::faults::{Fault, ImageFaults};
use crate::ros::support::parameters::services as parameter_services;
use crate::ros::support::process::{self, Spinner, log_as, wait_for_stop};
use crate::ros::{locked, time};
use crate::sim::optics::sensor::SensorImage;
use crate::sim::robot::Robot;
use crate::sim::scene::Scene;
use crate::sim::truth::{Axes, write_truth};
use anyhow::Context;
use nalgebra::Vector3;
use r2r::QosProfile;
use r2r::sensor_msgs::msg::Image;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Runs the node until SIGINT or SIGTERM.
///
/// # Errors
/// When a parameter is impossible or ROS can't be reached.
pub fn run() -> anyhow::Result<()> {
    process::run(serve())
}

async fn serve() -> anyhow::Result<r2r::Node> {
    let context = r2r::Context::create()?;
    let mut node = r2r::Node::create(context, "sim_cell", "")?;
    let parameters = ParameterTable::<CellParameters>::new()?;
    log_as(&mut node)?;
    for refusal in parameter_services::start_with(&node, &parameters) {
        match refusal {
            Refusal::Unknown { .. } => tracing::warn!("a parameter has no effect: {refusal}"),
            _ => anyhow::bail!(refusal),
        }
    }
    let start = parameters.now();
    let scene = Arc::new(Scene::new(start.scene())?);
    if !start.truth_dir.is_empty() {
        let folder = PathBuf::from(&start.truth_dir);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        write_truth(&folder, &scene, Axes::Lines, 1e3 * start.truth_depth_m, start.truth_points as usize)?;
    }
    let robot = CellRobot::new(Robot::new(start.robot.clone(), Vector3::zeros(), start.seed), &parameters)?;
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

    parameter_services::offer(&mut node, &parameters, now_ns.clone())?;
    let running = Arc::new(AtomicBool::new(true));
    let mut threads = vec![robot.publish(&mut node, running.clone(), now_ns.clone())?];
    // Nobody asks it anything.
    let spinner = Spinner::start(node, mpsc::channel().1);
    threads.push(std::thread::spawn({
        let (running, frame) = (running.clone(), start.tool_frame.clone());
        let period = Duration::from_secs_f64(1.0 / start.frame_rate_hz);
        move || {
            let mut spoiled = ImageFaults::default();
            let mut rng = SmallRng::seed_from_u64(scene.config().seed ^ 0x6c6f_7374);
            for number in 0.. {
                let begun = Instant::now();
                if !running.load(Ordering::Acquire) {
                    break;
                }
                let parameters = parameters.now();
                let fault = Fault::of(&parameters);
                let (position_mm, stamp_ns) = (robot.lock().position_mm() + fault.bump_mm(), now_ns());
                let rendered = |camera| image(&frame, stamp_ns, &scene.image(camera, position_mm, number));
                for (camera, image) in spoiled.spoil(&fault, Stereo::from_fn(rendered)) {
                    if rng.random::<f64>() >= parameters.lost_frames
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
    spinner.stop()
}

fn image(frame: &str, stamp_ns: i64, rendered: &SensorImage) -> Image {
    let mut message = Image::default();
    message.header.stamp = time(stamp_ns);
    message.header.frame_id = frame.into();
    message.width = rendered.width;
    message.height = rendered.height;
    (message.encoding, message.step) = match rendered.bit_depth {
        8 => ("mono8".into(), rendered.width),
        _ => ("mono16".into(), 2 * rendered.width),
    };
    message.data = rendered.to_bytes();
    message
}
