//! What the node knows: its calibration, a sweep's progress, clicks.
//!
//! Domain types only; messages are made where they are published or answered.
//!
//! | file | holds |
//! | --- | --- |
//! | [`served`] | the calibration that the node answers from |
//! | [`progress`] | how far a calibration is |
//! | [`grid`] | the grid as both cameras saw it last |
//! | [`clicked`] | clicks with their points |
//! | [`service_status`] | status of an answer |
//! | [`live`] | all that people look at, and wakes those who show it |

pub mod clicked;
pub mod grid;
pub mod live;
pub mod progress;
pub mod served;
pub mod service_status;
