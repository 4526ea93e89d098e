//! Answers of a calibration, table in, table out.

pub mod pixel_to_world;
mod stdin;
pub mod world_to_pixel;
