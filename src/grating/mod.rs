//! One image → the parameters of its two gratings, Eq. (1)–(4).
//!
//! | file or folder | holds |
//! | --- | --- |
//! | [`simd`] | eight lanes at a time, on whatever instruction set the machine has |
//! | [`chebyshev`] | smooth functions of the pixel: phases, gain and offset of the default method |
//! | [`model`] | brightness of two crossed gratings, Eq. (1)–(3), with derivatives |
//! | [`parameters`] | all that describes one image |
//! | [`phase_field`] | phases as functions of the pixel, and the line numbers they give, Eq. (5)–(8) |
//! | [`pixel_sums`] | sums over pixels: normal equations of cost (4), and windows |
//! | [`published`] | the published phases, quadratic in the pixel, and their stochastic search |
//! | [`backend`] | the device that computes both: CPU or GPU |
//! | [`fit`] | cold and warm start, Levenberg–Marquardt on cost (4) |
//!
//! Phases grow with v for the h grating (lines along u) and with u for the v grating (lines along v).
//! Dark lines are where a sine is −1, that is phase = 3π/2 + 2πn.

pub mod backend;
pub mod chebyshev;
pub mod fit;
pub mod model;
pub mod parameters;
pub mod phase_field;
pub mod pixel_sums;
pub mod published;
pub mod simd;
