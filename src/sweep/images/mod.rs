//! Images before they are fitted: good enough, and still?
//!
//! Still pairs are chosen here for the node, for recordings and for the drift check alike.
//!
//! | file | holds |
//! | --- | --- |
//! | [`quality`] | exposure, contrast, focus, coverage |
//! | [`line_profile`] | the profile of the lines across |
//! | [`stillness`] | the shift between two images |
//! | [`pairing`] | left and right images paired by stamp |
//! | [`still_pair`] | an image pair without motion, and why there is none yet |
//! | [`chooser`] | images and poses in, still pairs out |

pub mod chooser;
pub mod line_profile;
pub mod pairing;
pub mod quality;
pub mod still_pair;
pub mod stillness;
