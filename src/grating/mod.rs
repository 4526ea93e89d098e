//! One image → the parameters of its two gratings, Eq. (1)–(4).
//!
//! | file | holds |
//! | --- | --- |
//! | [`chebyshev`] | smooth functions of the pixel: phases, gain and offset of the default method |
//! | [`model`] | brightness of two crossed gratings, Eq. (1)–(3), with derivatives |
//! | [`spectrum`] | the two grating frequencies, from nothing but the image |
//! | [`normal_equations`] | JᵀJ and Jᵀr of cost (4), exactly and fast |
//! | [`refine`] | Levenberg–Marquardt on cost (4): cold start, warm start, result |
//! | [`quadratic`] | the published phases, quadratic in the pixel, Eq. (1), (2) |
//! | [`moments`] | sums over pixels that the normal equations follow from |
//! | [`window`] | sums over windows in phase coordinates, for the local measurement |
//! | [`stochastic`] | the published method on one image after another |
//! | [`search`], [`draws`] | its stochastic search, and the random numbers of that |
//! | [`backend`] | who works on the pixels: [`cpu`] or [`cuda`] |
//!
//! Phases grow with v for the h grating (lines along u) and with u for the v grating (lines along v).
//! Dark lines are where a sine is −1, that is phase = 3π/2 + 2πn.

pub mod backend;
pub mod chebyshev;
pub mod cpu;
pub mod cuda;
pub mod draws;
pub mod model;
mod moments;
pub mod normal_equations;
pub mod quadratic;
pub mod refine;
pub mod search;
pub mod simd;
pub mod spectrum;
pub mod stochastic;
pub mod window;

pub use refine::{FitError, GratingFit};
