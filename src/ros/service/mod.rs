//! Services.
//!
//! | file | holds |
//! | --- | --- |
//! | [`services`] | `pixel_to_world`, `world_to_pixel`, `~/save`, `~/load` |
//! | [`status`] | status of an answer on the wire |
//! | [`check`] | `~/check`: does the calibration still hold? |
//! | [`move_to`] | `~/move_to`, when armed |

pub mod check;
pub mod move_to;
pub mod services;
pub mod status;
