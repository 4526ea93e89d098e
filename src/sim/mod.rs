//! A ray-traced cell: printed grid, light, two lenses, sensor, robot. The judge of the estimator.
//!
//! | file or folder | holds |
//! | --- | --- |
//! | [`config`] | every parameter of a scene, with defaults and bounds |
//! | [`preset`] | named scenes |
//! | [`sheet`] | the printed sheet: lines, dots of the origin mark |
//! | [`optics`] | lens, its place on the tool, sensor |
//! | [`scene`] | all of it together: images and exact projections |
//! | [`truth`] | points with their pixels, for a judge |
//! | [`robot`] | how the tool moves |
//! | [`error`] | why there is no such scene |
//!
//! # Frames
//! - **robot**: axes of the robot, origin at the grid's origin when h = 0, fixed to the tool (so to the cameras).
//!   When the tool has moved by `displacement_mm` a point P of the resting world lies at P − displacement.
//! - **lines**: what a calibration without jogs can know, and its tool frame. Same origin, x along the first grid line
//!   direction, y along the second, z along the robot's z axis. Oblique if print or table are.
//! - **paper** `(s, t)`: coordinates along the two line directions, mm, (0, 0) at the origin. Lines of the first
//!   set lie at s = n·pitch, those of the second set at t = n·pitch.
//!
//! Nothing here calls the estimator's stages: an error of theirs cannot hide behind the same error in the judge.

pub mod config;
pub mod error;
pub mod optics;
pub mod preset;
pub mod robot;
pub mod scene;
pub mod sheet;
pub mod truth;
