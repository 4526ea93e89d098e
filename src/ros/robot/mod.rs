//! The robot: set points out, by whoever has its lease.
//!
//! Publishers of set points, and all that uses them, are visible in this room only: who wants the robot to move needs a
//! [`lease::RobotLease`] and a [`mover::Mover`].
//!
//! | file | holds |
//! | --- | --- |
//! | `motion` | one trait, and each way to command a robot |
//! | `commander` | the only caller of that trait: limits, interpolation, holding |
//! | [`lease`] | the robot, which one goal or move has at a time |
//! | [`mover`] | moves the tool and watches it |
//! | [`move_to`] | one move, only when armed |
//! | [`stop`] | why a goal or a move ended early |

mod commander;
pub mod lease;
mod motion;
pub mod move_to;
pub mod mover;
pub mod stop;
