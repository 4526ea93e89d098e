//! The origin mark: dots around one intersection that tell origin, axes and pitch (docs/target.md).
//!
//! | file | holds |
//! | --- | --- |
//! | [`mark`] | the mark on paper: its dots, and the pitch they encode |
//! | [`locate`] | the mark in an image: origin intersection, axes, pitch |

pub mod locate;
pub mod mark;
