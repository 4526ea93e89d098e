//! The `sim_cell` node: a simulated robot with two cameras.
//!
//! | file | holds |
//! | --- | --- |
//! | [`cell`] | the node |
//! | [`cell_robot`] | its robot |
//! | [`faults`] | what goes wrong |

pub mod cell;
pub mod cell_robot;
pub mod faults;
