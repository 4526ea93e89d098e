//! What a person reads about a finished session.
//!
//! | file | holds |
//! | --- | --- |
//! | [`html`](mod@html) | one self-contained page |
//! | [`overlay`] | grids drawn over images |

mod html;
pub mod overlay;

pub use html::html;
