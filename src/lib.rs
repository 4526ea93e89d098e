//! Pixel ↔ world calibration of two robot-mounted cameras from a printed grid of lines.
//!
//! The pipeline, one folder a stage; data flows downwards only:
//!
//! | stage | in → out | equations |
//! | --- | --- | --- |
//! | [`grating`] | one image → phase polynomials of its two gratings | (1)–(4) |
//! | [`lattice`] | gratings → numbered, localised grid intersections | (5)–(15) |
//! | [`mapping`] | (pixel, point) pairs → pixel ↔ world model with covariance | (16) and beyond |
//! | [`sweep`] | the plan of a calibration and the session that feeds the stages, no I/O | |
//! | [`target`] | the sheet to print | |
//! | `bag` | a recorded sweep (rosbag2) → images and poses, without ROS | |
//! | [`report`] | what a person reads about a finished session | |
//! | [`sim`] | a ray-traced cell, the judge: shares no projection, lens or grid code with the stages above | |
//!
//! # Conventions
//! - Pixel `(u, v)`: raw image, u right, v down, integer coordinates are pixel **centres**, top-left centre is (0, 0).
//! - Tool frame: fixed to the cameras, axes parallel to the robot's motion axes, z up (away from the grid), right-handed;
//!   its origin is at the grid's origin mark when h = 0. A grid intersection seen at height h lies at (x, y, −h).
//! - Millimetres inside the maths (`…_mm`), metres at every ROS interface. `base_from_tool` is the pose of the tool in base.
//! - `n_h` numbers the lines that run along u (rows, y = −n_h · pitch), `n_v` those that run along v (x = n_v · pitch).

#[cfg(feature = "bags")]
pub mod bag;
pub mod camera;
pub mod folder;
pub mod grating;
pub mod gray_image;
pub mod lattice;
pub mod least_squares;
pub mod mapping;
pub mod named;
pub mod parameters;
pub mod pose;
pub mod report;
#[cfg(feature = "ros")]
pub mod ros;
pub mod setting;
pub mod sim;
pub mod statistics;
pub mod sweep;
pub mod target;
pub mod validation;

pub use gray_image::{GrayImage, gray_from_u8, gray_from_u16};
