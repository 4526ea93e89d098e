//! Everything that knows r2r or OpenCV: the edge between ROS and the core. A room uses only those above it.
//!
//! | folder | holds |
//! | --- | --- |
//! | [`support`] | process, threads, clock, parameters, files, answers that arrive, who publishes what |
//! | [`input`] | images and poses as they come |
//! | [`robot`] | set points out, for who has the robot's lease |
//! | [`state`] | the served calibration, progress, clicks: domain types, no messages |
//! | [`show`] | what RViz, rqt and diagnostics see |
//! | [`service`] | `pixel_to_world`, `world_to_pixel`, `~/save`, `~/load`, `~/check`, `~/move_to` |
//! | [`goal`] | the `~/calibrate` action, from preflight to file |
//! | [`click`] | clicks in the images become points |
//! | [`web`] | the live page |
//! | [`sim_cell`] | the `sim_cell` node: a simulated robot with two cameras, and its faults |
//! | [`node`] | the `calibration_node`: wires the rest together |

pub mod click;
pub mod goal;
pub mod input;
pub mod node;
pub mod robot;
pub mod service;
pub mod show;
pub mod sim_cell;
pub mod state;
pub mod support;
pub mod web;

use futures::{Stream, StreamExt};
use r2r::builtin_interfaces::msg::Time;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A stamp in ns.
pub fn nanoseconds(stamp: &Time) -> i64 {
    i64::from(stamp.sec) * 1_000_000_000 + i64::from(stamp.nanosec)
}

/// A stamp of so many ns.
pub fn time(nanoseconds: i64) -> Time {
    Time { sec: nanoseconds.div_euclid(1_000_000_000) as i32, nanosec: nanoseconds.rem_euclid(1_000_000_000) as u32 }
}

/// Locks. A thread that panicked while it held the lock left things whole: nothing here is changed half.
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
