//! The cameras as OpenCV and ROS describe cameras.
//!
//! | file | holds |
//! | --- | --- |
//! | [`standard`] | intrinsics, distortion and pose |
//! | [`rectify`] | both cameras turned into common axes, for stereo software |

pub mod rectify;
pub mod standard;
