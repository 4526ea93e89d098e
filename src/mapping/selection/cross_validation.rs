//! What a model says about places that it has not seen: blocked cross-validation.
//!
//! Neighbouring correspondences are alike, so leaving out single ones flatters a model. Whole blocks of heights and whole regions of
//! the image are left out at a time.
//!
//! | folds | left out | the score says |
//! | --- | --- | --- |
//! | 5 inside | every fifth block of heights, every fifth region of a chequer of 6 × 4 | how well it bridges gaps |
//! | 2 at the border | the left and right rim with the lowest block; the upper and lower rim with the highest | how it extrapolates |
//!
//! What lies at the border is left out inside, too, but counts at the border only.

use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::registry::Model;
use rayon::prelude::*;
use std::collections::HashMap;

/// Folds inside: each leaves out a fifth.
const INSIDE: u32 = 5;
/// Folds at the border: left and right, upper and lower rim.
const BORDER: u32 = 2;
/// Image regions, across and down.
const REGIONS: [u32; 2] = [6, 4];
/// Share of the correspondences' own range that makes a rim.
const RIM_SHARE: f64 = 0.05;
/// Share of correspondences beyond that range at each side: single ones far out make no border.
const BEYOND_SHARE: f64 = 0.005;
/// Correspondences that a model is judged by: more change the third digit of its error.
const USED: usize = 9000;

/// Which correspondences of one camera each fold leaves out.
#[derive(Clone, Debug)]
pub struct Folds {
    image_size: [u32; 2],
    /// Block of heights of each view, from the highest point of the grid down.
    block: HashMap<u32, u32>,
    last_block: u32,
    /// Where the rims begin: u, v.
    rim_px: [[f64; 2]; 2],
}

/// What the folds say about one model.
#[derive(Clone, Debug)]
pub struct Score {
    /// RMS per axis over correspondences left out inside, weighted by their inverse variances, px.
    pub inside_rms_px: f64,
    /// The same for those left out at the border, px.
    pub border_rms_px: f64,
    /// The model fitted without what each of the folds inside leaves out.
    pub models: Vec<Model>,
}

impl Folds {
    /// Folds that fit the heights and the pixel range of `data`.
    pub fn of(data: &CameraDataset) -> Self {
        let mut heights: HashMap<u32, (f64, f64)> = HashMap::new();
        for point in &data.correspondences {
            let (sum, count) = heights.entry(point.view).or_default();
            *sum += point.point_in_tool_mm.z;
            *count += 1.0;
        }
        let mut views: Vec<(u32, f64)> = heights.into_iter().map(|(view, (sum, count))| (view, sum / count)).collect();
        views.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        // At most ten, so that one that is left out is a real gap.
        let views_per_block = (views.len() as u32).div_ceil(2 * INSIDE).max(1);
        let block: HashMap<u32, u32> =
            views.iter().enumerate().map(|(rank, (view, _))| (*view, rank as u32 / views_per_block)).collect();
        let rim_px = [0, 1].map(|axis| {
            let mut all: Vec<f64> = data.correspondences.iter().map(|p| p.pixel[axis]).collect();
            all.sort_unstable_by(f64::total_cmp);
            let beyond = (BEYOND_SHARE * all.len() as f64) as usize;
            match (all.get(beyond), all.get(all.len().saturating_sub(1 + beyond))) {
                (Some(low), Some(high)) => [low + RIM_SHARE * (high - low), high - RIM_SHARE * (high - low)],
                _ => [f64::NEG_INFINITY, f64::INFINITY],
            }
        });
        Folds { image_size: data.image_size, last_block: block.values().copied().max().unwrap_or(0), block, rim_px }
    }

    /// Whether `fold`, 0 … 4 inside and 5, 6 at the border, leaves `point` out.
    fn leaves_out(&self, fold: u32, point: &Correspondence) -> bool {
        let block = self.block.get(&point.view).copied().unwrap_or(0);
        if fold < INSIDE {
            let cell = |axis: usize| {
                let share = point.pixel[axis] / f64::from(self.image_size[axis]);
                (share.clamp(0.0, 0.999) * f64::from(REGIONS[axis])) as u32
            };
            // Neighbours, across and down, belong to different folds.
            return block % INSIDE == fold || (cell(0) + 2 * cell(1)) % INSIDE == fold;
        }
        let axis = (fold - INSIDE) as usize;
        let [low, high] = self.rim_px[axis];
        let outermost = if axis == 0 { 0 } else { self.last_block };
        block == outermost || point.pixel[axis] < low || point.pixel[axis] > high
    }

    /// The first fold inside that leaves out both points, each in its own camera.
    pub fn leaving_out_both(&self, point: &Correspondence, others: &Folds, other: &Correspondence) -> Option<usize> {
        (0..INSIDE)
            .find(|fold| self.leaves_out(*fold, point) && others.leaves_out(*fold, other))
            .map(|fold| fold as usize)
    }

    /// Fits the model again without what each fold leaves out, and asks it there. `None` when a fold leaves too little.
    pub fn judge(&self, model: &Model, data: &CameraDataset) -> Option<Score> {
        let used = data.thinned(USED).correspondences;
        let judged: Option<Vec<(Model, [f64; 2])>> = (0..INSIDE + BORDER)
            .into_par_iter()
            .map(|fold| {
                let (held_out, others): (Vec<_>, Vec<_>) = used.iter().partition(|point| self.leaves_out(fold, point));
                let refitted = model.refit(&others)?;
                let at_border =
                    |point: &Correspondence| (INSIDE..INSIDE + BORDER).any(|fold| self.leaves_out(fold, point));
                let sums = squares(&refitted, held_out.iter().filter(|point| fold >= INSIDE || !at_border(point)));
                Some((refitted, sums))
            })
            .collect();
        let judged = judged?;
        let (inside, border) = judged.split_at(INSIDE as usize);
        let rms = |folds: &[(Model, [f64; 2])]| {
            let [sum, weight] = folds.iter().fold([0.0; 2], |[s, w], (_, [sum, weight])| [s + sum, w + weight]);
            (sum / f64::max(weight, 1e-300)).sqrt()
        };
        let (inside_rms_px, border_rms_px) = (rms(inside), rms(border));
        let models = judged.into_iter().take(INSIDE as usize).map(|(model, _)| model).collect();
        (inside_rms_px.is_finite() && border_rms_px.is_finite()).then_some(Score {
            inside_rms_px,
            border_rms_px,
            models,
        })
    }
}

/// Weighted sum of squared residuals, and of the weights of both axes.
fn squares<'a>(model: &Model, points: impl Iterator<Item = &'a Correspondence>) -> [f64; 2] {
    points.fold([0.0; 2], |[sum, weight], point| {
        let residual = model.pixel_and_jacobian(point.point_in_tool_mm).0 - point.pixel;
        [sum + point.weight() * residual.norm_squared(), weight + 2.0 * point.weight()]
    })
}
