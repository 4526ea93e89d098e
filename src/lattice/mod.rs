//! Gratings → numbered, localised grid intersections, Eq. (9)–(15).
//!
//! | file or folder | holds |
//! | --- | --- |
//! | [`intersections`] | Newton's method on phases, Eq. (9)–(14) |
//! | [`local`] | each intersection measured in its own surroundings, with its covariance |
//! | [`origin_mark`] | the mark that tells origin, axes and pitch |
//! | [`texture`] | brightness of the paper, cell by cell |
//! | [`tracking`] | the same line keeps its number from height to height, Eq. (15) |

pub mod intersections;
pub mod local;
pub mod origin_mark;
pub mod texture;
pub mod tracking;
