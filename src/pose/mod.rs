//! Poses of the tool, as measured: the ground floor that recordings, plans and the node share.
//!
//! | file | holds |
//! | --- | --- |
//! | [`tool_pose`] | one pose of the tool, stamped or at rest |
//! | [`transforms`] | poses from a tree of stamped transforms, chained and interpolated |

pub mod tool_pose;
pub mod transforms;
