//! The published fit of one image, Eq. (1)–(4).
//!
//! | file | holds |
//! | --- | --- |
//! | [`quadratic`] | phases quadratic in the pixel, Eq. (1), (2), and their intersections, Eq. (10)–(14) |
//! | [`search`] | the stochastic search on cost (4) |
//! | [`draws`] | its random numbers, by counter |

pub mod draws;
pub mod quadratic;
pub mod search;
