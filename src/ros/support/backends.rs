//! The backend that the parameter `backend` asks for; a GPU is looked for once.

use crate::grating::backend::BackendError;
use crate::grating::backend::choice::{ActiveBackend, BackendChoice};
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::locked;
use std::sync::{Arc, Mutex};

type Found = Result<ActiveBackend, BackendError>;

/// The device that processes the images.
pub struct Backends {
    parameters: ParameterTable<NodeParameters>,
    /// What was found last, and for what.
    last: Mutex<Option<(BackendChoice, Found)>>,
}

impl Backends {
    /// Looks for the device now, so that the log says at the start which it is, or why there is none.
    pub fn start(parameters: &ParameterTable<NodeParameters>) -> Arc<Self> {
        let backends = Backends { parameters: parameters.clone(), last: Mutex::default() };
        // The log has why there is none.
        let _ = backends.current();
        Arc::new(backends)
    }

    /// The backend that the parameter asks for now.
    ///
    /// # Errors
    /// [`BackendError`]: why there is no such backend.
    pub fn current(&self) -> Found {
        let choice = self.parameters.now().calibration.backend;
        let mut last = locked(&self.last);
        if let Some((of, found)) = &*last
            && *of == choice
        {
            return found.clone();
        }
        let found = ActiveBackend::open(choice);
        match &found {
            Ok(chosen) => tracing::info!("the backend is {}", chosen.backend().name()),
            Err(why) => tracing::error!("{why}"),
        }
        *last = Some((choice, found.clone()));
        found
    }
}
