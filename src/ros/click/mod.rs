//! Clicks in the images.
//!
//! | file | holds |
//! | --- | --- |
//! | [`clicks`] | each becomes a point, and may send the tool there |
//! | [`click_record`] | each is a row of a file |

pub mod click_record;
pub mod clicks;
