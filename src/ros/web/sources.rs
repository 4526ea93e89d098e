//! What the page shows and asks for.

use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::click::clicks::Clicks;
use crate::ros::goal::calibrator::Calibrator;
use crate::ros::input::camera_input::CameraInput;
use crate::ros::input::pose_input::PoseInput;
use crate::ros::robot::lease::Robot;
use crate::ros::show::overlay::Overlays;
use crate::ros::state::live::Live;
use crate::ros::state::served::ServedCalibration;
use std::sync::Arc;
use tokio::sync::watch;

/// What the page shows and asks for.
pub struct PageSources {
    /// The live images.
    pub cameras: Arc<CameraInput>,
    /// The same with the grid.
    pub overlays: Overlays,
    /// Where the tool is.
    pub poses: Arc<PoseInput>,
    /// Who moves it.
    pub robot: Arc<Robot>,
    /// Sweep and clicks.
    pub live: Arc<watch::Sender<Live>>,
    /// The served calibration.
    pub served: Arc<ServedCalibration>,
    /// Starts a calibration.
    pub calibrator: Arc<Calibrator>,
    /// Answers clicks.
    pub clicks: Arc<Clicks>,
    /// Time limits, and names of this machine.
    pub parameters: ParameterTable<NodeParameters>,
}
