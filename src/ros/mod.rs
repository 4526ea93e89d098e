//! Everything that knows r2r or OpenCV.
//!
//! | file | holds |
//! | --- | --- |
//! | [`calibration_node`] | the node: wires the rest together |
//! | [`calibration_params`] | its parameters |
//! | [`shared`] | what its tasks share |
//! | [`goal`] | what a goal asks for |
//! | [`preflight`] | everything that can be found out before the robot moves |
//! | [`action`] | goals, one at a time, from the action and from the page |
//! | [`action_server`] | the services and topics of an action |
//! | [`web`] | the live page |
//! | [`calibrate`] | the `~/calibrate` action: one sweep from preflight to file |
//! | [`mover`] | moves the tool and watches it |
//! | [`still`] | a pair of images that is fresh and still |
//! | [`stop`] | why a goal ended early |
//! | [`robot`] | measured poses in, set points out; the only folder that commands the robot |
//! | [`frames`], [`pairing`] | images of the last moments, paired by stamp |
//! | [`images`] | sensor_msgs/Image → brightness |
//! | [`services`] | `pixel_to_world`, `world_to_pixel`, `~/save`, `~/load` |
//! | [`respond`](mod@respond) | answers that arrive |
//! | [`check`] | `~/check`: does the calibration still hold? |
//! | [`move_to`] | `~/move_to`, when armed |
//! | [`clicks`], [`click_record`] | clicks in the pictures become points, and rows of a file |
//! | [`diagnostics`] | `/diagnostics`, once a second |
//! | [`live`] | what a calibration has shown so far |
//! | [`show`] | markers, dataset and TF, for RViz |
//! | [`files`] | which files services and goals may name |
//! | [`graph`] | who publishes what |
//! | [`params`], [`parameter_services`] | declared, bounded parameters, and `ros2 param` |
//! | [`process`] | memory, logging, runtime, spinning and stopping of both nodes |
//! | [`work`] | whose work waits for whose |
//! | [`cell`], [`cell_robot`], [`faults`] | the `sim_cell` node: a simulated robot with two cameras, and what goes wrong |

use futures::{Stream, StreamExt};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub mod action;
pub mod action_server;
pub mod backends;
pub mod calibrate;
pub mod calibration_node;
pub mod calibration_params;
pub mod cell;
pub mod cell_robot;
pub mod check;
pub mod click_record;
pub mod clicks;
pub mod diagnostics;
pub mod faults;
pub mod files;
pub mod frames;
pub mod goal;
pub mod graph;
pub mod images;
pub mod live;
pub mod move_to;
pub mod mover;
pub mod pairing;
pub mod parameter_services;
pub mod params;
pub mod preflight;
pub mod process;
pub mod respond;
pub mod robot;
pub mod services;
pub mod shared;
pub mod show;
pub mod still;
pub mod stop;
pub mod web;
pub mod work;

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

/// Locks; a thread that panicked while it held the lock left things whole: nothing here is changed half.
pub fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Handles the items of a stream one after the other.
pub fn each<T: Send + 'static>(
    mut stream: impl Stream<Item = T> + Unpin + Send + 'static,
    mut handle: impl FnMut(T) + Send + 'static,
) {
    tokio::spawn(async move {
        while let Some(item) = stream.next().await {
            handle(item);
        }
    });
}
