//! The plan and the state of a calibration, no I/O: whoever feeds it (folder or robot) gets identical results.
//!
//! | file | holds |
//! | --- | --- |
//! | [`session`] | image pairs and poses in, calibration out |
//! | [`track`] | one camera from image to image |
//! | [`check`] | does a calibration still hold? |
//! | [`finish`] | what both cameras saw in, judged calibration out |
//! | [`plausibility`] | can the sweep be what its user says? |
//! | [`origin`] | where the origin is and how the cameras are turned |
//! | [`place`] | height or jog of an image pair |
//! | [`pose`] | poses of the tool, as measured and at rest |
//! | [`transforms`] | the same from TF: a chain of transforms, interpolated |
//! | [`picture`] | is a picture good enough? |
//! | [`line_profile`] | what its lines look like across |
//! | [`plan`] | which poses a calibration goes through |
//! | [`limits`] | where the robot may be sent |
//! | [`profile`] | how the tool goes from one place to the next |
//! | [`settle`] | has the measured pose come to rest? |
//! | [`stillness`] | has the picture? |

pub mod check;
pub mod finish;
pub mod limits;
pub mod line_profile;
pub mod origin;
pub mod picture;
pub mod place;
pub mod plan;
pub mod plausibility;
pub mod pose;
pub mod profile;
pub mod session;
pub mod settle;
pub mod stillness;
pub mod track;
pub mod transforms;
