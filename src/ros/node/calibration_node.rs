//! The `calibration_node`: wires the rest together.
//!
//! One thread spins r2r and does nothing else. Tokio runs everything else; fits run on blocking threads.

use crate::parameters::accept::Refusal;
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::click::clicks::{ClickSources, Clicks};
use crate::ros::goal::action;
use crate::ros::goal::calibrator::Calibrator;
use crate::ros::input::camera_input::CameraInput;
use crate::ros::input::pose_input::PoseInput;
use crate::ros::robot::lease::Robot;
use crate::ros::service::check::CheckService;
use crate::ros::service::files::FileService;
use crate::ros::service::move_to;
use crate::ros::service::points::PointService;
use crate::ros::show::diagnostics::Diagnostics;
use crate::ros::show::overlay::OverlaySource;
use crate::ros::show::scene::Scene;
use crate::ros::show::transform::CalibrationFrame;
use crate::ros::show::{camera_info, status};
use crate::ros::state::live::Live;
use crate::ros::state::served::ServedCalibration;
use crate::ros::support::backends::Backends;
use crate::ros::support::clock::Clock;
use crate::ros::support::files::Files;
use crate::ros::support::graph::Graph;
use crate::ros::support::parameters::services as parameter_services;
use crate::ros::support::process::{self, Spinner, log_as, wait_for_stop};
use crate::ros::support::work;
use crate::ros::web::page;
use crate::ros::web::sources::PageSources;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// Runs the node until SIGINT or SIGTERM.
///
/// # Errors
/// When ROS can't be reached or an interface can't be made.
pub fn run() -> anyhow::Result<()> {
    process::run(serve())
}

async fn serve() -> anyhow::Result<r2r::Node> {
    // Not in sim_cell: real cameras and robots don't wait for anybody's fits.
    work::start()?;
    let mut node = r2r::Node::create(r2r::Context::create()?, "calibration_node", "")?;
    log_as(&mut node)?;
    let parameters = ParameterTable::<NodeParameters>::new()?;
    for refusal in parameter_services::start_with(&node, &parameters) {
        match refusal {
            Refusal::Unknown { .. } => tracing::warn!("a parameter has no effect: {refusal}"),
            _ => tracing::error!("a default is used instead: {refusal}"),
        }
    }
    let start = parameters.now();
    let files = Files::at_start(&start.calibration)?;
    let clock = Clock::start(&mut node, start.use_sim_time)?;
    let (graph, questions) = Graph::new(&node)?;

    let cameras = CameraInput::start(&mut node, &parameters, &graph)?;
    let poses = PoseInput::start(&mut node, &start, &clock, &graph)?;
    let robot = Robot::start(&mut node, &parameters, &poses, &cameras, &clock)?;
    let served = ServedCalibration::new(&parameters);
    let live = Arc::new(watch::Sender::new(Live::default()));
    let backends = Backends::start(&parameters);
    let calibrator = Arc::new(Calibrator {
        poses: poses.clone(),
        live: live.clone(),
        served: served.clone(),
        backends: backends.clone(),
        files: files.clone(),
        graph,
        parameters: parameters.clone(),
    });
    let file = &start.calibration.calibration_file;
    if !file.is_empty() && Path::new(file).exists() {
        served.load_at_start(Path::new(file));
    }

    let clock_of_events = clock.clone();
    parameter_services::offer(&mut node, &parameters, move || clock_of_events.now_ns())?;
    let service = PointService { served: served.clone(), poses: poses.clone(), parameters: parameters.clone() };
    service.start(&mut node)?;
    FileService { served: served.clone(), files: files.clone(), parameters: parameters.clone() }.start(&mut node)?;
    let check = CheckService {
        served: served.clone(),
        cameras: cameras.clone(),
        poses: poses.clone(),
        parameters: parameters.clone(),
        clock: clock.clone(),
    };
    check.start(&mut node)?;
    move_to::start(&mut node, &robot)?;
    action::start(&mut node, &calibrator, &robot, &clock)?;
    let clicks = ClickSources {
        cameras: cameras.clone(),
        poses: poses.clone(),
        served: served.clone(),
        robot: robot.clone(),
        live: live.clone(),
        files: files.clone(),
        parameters: parameters.clone(),
    };
    let clicks = Clicks::start(&mut node, clicks)?;

    let diagnostics = Diagnostics {
        cameras: cameras.clone(),
        poses: poses.clone(),
        robot: robot.clone(),
        served: served.clone(),
        backends,
        parameters: parameters.clone(),
        clock: clock.clone(),
    };
    diagnostics.start(&mut node)?;
    Scene { live: live.clone(), served: served.clone(), parameters: parameters.clone() }.start(&mut node)?;
    let overlays = OverlaySource {
        cameras: cameras.clone(),
        poses: poses.clone(),
        live: live.clone(),
        served: served.clone(),
        parameters: parameters.clone(),
    };
    let overlays = overlays.start(&mut node)?;
    if start.cameras.camera_info {
        camera_info::start(&mut node, &cameras, &served)?;
    }
    let frame = CalibrationFrame {
        served: served.clone(),
        poses: poses.clone(),
        parameters: parameters.clone(),
        clock: clock.clone(),
    };
    frame.start(&mut node)?;
    // Last: who has the first status finds all the rest.
    status::start(&mut node, &served, &robot, &parameters, &clock)?;

    let spinner = Spinner::start(node, questions);
    page::start(PageSources {
        cameras,
        overlays,
        poses,
        robot: robot.clone(),
        live,
        served,
        calibrator,
        clicks,
        parameters,
    })
    .await;
    tracing::info!("ready; files lie in {}, the robot is commanded on {}", files.root().display(), robot.topic());
    wait_for_stop().await;
    robot.release().await;
    spinner.stop()
}
