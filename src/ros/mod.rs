//! Everything that knows r2r or OpenCV.
//!
//! | folder | holds |
//! | --- | --- |
//! | [`support`] | process, threads, parameters, answers that arrive, who publishes what |
//! | [`input`] | images and poses as they come |
//! | [`robot`] | set points out; the only folder that commands the robot |
//! | [`goal`] | the `~/calibrate` action, from preflight to file |
//! | [`service`] | `pixel_to_world`, `world_to_pixel`, `~/save`, `~/load`, `~/check`, `~/move_to` |
//! | [`click`] | clicks in the images become points |
//! | [`show`] | what RViz, rqt and diagnostics see |
//! | [`web`] | the live page |
//! | [`node`] | the node: wires the rest together |
//! | [`sim_cell`] | the `sim_cell` node: a simulated robot with two cameras, and its faults |

pub mod click;
pub mod goal;
pub mod input;
pub mod node;
pub mod robot;
pub mod service;
pub mod show;
pub mod sim_cell;
pub mod support;
pub mod web;

use futures::{Stream, StreamExt};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
