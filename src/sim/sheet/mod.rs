//! The printed sheet.
//!
//! | file | holds |
//! | --- | --- |
//! | [`mod@print`] | which part of a pixel's footprint is ink |
//! | [`mark`] | where the dots of the origin mark are |
//! | [`normal`] | the ink's blurred edge: a table of the normal distribution |

pub mod mark;
pub mod normal;
pub mod print;
