//! Files in and out.
//!
//! | file | holds |
//! | --- | --- |
//! | [`whole_file`] | files read whole up to a bound, written whole or not at all |
//! | [`error`] | why a folder can't be used |
//! | [`pairs`] | image pairs: `DIR/00000.png …` |
//! | [`poses_csv`] | their poses |
//! | [`prefetch`] | the next pair is read while one is worked on |
//! | [`image_file`] | images as counts, written to disk |
//! | [`recording`] | a calibration under way, as it is resumed |
//! | [`table`] | CSV of pixels and points |
//! | [`calibration_file`] | calibration.yaml |
//! | [`camera_files`] | the cameras as files for other software |

pub mod calibration_file;
pub mod camera_files;
pub mod error;
pub mod image_file;
pub mod pairs;
pub mod poses_csv;
pub mod prefetch;
pub mod recording;
pub mod table;
pub mod whole_file;
