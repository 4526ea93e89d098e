//! The calibration that the node answers from.

use crate::folder::calibration_file::FileError;
use crate::folder::camera_files;
use crate::mapping::calibration::Calibration;
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3, Vector4};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// A calibration, or why there is none.
#[derive(Clone, Default)]
pub struct Served {
    /// None before one was made or loaded.
    pub calibration: Option<Arc<Calibration>>,
    /// File that it was loaded from or saved to; empty: none.
    pub file: String,
    /// Why it is (not) usable, or why there is none.
    pub reason: String,
}

impl Served {
    /// Whether a robot may use it.
    pub fn is_usable(&self) -> bool {
        self.calibration.as_ref().is_some_and(|calibration| calibration.usable)
    }
}

/// The calibration that the node answers from.
pub struct ServedCalibration {
    served: watch::Sender<Served>,
    parameters: ParameterTable<NodeParameters>,
}

impl ServedCalibration {
    /// None yet.
    pub fn new(parameters: &ParameterTable<NodeParameters>) -> Arc<Self> {
        let served = Served { reason: "not calibrated yet".into(), ..Served::default() };
        Arc::new(ServedCalibration { served: watch::Sender::new(served), parameters: parameters.clone() })
    }

    /// The calibration, if there is one.
    pub fn calibration(&self) -> Option<Arc<Calibration>> {
        self.served.borrow().calibration.clone()
    }

    /// The calibration, or why there is none.
    pub fn now(&self) -> Served {
        self.served.borrow().clone()
    }

    /// Wakes up with each change.
    pub fn changes(&self) -> watch::Receiver<Served> {
        self.served.subscribe()
    }

    /// Serves `calibration` from now on; `file`: where it is on disk, or empty.
    pub fn serve(&self, calibration: Arc<Calibration>, file: String) {
        // What answers share is worked out now: the first of them should not wait for it.
        calibration.prepare();
        let reason = calibration.reason.clone();
        self.served.send_replace(Served { calibration: Some(calibration), file, reason });
    }

    /// Serves the calibration in a file; gives what to say about it. On failure the one that is served stays.
    ///
    /// # Errors
    /// [`FileError`], naming line or field.
    pub fn load(&self, path: &Path) -> Result<String, FileError> {
        let calibration = Calibration::load(path)?;
        let message = format!("serving {}: {}", path.display(), calibration.reason);
        tracing::info!("{message}");
        self.serve(Arc::new(calibration), path.display().to_string());
        Ok(message)
    }

    /// Serves what a file holds from the start of the node; says why when it can't.
    pub fn load_at_start(&self, path: &Path) {
        if let Err(error) = self.load(path) {
            tracing::error!("no calibration is served: {error}");
            self.served.send_modify(|served| served.reason = error.to_string());
        }
    }

    /// Writes a calibration, and cameras for other software beside it; gives its absolute path.
    ///
    /// # Errors
    /// [`FileError`]; without the cameras the calibration is as good as before, so a failure of theirs is only logged.
    pub fn save(&self, calibration: &Calibration, path: &Path) -> Result<PathBuf, FileError> {
        calibration.save(path)?;
        let tool = &self.parameters.now().frames.tool_frame;
        match camera_files::write(calibration, path, tool, &self.tool_from(calibration)) {
            Ok(written) => {
                let names = written.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
                tracing::info!("cameras for other software: {names}");
            }
            Err(error) => tracing::warn!("no cameras for other software were written: {error}"),
        }
        // Fails for empty paths only, which can't be written to.
        Ok(std::path::absolute(path).unwrap_or(path.into()))
    }

    /// tool_from_calibration of the served calibration, mm.
    pub fn tool_from_calibration(&self) -> Isometry3<f64> {
        self.offset(self.calibration().and_then(|calibration| calibration.tool_rotation))
    }

    /// tool_from_calibration of `calibration`, mm.
    fn tool_from(&self, calibration: &Calibration) -> Isometry3<f64> {
        self.offset(calibration.tool_rotation)
    }

    /// The calibrated frame has the axes of the base; its origin is the grid's mark at h = 0. `tool_rotation` is the tool's
    /// orientation in the base frame during the calibration (x, y, z, w).
    fn offset(&self, tool_rotation: Option<[f64; 4]>) -> Isometry3<f64> {
        let translation = 1e3 * Vector3::from(self.parameters.now().frames.tool_offset_m);
        let turned = tool_rotation.and_then(|q| UnitQuaternion::try_new(Quaternion::from(Vector4::from(q)), 0.5));
        Isometry3::from_parts(Translation3::from(translation), turned.unwrap_or_default().inverse())
    }
}
