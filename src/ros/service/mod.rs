//! Services.
//!
//! | file | holds |
//! | --- | --- |
//! | [`points`] | `pixel_to_world`, `world_to_pixel` |
//! | [`files`] | `~/save`, `~/load` |
//! | [`check`] | `~/check`: does the calibration still hold? |
//! | [`move_to`] | `~/move_to`, when armed |
//! | [`messages`] | answers as messages |

pub mod check;
pub mod files;
pub mod messages;
pub mod move_to;
pub mod points;
