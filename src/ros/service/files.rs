//! `~/save`, `~/load`: inside the folder that the node may use.

use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::state::served::ServedCalibration;
use crate::ros::state::service_status::ServiceStatus;
use crate::ros::support::files::Files;
use crate::ros::support::respond::answer_with;
use r2r::grating_calibration::srv::{Load, Save};
use std::path::PathBuf;
use std::sync::Arc;

/// Saves and loads the served calibration.
pub struct FileService {
    /// The calibration.
    pub served: Arc<ServedCalibration>,
    /// Where files may lie.
    pub files: Files,
    /// The file that is meant when none is named.
    pub parameters: ParameterTable<NodeParameters>,
}

impl FileService {
    /// Offers both services.
    ///
    /// # Errors
    /// Those of r2r.
    pub fn start(self, node: &mut r2r::Node) -> r2r::Result<()> {
        let service = Arc::new(self);
        let known = service.clone();
        answer_with::<Save::Service>(node, "~/save", move |asked| match known.save(&asked.file) {
            Ok(path) => {
                let file = path.display().to_string();
                Save::Response { success: true, message: format!("wrote {file}"), file }
            }
            Err(message) => Save::Response { success: false, message, file: String::new() },
        })?;
        answer_with::<Load::Service>(node, "~/load", move |asked| match service.load(&asked.file) {
            Ok(message) => Load::Response { success: true, message },
            Err(message) => Load::Response { success: false, message },
        })
    }

    /// The asked file, else the parameter's.
    fn path(&self, asked: &str) -> Result<PathBuf, String> {
        let parameters = self.parameters.now();
        let file = if asked.is_empty() { &parameters.calibration.calibration_file } else { asked };
        self.files.resolve(file).map_err(|error| error.to_string())
    }

    fn save(&self, asked: &str) -> Result<PathBuf, String> {
        let path = self.path(asked)?;
        let calibration = self.served.calibration().ok_or_else(|| ServiceStatus::NotCalibrated.remedy().to_string())?;
        self.served.save(&calibration, &path).map_err(|error| error.to_string())
    }

    fn load(&self, asked: &str) -> Result<String, String> {
        self.served.load(&self.path(asked)?).map_err(|error| error.to_string())
    }
}
