//! The published method on one image after another: stochastic search on cost (4), alternating h and v sets.
//!
//! Parameter vectors are drawn from a normal distribution with a diagonal covariance, and its mean moves to the best
//! draw, again and again. What the note sets by hand is derived here. Seeds c_h, c_v and means come from the spectrum,
//! the covariance from what a parameter does at the image's edge. It shrinks from round to round. For the first image the
//! region that is looked at grows from the centre outward, since linear phases are right only there.

use crate::GrayImage;
use crate::grating::backend::Backend;
use crate::grating::fit::error::FitError;
use crate::grating::fit::spectrum;
use crate::grating::phase_field::{LineNumbers, PhaseField};
use crate::grating::published::quadratic::{QuadraticGratings, QuadraticPhase};
use crate::grating::published::search::{DRAWS, Round, SearchPlan};
use crate::lattice::intersections::Intersection;
use crate::statistics::exceeds;
use nalgebra::{Matrix2, Vector2};
use serde::{Deserialize, Serialize};

/// How much work the search does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginalSettings {
    /// Draws for each image, h and v together; 18 000 as published.
    pub draws: usize,
    /// Every n-th pixel along u and v; 1 as published.
    pub stride: usize,
    /// Of the random numbers; the same seed gives the same result.
    pub seed: u64,
}

impl Default for OriginalSettings {
    fn default() -> Self {
        OriginalSettings { draws: 18_000, stride: 1, seed: 1 }
    }
}

/// Standard deviation of an intersection, px: the model, not the noise, is the limit.
const SIGMA_PX: f64 = 1.0;
/// Relative cost above which the image is not believed to show the grid.
const MAX_COST: f64 = 0.85;
/// Intersections around the origin, Eq. (9).
const REACH_H: i32 = 30;
const REACH_V: i32 = 20;

/// What one image of the sweep hands on to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OriginalState {
    gratings: QuadraticGratings,
    /// Where the origin was seen last, px; none where it has not been in view yet.
    origin_px: Option<Vector2<f64>>,
    /// Images fitted so far, for the random numbers.
    images: u32,
}

/// What one image gave.
#[derive(Clone, Debug, PartialEq)]
pub struct OriginalFit {
    /// Intersections around the origin, numbered from it.
    pub intersections: Vec<Intersection>,
    /// RMS residual over the RMS of what the gratings explain.
    pub residual: f64,
    /// Where the next image's search starts.
    pub state: OriginalState,
}

/// Fits one image after another: a pure function of the image and of what the image before handed on.
#[derive(Clone, Copy, Debug)]
pub struct OriginalFitter {
    /// How hard it searches.
    pub settings: OriginalSettings,
}

impl OriginalFitter {
    /// Searches the gratings of `image`, from those of the image before, `last`, where there was one.
    ///
    /// `origin_px` is where the origin is in the first image; later it is tracked by Eq. (15).
    ///
    /// # Errors
    /// [`FitError`] when no grid is found.
    pub fn fit(
        &self,
        backend: &dyn Backend,
        image: &GrayImage,
        last: Option<&OriginalState>,
        origin_px: Vector2<f64>,
    ) -> Result<OriginalFit, FitError> {
        let (width, height) = (image.width(), image.height());
        if width < 64 || height < 64 {
            return Err(FitError::TooSmall { width, height });
        }
        let carriers = spectrum::carriers(image).ok_or(FitError::NoGrating)?;
        let period = std::f64::consts::TAU / carriers.gradient_h.norm().min(carriers.gradient_v.norm());
        let evened = even_out(image, (1.5 * period) as usize);
        let draws = self.settings.draws;
        let (start, rounds) = match last {
            // Half a radian at the edge covers the motion of some tenths of a millimetre.
            Some(last) => (last.gratings, rounds(draws, &[(1.0, 0.5)])),
            None => {
                let stages = [(0.25, 0.6), (0.4, 0.8), (0.55, 0.8), (0.7, 0.8), (0.85, 0.8), (1.0, 0.8)];
                // The first image has no predecessor: three times the draws, in six stages.
                (from_carriers(&carriers), rounds(3 * draws, &stages))
            }
        };
        let plan = SearchPlan {
            image: &evened,
            stride: self.settings.stride.max(1),
            start,
            rounds,
            seed: self.settings.seed,
            image_number: last.map_or(0, |last| last.images),
        };
        let (gratings, cost) = backend.search(&plan)?;
        if exceeds(cost, MAX_COST) {
            return Err(FitError::Unexplained { residual: (cost / (1.0 - cost).max(1e-9)).sqrt(), limit: 2.4 });
        }
        let last_origin_px = last.and_then(|last| last.origin_px);
        let origin = origin_lines(&gratings, last_origin_px.unwrap_or(origin_px), width, height);
        let mut intersections = Vec::new();
        for h in -REACH_H..=REACH_H {
            for v in -REACH_V..=REACH_V {
                if let Some(pixel) = gratings.intersection(origin.shifted(h, v), width, height) {
                    let covariance_px2 = Matrix2::identity() * (SIGMA_PX * SIGMA_PX);
                    intersections.push(Intersection { lines: LineNumbers { h, v }, pixel, covariance_px2 });
                }
            }
        }
        let seen = intersections.iter().find(|i| i.lines == LineNumbers { h: 0, v: 0 }).map(|i| i.pixel);
        let state = OriginalState { gratings, origin_px: seen.or(last_origin_px), images: plan.image_number + 1 };
        Ok(OriginalFit { intersections, residual: (cost / (1.0 - cost)).sqrt(), state })
    }
}

