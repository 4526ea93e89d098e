//! The `calibration_node`; see [`grating_calibration::ros::node::calibration_node`].

fn main() -> anyhow::Result<()> {
    grating_calibration::ros::node::calibration_node::run()
}
