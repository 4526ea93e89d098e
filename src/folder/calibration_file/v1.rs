//! Version 1 of `calibration.yaml`. docs/calibration_file.md says what each key is.
//!
//! The parts below the top have the form of the domain's own types. The version that first differs in one of them gets a
//! type of its own for it, here.

use crate::mapping::bundle::stage::StageFigures;
use crate::mapping::bundle::uncertainty::Uncertainty;
use crate::mapping::calibration::{Calibration, CameraCalibration, StereoFigures, UNITS};
use crate::mapping::checks::consistency::repaired;
use crate::mapping::checks::finding::{Check, Finding, Severity};
use crate::mapping::checks::repair::Repair;
use crate::mapping::interop::standard::StandardCamera;
use crate::mapping::inverse::starts;
use crate::mapping::method::Method;
use crate::mapping::models::registry::Model;
use crate::mapping::selection::ladder::LadderEntry;
use crate::mapping::selection::stereo_ladder::StereoEntry;
use crate::mapping::volume::Volume;
use crate::validation::ValidationError;
use serde::{Deserialize, Serialize};

/// The whole file. Keys that older files of version 1 lack have a default.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationFileV1 {
    version: u32,
    created: String,
    method: Method,
    usable: bool,
    reason: String,
    frame: String,
    units: String,
    pitch_mm: f64,
    heights: usize,
    height_range_mm: [f64; 2],
    /// Absent: no robot told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference_mm: Option<[f64; 3]>,
    /// Absent: no robot told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool_rotation: Option<[f64; 4]>,
    min_phase_margin: f64,
    volume: Volume,
    stereo: StereoFigures,
    stereo_ladder: Vec<StereoEntry>,
    /// Absent: correspondences from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stage: Option<StageFigures>,
    /// Absent: answers assume the error at held-out places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uncertainty: Option<Uncertainty>,
    /// Absent: none was made.
    #[serde(default)]
    checks: ChecksV1,
    left: CameraV1,
    right: CameraV1,
}

/// What the checks found.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChecksV1 {
    /// The repairs among the findings.
    repairs: Vec<Repair>,
    /// Texts of those that the data can't tell.
    unverified: Vec<String>,
    /// All of them. Absent in files of earlier releases.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<Finding>>,
}

impl ChecksV1 {
    /// All findings, and once more in the form that earlier releases have.
    pub fn of(findings: &[Finding]) -> Self {
        let unverified = findings.iter().filter(|finding| finding.severity == Severity::Unverified);
        ChecksV1 {
            repairs: findings.iter().filter_map(|finding| finding.repair).collect(),
            unverified: unverified.map(ToString::to_string).collect(),
            findings: Some(findings.to_vec()),
        }
    }

    /// All findings; those of an earlier release as far as it told them.
    fn findings(self, usable: bool, reason: &str) -> Vec<Finding> {
        let told = |severity, text: &str| Finding::new(Check::EarlierRelease, severity, "", text, "");
        self.findings.unwrap_or_else(|| {
            let repairs = self.repairs.into_iter().map(repaired);
            let unverified = self.unverified.iter().map(|text| told(Severity::Unverified, text));
            let decides = told(if usable { Severity::Note } else { Severity::Unusable }, reason);
            repairs.chain(unverified).chain([decides]).collect()
        })
    }
}

/// One camera.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CameraV1 {
    image_size: [u32; 2],
    pixel_min: [f64; 2],
    pixel_max: [f64; 2],
    residual_rms_px: f64,
    residual_max_px: f64,
    cross_validation_rms_px: f64,
    systematic_rms_px: f64,
    correspondences: usize,
    ladder: Vec<LadderEntry>,
    model: Model,
    /// Absent: the data did not determine one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    standard: Option<StandardCamera>,
}

impl From<Calibration> for CalibrationFileV1 {
    fn from(calibration: Calibration) -> Self {
        CalibrationFileV1 {
            version: 1,
            created: calibration.created,
            method: calibration.method,
            usable: calibration.usable,
            reason: calibration.reason,
            frame: calibration.frame,
            units: UNITS.into(),
            pitch_mm: calibration.pitch_mm,
            heights: calibration.heights,
            height_range_mm: calibration.height_range_mm,
            reference_mm: calibration.reference_mm,
            tool_rotation: calibration.tool_rotation,
            min_phase_margin: calibration.min_phase_margin,
            volume: calibration.volume,
            stereo: calibration.stereo,
            stereo_ladder: calibration.stereo_ladder,
            stage: calibration.stage,
            uncertainty: calibration.uncertainty,
            checks: ChecksV1::of(&calibration.findings),
            left: calibration.left.into(),
            right: calibration.right.into(),
        }
    }
}

impl TryFrom<CalibrationFileV1> for Calibration {
    type Error = ValidationError;

    fn try_from(file: CalibrationFileV1) -> Result<Self, ValidationError> {
        let findings = file.checks.findings(file.usable, &file.reason);
        let calibration = Calibration {
            created: file.created,
            method: file.method,
            usable: file.usable,
            reason: file.reason,
            frame: file.frame,
            pitch_mm: file.pitch_mm,
            heights: file.heights,
            height_range_mm: file.height_range_mm,
            reference_mm: file.reference_mm,
            tool_rotation: file.tool_rotation,
            min_phase_margin: file.min_phase_margin,
            volume: file.volume,
            stereo: file.stereo,
            stereo_ladder: file.stereo_ladder,
            stage: file.stage,
            uncertainty: file.uncertainty,
            findings,
            left: file.left.into(),
            right: file.right.into(),
            starts: starts::Cached::default(),
        };
        calibration.validate()?;
        Ok(calibration)
    }
}

impl From<CameraCalibration> for CameraV1 {
    fn from(camera: CameraCalibration) -> Self {
        CameraV1 {
            image_size: camera.image_size,
            pixel_min: camera.pixel_min,
            pixel_max: camera.pixel_max,
            residual_rms_px: camera.residual_rms_px,
            residual_max_px: camera.residual_max_px,
            cross_validation_rms_px: camera.cross_validation_rms_px,
            systematic_rms_px: camera.systematic_rms_px,
            correspondences: camera.correspondences,
            ladder: camera.ladder,
            model: camera.model,
            standard: camera.standard,
        }
    }
}

impl From<CameraV1> for CameraCalibration {
    fn from(file: CameraV1) -> Self {
        CameraCalibration {
            image_size: file.image_size,
            pixel_min: file.pixel_min,
            pixel_max: file.pixel_max,
            residual_rms_px: file.residual_rms_px,
            residual_max_px: file.residual_max_px,
            cross_validation_rms_px: file.cross_validation_rms_px,
            systematic_rms_px: file.systematic_rms_px,
            correspondences: file.correspondences,
            ladder: file.ladder,
            model: file.model,
            standard: file.standard,
        }
    }
}
