//! The parameters of both nodes, in the units of ROS: metres, seconds, radians, pixels.
//!
//! | file | holds the parameters of |
//! | --- | --- |
//! | [`calibration_node`] | the whole `calibration_node` |
//! | [`calibration`] | target, method and files of a calibration |
//! | [`frames`] | coordinate frames |
//! | [`cameras`] | image pairs |
//! | [`robot`] | poses, motion and its limits |
//! | [`joints`] | a gantry's joints, of both nodes |
//! | [`people`] | what is shown and clicked, the live page, `~/check` |
//! | [`sim_cell`] | the whole `sim_cell` |

pub mod calibration;
pub mod calibration_node;
pub mod cameras;
pub mod frames;
pub mod joints;
pub mod people;
pub mod robot;
pub mod sim_cell;
