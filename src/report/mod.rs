//! What a person reads about a finished session.
//!
//! | file | holds |
//! | --- | --- |
//! | [`page`] | one self-contained page, the figures beside it |
//! | [`figures`] | what the figures show, from the outcome |
//! | [`figure`], [`draw`] | figures as data, and as SVG and PNG |
//! | [`lens`] | what a lens does to straight lines |
//! | [`overlay`] | grids drawn over images |

pub mod draw;
pub mod figure;
pub mod figures;
pub mod lens;
pub mod overlay;
pub mod page;

pub use page::{Report, ReportError};
