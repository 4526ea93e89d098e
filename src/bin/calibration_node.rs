//! The `calibration_node`; see [`grating_calibration::ros::calibration_node`].

fn main() -> anyhow::Result<()> {
    grating_calibration::ros::calibration_node::run()
}
