//! The plan and the state of a calibration, no I/O: whoever feeds it (folder or robot) gets identical results.
//!
//! | file | holds |
//! | --- | --- |
//! | [`session`] | image pairs and poses in, calibration out |
//! | [`finish`] | what both cameras saw in, judged calibration out |
//! | [`plausibility`] | can the sweep be what its user says? |
//! | [`origin`] | where the origin is and how the cameras are turned |
//! | [`plan`] | which poses a calibration goes through |
//! | [`limits`] | where the robot may be sent |
//! | [`settle`] | has the measured pose come to rest? |

pub mod finish;
pub mod limits;
pub mod origin;
pub mod plan;
pub mod plausibility;
pub mod session;
pub mod settle;
