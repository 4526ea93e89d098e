//! (pixel, point) pairs → a pixel ↔ world model per camera, Eq. (16) and the ladder beyond it.

pub mod dataset;
