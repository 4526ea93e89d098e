//! Calibrating from a rosbag2, without ROS: what was recorded becomes a folder as `gratingcal calibrate` reads it.
//!
//! | file | holds |
//! | --- | --- |
//! | [`storage`] | the messages of .mcap and .db3 files, one after the other |
//! | [`cdr`], [`messages`] | their bytes as images, poses and transforms |
//! | [`poses`] | the tool's poses, from a topic or from transforms |
//! | `topics` | whether topics hold what is asked of them |
//! | [`error`] | why a bag can't be used |
//! | [`extract`](mod@extract) | one still image pair for each place at which the tool rested, written to a folder |
//!
//! Times are ns of the messages' own stamps, lengths mm.

pub mod cdr;
pub mod error;
pub mod extract;
pub mod messages;
pub mod poses;
pub mod storage;
mod topics;
