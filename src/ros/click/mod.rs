//! Clicks in the images.
//!
//! | file | holds |
//! | --- | --- |
//! | [`clicks`] | each becomes a point, and may move the tool |
//! | [`partner`] | the click in the other camera that makes a stereo point with it |
//! | [`record`] | each is a row of a file |
//! | [`messages`] | each with its point as a message |

pub mod clicks;
pub mod messages;
pub mod partner;
pub mod record;
