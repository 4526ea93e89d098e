//! The default fit of one image: a spectrum to start from, then Levenberg–Marquardt.
//!
//! | file | holds |
//! | --- | --- |
//! | [`spectrum`] | the two grating frequencies, from nothing but the image |
//! | [`refine`] | Levenberg–Marquardt on cost (4): cold start, warm start, result |

pub mod refine;
pub mod spectrum;
