//! Whether the data can be what its user says; docs/checks.md lists all checks.
//!
//! | file | holds |
//! | --- | --- |
//! | [`record`] | what the checks found, as a calibration keeps it |
//! | [`rays`] | which place of the grid some pixels see, without any model |
//! | [`consistency`] | line numbers and poses of all views against each other: slips, bumps |
//! | [`origins`] | is the origin the same intersection in both images? |
//! | [`scale`] | do heights and pitch agree? |
//! | [`placement`] | is the left camera on the left? |

pub mod consistency;
pub mod origins;
pub mod placement;
pub mod rays;
pub mod record;
pub mod scale;
