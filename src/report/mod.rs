//! What a person reads about a finished session.
//!
//! | file | holds |
//! | --- | --- |
//! | [`page`] | one self-contained page, the figures beside it |
//! | [`figures`] | what the figures show, from the outcome |
//! | [`figure`], [`draw`] | figures as data, and as SVG and PNG |
//! | [`lens`] | what a lens does to straight lines |
//! | [`overlay`] | grids drawn over images |
//! | [`lattice`] | the grid as one camera sees it: intersections with their errors |
//! | [`canvas`] | lines and text that are read on any ground |

pub mod canvas;
pub mod draw;
pub mod figure;
pub mod figures;
pub mod lattice;
pub mod lens;
pub mod overlay;
pub mod page;

pub use page::{Report, ReportError};
