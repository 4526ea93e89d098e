//! The backend that the parameter `backend` asks for; a GPU is looked for once.

use crate::grating::backend::BackendError;
use crate::grating::backend::choice::{ActiveBackend, BackendChoice};
use crate::ros::locked;
use std::sync::Mutex;

type Found = Result<ActiveBackend, BackendError>;

/// What was found last, and for what.
#[derive(Default)]
pub struct Backends(Mutex<Option<(BackendChoice, Found)>>);

impl Backends {
    /// # Errors
    /// [`BackendError`]: why there is no such backend.
    pub fn get(&self, choice: BackendChoice) -> Found {
        let mut last = locked(&self.0);
        if let Some((of, found)) = &*last
            && *of == choice
        {
            return found.clone();
        }
        let found = ActiveBackend::open(choice);
        match &found {
            Ok(chosen) => tracing::info!("images are worked on by {}", chosen.backend().name()),
            Err(why) => tracing::error!("{why}"),
        }
        *last = Some((choice, found.clone()));
        found
    }
}
