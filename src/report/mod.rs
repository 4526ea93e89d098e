//! What a person reads about a finished session.
//!
//! | file | holds |
//! | --- | --- |
//! | [`html`](mod@html) | one self-contained page |
//! | [`overlay`] | grids drawn over images |
//! | [`lattice`] | the grid as one camera sees it: crossings with their misses |
//! | [`canvas`] | lines and text that are read on any ground |

pub mod canvas;
mod html;
pub mod lattice;
pub mod overlay;

pub use html::html;
