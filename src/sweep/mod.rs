//! The plan and the state of a calibration, no I/O: whoever feeds it (folder or robot) gets identical results.
//!
//! | file or folder | holds |
//! | --- | --- |
//! | [`motion`] | which poses are visited, how, and when the tool is at rest |
//! | [`images`] | whether an image is good enough, and still |
//! | [`settings`], [`error`], [`outcome`] | what a sweep is given, why it ends early, what comes out |
//! | [`session`] | image pairs and poses in, calibration out |
//! | [`track`] | one camera from image to image |
//! | [`original`] | the published method on one image after another |
//! | [`origin`] | where the origin is and how the cameras are turned |
//! | [`finish`] | what both cameras saw in, calibration with its verdict out |
//! | [`plausibility`] | can the sweep be what its user says? |
//! | [`drift`] | does a calibration still hold? |

pub mod drift;
pub mod error;
pub mod finish;
pub mod images;
pub mod motion;
pub mod origin;
pub mod original;
pub mod outcome;
pub mod plausibility;
pub mod session;
pub mod settings;
pub mod track;
