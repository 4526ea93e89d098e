//! The ladder in millimetres: points from pixel pairs that neither camera's model was fitted to.
//!
//! Each pair of [`shared_pairs`] is answered by the two models that were fitted without the heights and regions it lies in.

use crate::camera::Stereo;
use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::inverse::invert::PairSolver;
use crate::mapping::models::registry::ModelKind;
use crate::mapping::selection::ladder::{Ladder, Rung};
use crate::mapping::volume::Volume;
use nalgebra::{Matrix4, Vector3};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// How far points from pixel pairs that a model has not seen lie from where they were.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StereoEntry {
    /// Which model, in both cameras.
    pub model: ModelKind,
    /// Pixel pairs that were answered.
    pub pairs: usize,
    /// Pixel pairs for which the model has no point.
    pub unanswered: usize,
    /// RMS along x, y, z of the tool frame, mm.
    pub rms_mm: [f64; 3],
}

/// Pixel pairs that are asked: the RMS of so many is right to some per cent.
const ASKED: usize = 3000;

/// Correspondences of both cameras that are the same point.
pub fn shared_pairs(data: Stereo<&CameraDataset>) -> Vec<(&Correspondence, &Correspondence)> {
    let key = |p: &Correspondence| {
        // The same line numbers give bit-identical points.
        (p.view, p.point_in_tool_mm.x.to_bits(), p.point_in_tool_mm.y.to_bits())
    };
    let right: FxHashMap<_, _> = data.right.correspondences.iter().map(|p| (key(p), p)).collect();
    data.left.correspondences.iter().filter_map(|p| right.get(&key(p)).map(|other| (p, *other))).collect()
}

/// One entry for each kind of model that both cameras have.
pub fn held_out(ladders: Stereo<&Ladder>, volume: &Volume) -> Vec<StereoEntry> {
    let shared = shared_pairs(Stereo { left: &ladders.left.clean, right: &ladders.right.clean });
    let stride = (shared.len() / ASKED).max(1) | 1;
    let folds = Stereo { left: &ladders.left.folds, right: &ladders.right.folds };
    let pairs: Vec<(usize, &Correspondence, &Correspondence)> = shared
        .into_iter()
        .step_by(stride)
        .filter_map(|(left, right)| Some((folds.left.leaving_out_both(left, folds.right, right)?, left, right)))
        .collect();
    let both = ladders.left.rungs.par_iter().filter_map(|left| {
        let same = |right: &&Rung| right.entry.model == left.entry.model;
        Some((left, ladders.right.rungs.iter().find(same)?))
    });
    let entry = |(left, right): (&Rung, &Rung)| {
        let sigma_px = [left, right].map(|rung| rung.entry.cross_validation_rms_px.max(1e-3));
        let errors_mm: Vec<Vector3<f64>> = pairs
            .iter()
            .filter_map(|(fold, l, r)| {
                let models = [left.held_out.get(*fold)?, right.held_out.get(*fold)?];
                let solver = PairSolver::new(models, volume, sigma_px);
                let found = solver.solve([l.pixel, r.pixel], |_| Matrix4::identity())?;
                Some(found.point_mm - l.point_in_tool_mm)
            })
            .collect();
        let squares: Vector3<f64> = errors_mm.iter().map(|error| error.component_mul(error)).sum();
        StereoEntry {
            model: left.entry.model,
            pairs: errors_mm.len(),
            unanswered: pairs.len() - errors_mm.len(),
            rms_mm: (squares / errors_mm.len().max(1) as f64).map(f64::sqrt).into(),
        }
    };
    both.map(entry).collect()
}
