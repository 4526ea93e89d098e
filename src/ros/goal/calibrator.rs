//! Runs goals, of the action and of the page.

use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::goal::outcome::Outcome;
use crate::ros::goal::request::CalibrationRequest;
use crate::ros::goal::sweep::Sweep;
use crate::ros::input::pose_input::PoseInput;
use crate::ros::robot::lease::RobotLease;
use crate::ros::robot::stop::Stop;
use crate::ros::state::live::Live;
use crate::ros::state::progress::{Ended, Progress};
use crate::ros::state::served::ServedCalibration;
use crate::ros::support::backends::Backends;
use crate::ros::support::files::Files;
use crate::ros::support::graph::Graph;
use std::sync::Arc;
use tokio::sync::watch;

/// Told of a calibration's progress.
pub type OnProgress = Box<dyn FnMut(&Progress) + Send>;

/// Runs goals.
pub struct Calibrator {
    /// Where poses come from.
    pub poses: Arc<PoseInput>,
    /// What people look at.
    pub live: Arc<watch::Sender<Live>>,
    /// Takes the calibration in the end.
    pub served: Arc<ServedCalibration>,
    /// The device that processes the images.
    pub backends: Arc<Backends>,
    /// Where files may lie.
    pub files: Files,
    /// Who publishes what.
    pub graph: Graph,
    /// What goals take from parameters.
    pub parameters: ParameterTable<NodeParameters>,
}

impl Calibrator {
    /// One calibration, from preflight to file; the robot is leased for it.
    ///
    /// # Errors
    /// [`Stop`] with what ended it; the robot has been told to hold.
    pub async fn run(
        &self,
        lease: RobotLease,
        request: CalibrationRequest,
        on_progress: OnProgress,
    ) -> Result<Outcome, Stop> {
        match Sweep::prepare(self, &lease, &request, on_progress).await {
            Ok(sweep) => self.end(sweep.run().await),
            Err(stop) => self.end(Err(stop)),
        }
    }

    /// Tells people how a calibration ended.
    ///
    /// # Errors
    /// [`Stop`] as it came.
    pub fn end(&self, ended: Result<Outcome, Stop>) -> Result<Outcome, Stop> {
        let (is_usable, reason) = match &ended {
            Ok(outcome) => (outcome.is_usable(), outcome.reason()),
            Err(Stop::Cancelled) => (false, "cancelled".into()),
            Err(Stop::Failed(reason)) => (false, reason.clone()),
        };
        match &ended {
            Ok(Outcome::Calibrated { .. }) if !is_usable => tracing::warn!("calibrated, but NOT usable: {reason}"),
            Ok(_) => tracing::info!("{reason}"),
            Err(Stop::Cancelled) => tracing::warn!("calibration cancelled: the tool holds where it is"),
            Err(Stop::Failed(_)) => tracing::error!("calibration stopped: {reason}"),
        }
        self.live.send_modify(|live| live.end(Ended { is_usable, reason }));
        ended
    }
}
