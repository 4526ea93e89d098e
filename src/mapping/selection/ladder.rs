//! Fits every model of the ladder, scores each by blocked cross-validation, and picks the best.
//!
//! ```text
//! score = max(error inside, error at the border / 3)
//! ```
//! Both errors are those of [`cross_validation`](crate::mapping::selection::cross_validation). The served model has seen
//! the rim and need not extrapolate it. An error there up to three times the one inside therefore costs nothing. Beyond,
//! a model that wins inside the data and fails at its border loses to a tamer one. The simplest of equals is served.

use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::registry::{Model, ModelKind};
use crate::mapping::robust::loss::{CHUNK, MEDIAN_LENGTH_SIGMAS, normalised_lengths};
use crate::mapping::selection::cross_validation::{Folds, Score};
use crate::statistics::{exceeds, median};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How well one model fits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LadderEntry {
    /// Which model.
    pub model: ModelKind,
    /// RMS residual per axis over all correspondences, weighted by their inverse variances, px.
    pub residual_rms_px: f64,
    /// The same over those in held-out heights and image regions, px.
    pub cross_validation_rms_px: f64,
    /// The same over held-out rims of the image with the outermost heights, px.
    pub border_rms_px: f64,
    /// Largest residual, px.
    pub residual_max_px: f64,
}

impl LadderEntry {
    /// What the models are compared by, px.
    pub fn score_px(&self) -> f64 {
        self.cross_validation_rms_px.max(self.border_rms_px / BORDER_GRACE)
    }
}

/// A fitted model with what is known about it.
#[derive(Clone, Debug)]
pub struct Rung {
    /// Fitted to all correspondences that the models are compared on.
    pub model: Model,
    /// How well it fits.
    pub entry: LadderEntry,
    /// The model fitted without what each of the folds inside leaves out.
    pub held_out: Vec<Model>,
}

/// All rungs of one camera.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// Simplest first.
    pub rungs: Vec<Rung>,
    /// Which of them is served.
    pub best: usize,
    /// What the cross-validation left out.
    pub folds: Folds,
    /// The correspondences without outliers.
    pub clean: CameraDataset,
}

/// Why no model could be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SelectError {
    /// The data determines none of the models.
    #[error(
        "{correspondences} correspondences don't determine any model: are there several heights and is the grid in view?"
    )]
    NoModel {
        /// How many there are.
        correspondences: usize,
    },
}

/// How much worse than inside a model may be at the border for nothing.
const BORDER_GRACE: f64 = 3.0;
/// Of models whose scores differ by no more than this factor the simplest is the best.
const PARITY: f64 = 1.002;
/// Residuals beyond this many robust standard deviations are outliers.
const OUTLIER_SIGMAS: f64 = 6.0;
/// Correspondences that models are compared on; the best is fitted to all.
const COMPARED: usize = 16_000;

/// Fits `kinds` to some of the correspondences, judges them without outliers, and fits the best to all but these. Kinds that the
/// data does not determine, or not without one of the folds, are skipped.
///
/// # Errors
/// [`SelectError`] when the data determines none of them.
pub fn fit_ladder(data: &CameraDataset, kinds: &[ModelKind]) -> Result<Ladder, SelectError> {
    let few = data.thinned(COMPARED);
    let fitted: Vec<Model> = kinds.par_iter().filter_map(|kind| Model::fit(*kind, &few)).collect();
    let clean = without_outliers(&fitted, &few, data);
    let (folds, few_clean) = (Folds::of(&clean), clean.thinned(COMPARED));
    let judge = |model: Model| {
        let Score { inside_rms_px, border_rms_px, models } = folds.judge(&model, &few_clean)?;
        let (residual_rms_px, residual_max_px) = residuals(&model, &few_clean.correspondences);
        let entry = LadderEntry {
            model: model.kind(),
            residual_rms_px,
            cross_validation_rms_px: inside_rms_px,
            border_rms_px,
            residual_max_px,
        };
        residual_rms_px.is_finite().then_some(Rung { model, entry, held_out: models })
    };
    let mut rungs: Vec<Rung> = fitted.into_par_iter().filter_map(judge).collect();
    let none = SelectError::NoModel { correspondences: data.correspondences.len() };
    let least = rungs.iter().map(|rung| rung.entry.score_px()).min_by(f64::total_cmp).ok_or(none.clone())?;
    let best = rungs.iter().position(|rung| rung.entry.score_px() <= PARITY * least).ok_or(none)?;
    if clean.correspondences != few.correspondences
        && let Some(cleaner) = rungs[best].model.refit(&clean.correspondences)
    {
        let Rung { model, entry, .. } = &mut rungs[best];
        (entry.residual_rms_px, entry.residual_max_px) = residuals(&cleaner, &clean.correspondences);
        *model = cleaner;
    }
    Ok(Ladder { rungs, best, folds, clean })
}

/// Per-axis RMS, each correspondence weighted by the inverse of its variance, and largest distance, px.
fn residuals(model: &Model, points: &[Correspondence]) -> (f64, f64) {
    let of_part = |points: &[Correspondence]| {
        points.iter().fold((0.0, 0.0, 0.0_f64), |(sum, count, worst), point| {
            let length = (model.pixel_and_jacobian(point.point_in_tool_mm).0 - point.pixel).norm();
            (sum + point.weight() * length * length, count + 2.0 * point.weight(), worst.max(length))
        })
    };
    let parts: Vec<(f64, f64, f64)> = points.par_chunks(CHUNK).map(of_part).collect();
    let (sum, count, worst) =
        parts.iter().fold((0.0, 0.0, 0.0_f64), |(s, c, w), part| (s + part.0, c + part.1, w.max(part.2)));
    ((sum / f64::max(count, 1e-300)).sqrt(), worst)
}

/// `data` without outliers. Their residual, in units of what their covariance promises, is far beyond the median for both
/// of the two models that follow `few` best. What only one of them misses, say at the border, may be the model's fault.
fn without_outliers(models: &[Model], few: &CameraDataset, data: &CameraDataset) -> CameraDataset {
    let lengths = |model: &Model, data: &CameraDataset| {
        normalised_lengths(&data.correspondences, |point| model.pixel_and_jacobian(point).0)
    };
    let usual = |model| Some((median(&mut lengths(model, few))?, model));
    let mut best: Vec<(f64, &Model)> = models.par_iter().filter_map(usual).collect();
    best.sort_by(|a, b| a.0.total_cmp(&b.0));
    best.truncate(2);
    let judge = |(usual, model): &(f64, &Model)| (OUTLIER_SIGMAS / MEDIAN_LENGTH_SIGMAS * usual, lengths(model, data));
    let judges: Vec<(f64, Vec<f64>)> = best.par_iter().map(judge).collect();
    let is_outlier = |at: usize| judges.iter().all(|(limit, lengths)| exceeds(lengths[at], *limit));
    let kept = data.correspondences.iter().enumerate().filter(|(at, _)| judges.is_empty() || !is_outlier(*at));
    CameraDataset { image_size: data.image_size, correspondences: kept.map(|(_, point)| *point).collect() }
}
