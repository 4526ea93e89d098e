//! Set points out. The only folder that commands the robot.
//!
//! | file | holds |
//! | --- | --- |
//! | [`joints`] | which joint moves which axis |
//! | [`motion`] | one trait, two ways to command: target poses, joint trajectories |
//! | [`commander`] | the only caller of that trait: limits, interpolation, holding |
//! | [`mover`] | moves the tool and watches it |
//! | [`stop`] | why a goal or a move ended early |

pub mod commander;
pub mod joints;
pub mod motion;
pub mod mover;
pub mod stop;
