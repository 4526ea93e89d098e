//! Measured poses in, set points out. The only folder that commands the robot.
//!
//! | file | holds |
//! | --- | --- |
//! | [`poses`] | measured poses of the last seconds |
//! | [`joints`] | which joint moves which axis |
//! | [`motion`] | one trait, two ways to command: target poses, joint trajectories |
//! | [`commander`] | the only caller of that trait: limits, interpolation, holding |

pub mod commander;
pub mod joints;
pub mod motion;
pub mod poses;

pub use commander::Commander;
pub use poses::PoseBuffer;
