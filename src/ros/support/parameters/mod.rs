//! Parameters as ROS 2 has them.
//!
//! | file | holds |
//! | --- | --- |
//! | [`messages`] | values and declarations ↔ messages |
//! | [`services`] | the services of `ros2 param`, and `/parameter_events` |
//! | [`setting_names`] | how settings of the core are given here |

pub mod messages;
pub mod services;
pub mod setting_names;
