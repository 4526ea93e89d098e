//! The ladder of models: each is fitted, scored on data it has not seen, and one is chosen.
//!
//! | file | holds |
//! | --- | --- |
//! | [`ladder`] | fits, scores, chooses |
//! | [`cross_validation`] | errors at heights, regions and borders that were left out |
//! | [`stereo_ladder`] | the same in micrometres, for points from both cameras |

pub mod cross_validation;
pub mod ladder;
pub mod stereo_ladder;
