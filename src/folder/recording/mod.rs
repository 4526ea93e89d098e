//! The record of a calibration under way, from which it is resumed.
//!
//! | file | holds |
//! | --- | --- |
//! | [`journal`] | its journal: one line a pair, each with a checksum |
//! | [`record`] | images, poses and journal together |
//! | [`recorded_session`] | a session whose pairs are on disk |

pub mod journal;
pub mod record;
pub mod recorded_session;
