//! The node: wires the rest together.
//!
//! | file | holds |
//! | --- | --- |
//! | [`calibration_node`] | subscribes, offers, spins |
//! | [`shared`] | what its tasks share |

pub mod calibration_node;
pub mod shared;
