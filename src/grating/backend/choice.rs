//! Which backend is in use: the CPU, or a GPU that the CPU may replace when it is lost.

use crate::camera::Stereo;
use crate::grating::backend::cpu::Cpu;
use crate::grating::backend::cuda::{self, Cuda};
use crate::grating::backend::{Backend, BackendError, Image, Pixels};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Both images of a pair, loaded onto a device.
pub struct LoadedPair<'a> {
    /// Both images, for whoever needs them on the host.
    pub images: Stereo<Image<'a>>,
    /// The images there, or why not.
    pub pixels: Stereo<Result<Box<dyn Pixels + 'a>, BackendError>>,
    /// Where they were loaded.
    backend: Arc<dyn Backend>,
}

/// What a user may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[derive(strum::Display, strum::EnumMessage, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum BackendChoice {
    /// A GPU if one can be used, else, and when it fails, the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
}

/// The backend in use, and the CPU where a lost GPU may be replaced.
#[derive(Clone)]
pub struct ActiveBackend {
    backend: Arc<dyn Backend>,
    falls_back: bool,
}

impl Default for ActiveBackend {
    fn default() -> Self {
        ActiveBackend::cpu()
    }
}

impl ActiveBackend {
    /// The CPU.
    pub fn cpu() -> Self {
        ActiveBackend { backend: Arc::new(Cpu), falls_back: false }
    }

    /// Looks for what `choice` asks for.
    ///
    /// # Errors
    /// [`BackendError`] when a GPU is asked for and can't be used.
    pub fn open(choice: BackendChoice) -> Result<Self, BackendError> {
        let gpu = || cuda::driver::open().map(|device| Arc::new(Cuda::new(device)) as Arc<dyn Backend>);
        match choice {
            BackendChoice::Cpu => Ok(ActiveBackend::cpu()),
            BackendChoice::Cuda => Ok(ActiveBackend { backend: gpu()?, falls_back: false }),
            BackendChoice::Auto => Ok(gpu().map_or_else(
                |why| {
                    tracing::info!("working on the CPU: {why}");
                    ActiveBackend::cpu()
                },
                |backend| ActiveBackend { backend, falls_back: true },
            )),
        }
    }

    /// One that some program made itself; `falls_back`: the CPU takes over when it is lost.
    pub fn with(backend: Arc<dyn Backend>, falls_back: bool) -> Self {
        ActiveBackend { backend, falls_back }
    }

    /// The device that works on the pixels.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// Loads both images of a pair onto the device; at no cost in time while the pair before is fitted.
    pub fn load_pair<'a>(&self, images: Stereo<Image<'a>>) -> LoadedPair<'a> {
        let pixels = Stereo::from_fn(|camera| self.backend.load(images[camera].clone()));
        LoadedPair { images, pixels, backend: self.backend.clone() }
    }

    /// Whether the pair was loaded onto this device.
    pub fn has_loaded(&self, pair: &LoadedPair) -> bool {
        Arc::ptr_eq(&self.backend, &pair.backend)
    }

    /// After `error`: whether the CPU takes over, from now on.
    pub fn fall_back(&mut self, error: &BackendError) -> bool {
        if self.falls_back {
            tracing::warn!("going on with the CPU: {error}");
            *self = ActiveBackend::cpu();
            return true;
        }
        false
    }
}
