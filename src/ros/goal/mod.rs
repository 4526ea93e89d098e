//! The `~/calibrate` action: one sweep from preflight to file.
//!
//! | file | holds |
//! | --- | --- |
//! | [`action`] | goals, one at a time, from the action and from the page |
//! | [`action_server`] | the services and topics of an action |
//! | [`calibrate`] | one sweep |
//! | [`job`] | what a goal asks for |
//! | [`preflight`] | everything that can be found out before the robot moves |
//! | [`still`] | a pair of images that is fresh and still |

pub mod action;
pub mod action_server;
pub mod calibrate;
pub mod job;
pub mod preflight;
pub mod still;
