//! Fits every model of the ladder, scores each by blocked cross-validation, and picks the best.
//!
//! Neighbouring pairs are alike, so leaving out single pairs flatters a model. Here whole blocks of heights and whole
//! regions of the image are left out at a time, and each model is judged on what it has not seen.

use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::model::{Model, ModelKind};
use crate::statistics::median;
use nalgebra::Vector2;
use serde::{Deserialize, Serialize};

/// How well one model fits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LadderEntry {
    pub model: ModelKind,
    /// RMS residual per axis over all pairs, weighted by their inverse variances, px.
    pub residual_rms_px: f64,
    /// The same over pairs in held-out heights and image regions, px.
    pub cross_validation_rms_px: f64,
    /// Largest residual, px.
    pub residual_max_px: f64,
}

/// Why no model could be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SelectError {
    #[error(
        "{correspondences} correspondences don't determine any model; are there several heights and is the grid in view?"
    )]
    NoModel { correspondences: usize },
}

const FOLDS: u32 = 5;
/// Image regions per fold pattern, across and down.
const REGIONS: [u32; 2] = [6, 4];
/// More pairs than this are thinned out for the cross-validation.
const CROSS_VALIDATION_PAIRS: usize = 9000;
/// Residuals beyond this many robust standard deviations are outliers.
const OUTLIER: f64 = 6.0;

/// Fits `kinds`, best first by cross-validation. Outliers of the best are left out and it is fitted again.
///
/// # Errors
/// [`SelectError`] when the data determines none of them.
pub fn fit_ladder(data: &CameraDataset, kinds: &[ModelKind]) -> Result<(Model, Vec<LadderEntry>), SelectError> {
    let mut fitted: Vec<(Model, LadderEntry)> = Vec::new();
    for kind in kinds {
        let Some(model) = Model::fit(*kind, data) else {
            continue;
        };
        let (residual_rms_px, residual_max_px) = residuals(&model, data.correspondences.iter());
        let entry = LadderEntry {
            model: *kind,
            residual_rms_px,
            residual_max_px,
            cross_validation_rms_px: cross_validate(&model, data),
        };
        if residual_rms_px.is_finite() && entry.cross_validation_rms_px.is_finite() {
            fitted.push((model, entry));
        }
    }
    let none = SelectError::NoModel { correspondences: data.correspondences.len() };
    let score = |entry: &LadderEntry| entry.cross_validation_rms_px;
    let best = fitted.iter().min_by(|a, b| score(&a.1).total_cmp(&score(&b.1))).ok_or(none)?;
    let (mut model, mut entry) = best.clone();
    let kept = without_outliers(&model, data);
    if kept.correspondences.len() < data.correspondences.len()
        && let Some(cleaner) = Model::fit(entry.model, &kept)
    {
        (entry.residual_rms_px, entry.residual_max_px) = residuals(&cleaner, kept.correspondences.iter());
        model = cleaner;
    }
    let ladder = fitted.into_iter().map(|(_, e)| if e.model == entry.model { entry } else { e }).collect();
    Ok((model, ladder))
}

/// Per-axis RMS, each pair weighted by the inverse of its variance, and largest distance, px.
fn residuals<'a>(model: &Model, points: impl Iterator<Item = &'a Correspondence>) -> (f64, f64) {
    let (mut sum, mut count, mut worst) = (0.0, 0.0, 0.0_f64);
    for point in points {
        let miss = (model.pixel_and_jacobian(point.point_in_tool_mm).0 - point.pixel).norm();
        sum += point.weight() * miss * miss;
        count += 2.0 * point.weight();
        worst = worst.max(miss);
    }
    ((sum / f64::max(count, 1e-300)).sqrt(), worst)
}

/// `data` without pairs whose residual, in units of what their covariance promises, is far beyond the common.
fn without_outliers(model: &Model, data: &CameraDataset) -> CameraDataset {
    let normalised = |point: &Correspondence| {
        (model.pixel_and_jacobian(point.point_in_tool_mm).0 - point.pixel).norm() * point.weight().sqrt()
    };
    let mut sizes: Vec<f64> = data.correspondences.iter().map(normalised).collect();
    let Some(median) = median(&mut sizes) else { return data.clone() };
    // The length of a 2-D normal deviate has its median at 1.1774 σ.
    let sigma = median / 1.1774;
    let keep = |point: &&Correspondence| normalised(point) <= OUTLIER * sigma;
    CameraDataset {
        image_size: data.image_size,
        correspondences: data.correspondences.iter().filter(keep).copied().collect(),
    }
}

fn cross_validate(model: &Model, data: &CameraDataset) -> f64 {
    let views = data.correspondences.iter().map(|p| p.view).max().unwrap_or(0) + 1;
    // Blocks of heights: at most ten, so that a held-out one is a real gap.
    let views_per_block = views.div_ceil(2 * FOLDS).max(1);
    let region = |pixel: Vector2<f64>| {
        let cell = |axis: usize| {
            let share = pixel[axis] / f64::from(data.image_size[axis]);
            ((share.clamp(0.0, 0.999)) * f64::from(REGIONS[axis])) as u32
        };
        // Neighbours, across and down, belong to different folds.
        cell(0) + 2 * cell(1)
    };
    let stride = data.correspondences.len().div_ceil(CROSS_VALIDATION_PAIRS).max(1);
    // An odd stride walks through all regions of every height.
    let few: Vec<Correspondence> = data.correspondences.iter().step_by(stride | 1).copied().collect();
    let (mut sum, mut count) = (0.0, 0.0);
    for fold in 0..FOLDS {
        let held = |p: &Correspondence| (p.view / views_per_block) % FOLDS == fold || region(p.pixel) % FOLDS == fold;
        let train: Vec<Correspondence> = few.iter().filter(|p| !held(p)).copied().collect();
        let refitted = model.refit(&CameraDataset { image_size: data.image_size, correspondences: train });
        let Some(refitted) = refitted else {
            return f64::INFINITY;
        };
        let (rms, _) = residuals(&refitted, few.iter().filter(|p| held(p)));
        let n = few.iter().filter(|p| held(p)).count() as f64;
        sum += rms * rms * n;
        count += n;
    }
    (sum / f64::max(count, 1.0)).sqrt()
}
