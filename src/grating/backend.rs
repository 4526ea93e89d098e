//! Who evaluates cost (4) for the stochastic search.
//!
//! The h and v sets are searched in turn, so one grating stands still while many candidates of the other are tried. Gain
//! and offset are solved in closed form inside the cost: with y the image and I of Eq. (3),
//! ```text
//! cost = min_{g,o} Σ (g I + o − y)² = Σ(y−ȳ)² − (Σ(I−Ī)(y−ȳ))² / Σ(I−Ī)²
//! ```
//! so that a backend only has to sum I, I² and I·y.

use crate::grating::quadratic::QuadraticPhase;

/// One image as a search of one set sees it: rows run along the lines that are searched (transposed for v).
#[derive(Clone, Debug)]
pub struct Problem {
    /// Pixels along a row, and rows.
    pub columns: usize,
    pub rows: usize,
    /// Row-major image, any gain and offset.
    pub image: Vec<f32>,
    /// Row-major 4·p of the grating that stands still, Q in [`crate::grating::model`].
    pub standing: Vec<f32>,
    /// Pixel coordinates of the first column and row, and their spacing, in the untransposed image's px.
    pub start: [f64; 2],
    pub spacing: f64,
    /// Duty cycle, 0.97 in the original.
    pub duty: f32,
}

/// Σ I, Σ I², Σ I y over the pixels of a problem.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// Σ I
    pub model: f64,
    /// Σ I²
    pub model2: f64,
    /// Σ I y
    pub model_image: f64,
}

/// Evaluates candidates on some device.
pub trait Backend: Send + Sync {
    /// Device and method, for people.
    fn name(&self) -> String;

    /// One [`Sums`] a candidate, in order.
    fn sums(&self, problem: &Problem, candidates: &[QuadraticPhase]) -> Vec<Sums>;
}

/// Σ y and Σ y².
pub fn image_sums(problem: &Problem) -> [f64; 2] {
    problem.image.iter().fold([0.0, 0.0], |[s, s2], &y| [s + f64::from(y), s2 + f64::from(y) * f64::from(y)])
}

/// Cost (4) over the image's own variance: 0 explains everything, 1 nothing.
pub fn relative_cost(sums: Sums, image: [f64; 2], pixels: usize) -> f64 {
    let n = pixels as f64;
    let model_variance = sums.model2 - sums.model * sums.model / n;
    let image_variance = image[1] - image[0] * image[0] / n;
    let covariance = sums.model_image - sums.model * image[0] / n;
    if model_variance <= 0.0 || image_variance <= 0.0 || covariance <= 0.0 {
        return 1.0;
    }
    1.0 - covariance * covariance / (model_variance * image_variance)
}
