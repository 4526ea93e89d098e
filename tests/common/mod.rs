//! What tests of all rooms share.
//!
//! | module | holds |
//! | --- | --- |
//! | [`cell`] | simulated cells: the small one, presets at half its size, and their images |
//! | [`projected`] | sweeps made of exact projections with noise |
//! | [`skip`] | what a test says that cannot be done on this machine |

pub mod cell;
pub mod projected;
pub mod skip;
