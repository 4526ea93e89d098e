//! The node: wires the rest together.
//!
//! | file | holds |
//! | --- | --- |
//! | [`calibration_node`] | subscribes, offers, spins |
//! | [`parameters`] | its parameters |
//! | [`shared`] | what its tasks share |

pub mod calibration_node;
pub mod parameters;
pub mod shared;
