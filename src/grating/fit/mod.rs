//! The default fit of one image: a spectrum to start from, then Levenberg–Marquardt.
//!
//! | file | holds |
//! | --- | --- |
//! | [`spectrum`] | the two grating frequencies, from nothing but the image |
//! | [`error`] | why an image gave no gratings |
//! | [`levenberg_marquardt`] | the descent on cost (4), and why it ended |
//! | [`refine`] | cold start, warm start, result |

pub mod error;
pub mod levenberg_marquardt;
pub mod refine;
pub mod spectrum;
