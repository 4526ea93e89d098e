//! Robust least squares for cameras whose pixel is not linear in their parameters.
//!
//! | file | holds |
//! | --- | --- |
//! | [`loss`] | how much a residual counts, and the noise scale |
//! | [`sparse_sums`] | normal equations of many sparse rows |
//! | [`adjust`] | Levenberg–Marquardt on them |
//!
//! ```text
//! cost = Σ ρ(s) + Σ (prior residual / σ)²,   ρ(s) = c² ln(1 + s / c²),   s = |pixel − model(X)|² w / m²
//! ```
//! | symbol | | unit |
//! | --- | --- | --- |
//! | w | one over the variance of a pixel coordinate | px⁻² |
//! | m | noise scale: the factor by which residuals exceed their stated σ, 1 at least | 1 |
//! | c | residual, in standard deviations, beyond which a correspondence counts less | 1 |
//!
//! ρ is Cauchy's (Lorentzian) loss, as in Black and Anandan, "The robust estimation of multiple motions" (1996). What a
//! model can't follow counts as noise by m, lest it outweigh the priors.

pub mod adjust;
pub mod loss;
pub mod sparse_sums;
