//! The printed target.

mod sheet;
