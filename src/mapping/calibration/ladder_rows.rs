//! The ladder of both cameras side by side.

use crate::camera::Stereo;
use crate::mapping::calibration::Calibration;
use crate::mapping::models::registry::ModelKind;
use crate::mapping::selection::ladder::LadderEntry;
use crate::mapping::selection::stereo_ladder::StereoEntry;
use serde::Serialize;

/// All that is known about one kind of model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LadderRow {
    /// Which model.
    pub model: ModelKind,
    /// Which cameras serve it.
    pub served: Stereo<bool>,
    /// None where it was skipped: too many parameters for the data.
    pub cameras: Stereo<Option<LadderEntry>>,
    /// Errors of points from both cameras; none where one of them skipped it.
    pub stereo: Option<StereoEntry>,
}

/// The ladder of both cameras side by side, simplest first.
pub fn rows(calibration: &Calibration) -> Vec<LadderRow> {
    let row = |model: ModelKind| {
        let entry = |camera| calibration.camera(camera).ladder.iter().find(|entry| entry.model == model).copied();
        let cameras = Stereo::from_fn(entry);
        (cameras.left.is_some() || cameras.right.is_some()).then(|| LadderRow {
            model,
            served: Stereo::from_fn(|camera| calibration.camera(camera).model.kind() == model),
            cameras,
            stereo: calibration.stereo_ladder.iter().find(|entry| entry.model == model).copied(),
        })
    };
    ModelKind::LADDER.iter().copied().filter_map(row).collect()
}
