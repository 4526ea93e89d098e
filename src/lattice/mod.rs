//! Gratings → numbered, localised grid intersections, Eq. (5)–(15).
//!
//! | file | holds |
//! | --- | --- |
//! | [`intersections`] | line numbers and Newton's method on phases, Eq. (5)–(14) |
//! | [`local`] | each intersection measured in its own surroundings, with its covariance |
//! | [`mark`] | the origin mark on paper: its dots, and the pitch that they tell |
//! | [`origin`] | the mark in an image: origin crossing, axes, pitch |
//! | [`texture`] | how bright the paper is, cell by cell |
//! | [`tracking`] | the same line keeps its number from height to height, Eq. (15) |

pub mod intersections;
pub mod local;
pub mod mark;
pub mod origin;
pub mod texture;
pub mod tracking;

pub use intersections::{Intersection, LineNumbers, PhaseField};
