//! The `sim_cell`: a simulated robot with two cameras; see [`grating_calibration::ros::sim_cell::cell`].

fn main() -> anyhow::Result<()> {
    grating_calibration::ros::sim_cell::cell::run()
}
