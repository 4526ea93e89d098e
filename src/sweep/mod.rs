//! The plan and the state of a calibration, no I/O: whoever feeds it (folder or robot) gets identical results.

pub mod session;
