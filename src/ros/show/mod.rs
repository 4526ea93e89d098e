//! What people look at in RViz, rqt and diagnostics.
//!
//! | file | holds |
//! | --- | --- |
//! | [`status`] | `~/calibration` |
//! | [`markers`] | `~/grid_markers` |
//! | [`cloud`] | `~/dataset` |
//! | [`overlay`] | `~/left/overlay`, `~/right/overlay` |
//! | [`camera_info`] | `left/camera_info`, `right/camera_info` |
//! | [`transform`] | the calibration frame on TF |
//! | [`diagnostics`] | `/diagnostics` |
//! | [`scene`] | when markers and dataset are sent |
//! | [`colour`] | colours of errors |
//!
//! Everything but overlays and diagnostics is latched for late subscribers, and sent no more often than anybody can look.

pub mod camera_info;
pub mod cloud;
pub mod colour;
pub mod diagnostics;
pub mod markers;
pub mod overlay;
pub mod scene;
pub mod status;
pub mod transform;
