//! Everything that knows r2r or OpenCV.
//!
//! | file | holds |
//! | --- | --- |
//! | [`calibration_node`] | the node: wires the rest together |
//! | [`calibration_params`] | its parameters |
//! | [`calibrate`] | the `~/calibrate` action: one sweep from preflight to file |
//! | [`robot`] | measured poses in, targets out; the only file that commands the robot |
//! | [`pairing`] | left and right images with the same stamp |
//! | [`images`] | sensor_msgs/Image → brightness |
//! | [`services`] | `pixel_to_world`, `world_to_pixel`, `~/save`, `~/load` |
//! | [`record`] | the pairs of a sweep on disk, as `gratingcal calibrate` reads them |
//! | [`params`] | declared, bounded parameters |
//! | [`process`] | logging, runtime, spinning and stopping of both nodes |
//! | [`cell`] | the `sim_cell` node: a simulated robot with two cameras |

pub mod calibrate;
pub mod calibration_node;
pub mod calibration_params;
pub mod cell;
pub mod images;
pub mod pairing;
pub mod params;
pub mod process;
pub mod record;
pub mod robot;
pub mod services;

/// Nanoseconds of a stamp.
pub fn nanoseconds(stamp: &r2r::builtin_interfaces::msg::Time) -> i64 {
    i64::from(stamp.sec) * 1_000_000_000 + i64::from(stamp.nanosec)
}

/// A stamp from nanoseconds.
pub fn time(nanoseconds: i64) -> r2r::builtin_interfaces::msg::Time {
    r2r::builtin_interfaces::msg::Time {
        sec: nanoseconds.div_euclid(1_000_000_000) as i32,
        nanosec: nanoseconds.rem_euclid(1_000_000_000) as u32,
    }
}
