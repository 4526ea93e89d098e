//! Images before they are fitted: good enough, and still?
//!
//! | file | holds |
//! | --- | --- |
//! | [`quality`] | exposure, contrast, focus, coverage |
//! | [`line_profile`] | the profile of the lines across |
//! | [`stillness`] | the shift between two images |

pub mod line_profile;
pub mod quality;
pub mod stillness;
