//! What tests of all rooms share.
//!
//! | module | holds |
//! | --- | --- |
//! | [`cell`] | simulated cells: the small one, presets at half its size, and their images |
//! | [`skip`] | what a test says that cannot be done on this machine |

pub mod cell;
pub mod skip;
