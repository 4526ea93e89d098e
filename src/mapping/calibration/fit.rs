//! Both cameras fitted, the models chosen.

use crate::camera::Stereo;
use crate::mapping::bundle::{Bundle, uncertainty};
use crate::mapping::calibration::{Calibration, CameraCalibration, StereoFigures};
use crate::mapping::dataset::CameraDataset;
use crate::mapping::interop::standard::StandardCamera;
use crate::mapping::inverse::starts;
use crate::mapping::method::Method;
use crate::mapping::models::brown::Brown;
use crate::mapping::models::registry::{Model, ModelKind};
use crate::mapping::selection::ladder::{Ladder, Rung, SelectError, fit_ladder};
use crate::mapping::selection::stereo_ladder::{held_out, shared_pairs};
use crate::mapping::volume::Volume;
use nalgebra::Vector3;

/// Pixel pairs of the dataset that are asked: the RMS of so many is right to some per cent.
const ASKED: usize = 5000;

/// What the fit of the models needs to be told.
#[derive(Clone, Copy, Debug)]
pub struct CalibrationContext<'a> {
    /// The default method tries all models, the published one its own.
    pub method: Method,
    /// Distance between neighbouring lines as stated, mm.
    pub pitch_mm: f64,
    /// Smallest margin of the phase tracking, pitches; infinite where nothing was tracked.
    pub min_phase_margin: f64,
    /// Worst RMS error along any axis with which a robot may still go by the result, mm.
    pub usable_rms_mm: f64,
    /// What a solved bundle knows besides the points.
    pub bundle: Option<&'a Bundle>,
}

/// Fits both cameras.
///
/// # Errors
/// [`SelectError`] when a camera's data does not determine any model.
pub fn fit_calibration(data: Stereo<&CameraDataset>, context: &CalibrationContext) -> Result<Calibration, SelectError> {
    let kinds: &[ModelKind] = match context.method {
        Method::Auto => ModelKind::LADDER,
        Method::Original => &[ModelKind::Published],
    };
    let Stereo { left, right } = Stereo::join(|camera| fit_ladder(data[camera], kinds));
    let ladders = Stereo { left: left?, right: right? };
    let all = || data.left.correspondences.iter().chain(&data.right.correspondences);
    let volume = Volume::around(all().map(|p| p.point_in_tool_mm));
    let heights = all().map(|p| p.view).collect::<std::collections::HashSet<_>>().len();
    let (Stereo { left, right }, (stereo_ladder, uncertainty)) = rayon::join(
        || Stereo::join(|camera| served(&ladders[camera], data[camera])),
        || {
            let uncertainty = || context.bundle.and_then(|bundle| bundle.uncertainty(&volume));
            rayon::join(|| held_out(ladders.as_ref(), &volume), uncertainty)
        },
    );
    let mut calibration = Calibration {
        created: jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string(),
        method: context.method,
        usable: false,
        reason: String::new(),
        frame: if context.bundle.is_some_and(|bundle| bundle.print_measured) {
            "tool: the robot's axes, z up, origin at the grid's origin mark at h = 0".into()
        } else {
            "tool: axes along the grid's lines and the motion axis, z up, origin at the grid's origin mark at h = 0"
                .into()
        },
        pitch_mm: context.pitch_mm,
        heights,
        height_range_mm: [0.0 - volume.max_mm[2], 0.0 - volume.min_mm[2]],
        reference_mm: None,
        tool_rotation: None,
        min_phase_margin: context.min_phase_margin,
        volume,
        stereo: StereoFigures { pairs: 0, rms_mm: [0.0; 3], max_mm: 0.0, epipolar_rms_px: 0.0 },
        stage: context.bundle.map(Bundle::stage_figures),
        uncertainty,
        findings: Vec::new(),
        stereo_ladder,
        left,
        right,
        starts: starts::Cached::default(),
    };
    calibration.stereo = calibration.stereo_figures(data);
    calibration.conclude(calibration.accuracy(context.usable_rms_mm));
    Ok(calibration)
}

/// The best model of a ladder, with all that is known of it.
fn served(ladder: &Ladder, data: &CameraDataset) -> CameraCalibration {
    let entries = ladder.rungs.iter().map(|rung| rung.entry).collect();
    let Rung { model, entry, .. } = &ladder.rungs[ladder.best];
    let brown = ladder.rungs.iter().find_map(|rung| match &rung.model {
        Model::Brown(Brown(camera)) => Some(camera),
        _ => None,
    });
    let range = Volume::around(data.correspondences.iter().map(|p| p.pixel.push(0.0)));
    CameraCalibration {
        image_size: data.image_size,
        pixel_min: [range.min_mm[0], range.min_mm[1]],
        pixel_max: [range.max_mm[0], range.max_mm[1]],
        residual_rms_px: entry.residual_rms_px,
        residual_max_px: entry.residual_max_px,
        cross_validation_rms_px: entry.cross_validation_rms_px,
        systematic_rms_px: uncertainty::systematic_rms_px(model, data),
        correspondences: data.correspondences.len(),
        ladder: entries,
        model: model.clone(),
        standard: StandardCamera::fit(&ladder.clean, brown),
    }
}

impl Calibration {
    /// The same knowledge served by one kind of model, fitted to the same `data`.
    ///
    /// # Errors
    /// [`SelectError`] when the data does not determine it.
    pub fn with_model(
        &self,
        kind: ModelKind,
        data: Stereo<&CameraDataset>,
        usable_rms_mm: f64,
    ) -> Result<Calibration, SelectError> {
        let fit = |data: &CameraDataset| fit_ladder(data, &[kind]).map(|ladder| served(&ladder, data));
        let Stereo { left, right } = Stereo::join(|camera| fit(data[camera]));
        let beside = |camera: &CameraCalibration, new| CameraCalibration { ladder: camera.ladder.clone(), ..new };
        let (left, right) = (beside(&self.left, left?), beside(&self.right, right?));
        let mut calibration = Calibration { left, right, ..self.clone() };
        calibration.stereo = calibration.stereo_figures(data);
        // What the sweep was found to be stays; the models are others.
        let of_sweep = calibration.findings.iter().filter(|finding| !finding.check.is_of_models()).cloned();
        let findings = of_sweep.chain(calibration.accuracy(usable_rms_mm)).collect();
        calibration.conclude(findings);
        Ok(calibration)
    }

    /// Answers the dataset's own pairs and compares: intersections that both cameras saw at the same pose.
    fn stereo_figures(&self, data: Stereo<&CameraDataset>) -> StereoFigures {
        let shared = shared_pairs(data);
        let (mut squares, mut worst, mut epipolar, mut pairs) = (Vector3::zeros(), 0.0_f64, 0.0, 0);
        for (left, right) in shared.iter().step_by((shared.len() / ASKED).max(1)) {
            let answer = self.pixel_pair_to_point(left.pixel, right.pixel);
            if !answer.status.is_answered() {
                continue;
            }
            let error_mm = answer.estimate.point_mm - left.point_in_tool_mm;
            squares += error_mm.component_mul(&error_mm);
            worst = worst.max(error_mm.norm());
            epipolar += answer.estimate.epipolar_px.powi(2);
            pairs += 1;
        }
        let per = 1.0 / f64::from(pairs.max(1));
        StereoFigures {
            pairs: pairs as usize,
            rms_mm: (squares * per).map(f64::sqrt).into(),
            max_mm: worst,
            epipolar_rms_px: (epipolar * per).sqrt(),
        }
    }
}
