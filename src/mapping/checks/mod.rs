//! Whether the data can be what its user says; docs/checks.md lists all checks.
//!
//! | file | holds |
//! | --- | --- |
//! | [`finding`] | what a check found, and its text |
//! | [`repair`] | line numbers that were changed |
//! | [`rays`] | which place of the grid some pixels see, without any model |
//! | [`consistency`] | line numbers and poses of all views against each other: slips, bumps |
//! | [`origins`] | is the origin the same intersection in both images? |
//! | [`scale`] | do heights and pitch agree? |
//! | [`placement`] | is the left camera on the left? |
//! | [`unobservable`] | what no image can tell |

pub mod consistency;
pub mod finding;
pub mod origins;
pub mod placement;
pub mod rays;
pub mod repair;
pub mod scale;
pub mod unobservable;
