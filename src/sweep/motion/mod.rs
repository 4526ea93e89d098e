//! Which poses a sweep visits, how the tool goes there, and when it is at rest.
//!
//! | file | holds |
//! | --- | --- |
//! | [`plan`] | the poses of a calibration |
//! | [`height_or_jog`] | what a pose is: a height, or a jog at the lowest one |
//! | [`limits`] | where the robot may be sent |
//! | [`profile`] | how the tool goes from one place to the next |
//! | [`settle`] | whether the measured pose has come to rest |
//! | [`stationary`] | when the tool stands still, pose by pose |

pub mod height_or_jog;
pub mod limits;
pub mod plan;
pub mod profile;
pub mod settle;
pub mod stationary;