/// The origin's lines: of those next to (7), (8) at `last_px` the ones that let the origin move least, Eq. (15).
fn origin_lines(gratings: &QuadraticGratings, last_px: Vector2<f64>, width: u32, height: u32) -> LineNumbers {
    let near = LineNumbers::nearest(gratings.phases(last_px));
    let candidates = (-2..=2).flat_map(|h| (-2..=2).map(move |v| near.shifted(h, v)));
    candidates
        .filter_map(|lines| gratings.intersection(lines, width, height).map(|pixel| (lines, (pixel - last_px).norm())))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(near, |(lines, _)| lines)
}

/// Linear phases, c_h and c_v holding the frequency across the lines.
fn from_carriers(carriers: &spectrum::Carriers) -> QuadraticGratings {
    let (h, v, c) = (carriers.gradient_h, carriers.gradient_v, carriers.centre);
    QuadraticGratings {
        h: QuadraticPhase { seed: h.y, x: h.x, constant: carriers.phase_h - h.dot(&c), ..Default::default() },
        v: QuadraticPhase { seed: v.x, x: v.y, constant: carriers.phase_v - v.dot(&c), ..Default::default() },
    }
}

/// Subtracts the local mean and divides by the local standard deviation, both over a square of half side `reach` px.
fn even_out(image: &GrayImage, reach: usize) -> GrayImage {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let stride = width + 1;
    // Summed-area tables of the values and their squares.
    let (mut sums, mut squares) = (vec![0.0_f64; stride * (height + 1)], vec![0.0_f64; stride * (height + 1)]);
    for v in 0..height {
        let (mut sum, mut square) = (0.0, 0.0);
        for u in 0..width {
            let value = f64::from(image.as_raw()[v * width + u]);
            sum += value;
            square += value * value;
            sums[(v + 1) * stride + u + 1] = sums[v * stride + u + 1] + sum;
            squares[(v + 1) * stride + u + 1] = squares[v * stride + u + 1] + square;
        }
    }
    let reach = reach.max(4);
    GrayImage::from_fn(image.width(), image.height(), |u, v| {
        let (u, v) = (u as usize, v as usize);
        let (left, right) = (u.saturating_sub(reach), (u + reach + 1).min(width));
        let (top, bottom) = (v.saturating_sub(reach), (v + reach + 1).min(height));
        let area = |table: &[f64]| {
            table[bottom * stride + right] + table[top * stride + left]
                - table[top * stride + right]
                - table[bottom * stride + left]
        };
        let n = ((right - left) * (bottom - top)) as f64;
        let mean = area(&sums) / n;
        let deviation = (area(&squares) / n - mean * mean).max(1e-8).sqrt();
        image::Luma([((f64::from(image.as_raw()[v * width + u]) - mean) / deviation) as f32])
    })
}

/// Stages of share of the image and first standard deviation of the phase at its edge, rad; it shrinks to a hundredth.
fn rounds(draws: usize, stages: &[(f64, f64)]) -> Vec<Round> {
    // Each set is searched once before the deviation shrinks.
    let turns = (draws / stages.len() / (2 * DRAWS)).max(4);
    let shrink = 0.01_f64.powf(1.0 / turns as f64);
    let turn = |share: f64, edge_rad: f64| [true, false].map(|searches_h| Round { searches_h, share, edge_rad });
    let stage =
        |&(share, edge_rad): &(f64, f64)| (0..turns).flat_map(move |n| turn(share, edge_rad * shrink.powi(n as i32)));
    stages.iter().flat_map(stage).collect()
}
