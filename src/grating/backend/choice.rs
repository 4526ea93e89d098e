//! Which backend is in use: the CPU, or a GPU that the CPU may replace when it is lost.

use crate::camera::Stereo;
use crate::grating::backend::cpu::Cpu;
use crate::grating::backend::cuda::{self, Cuda};
use crate::grating::backend::{Backend, BackendError, Image, Pixels};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Both images of a pair on a device.
pub struct TakenPair<'a> {
    pub images: Stereo<Image<'a>>,
    /// The images there, or why not.
    pub pixels: Stereo<Result<Box<dyn Pixels + 'a>, BackendError>>,
    by: Arc<dyn Backend>,
}

/// What a user may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum BackendChoice {
    /// A GPU if one can be used, else the CPU.
    #[default]
    Auto,
    Cpu,
    Cuda,
}

/// The backend in use, and the CPU where a lost GPU may be replaced.
#[derive(Clone)]
pub struct Chosen {
    backend: Arc<dyn Backend>,
    falls_back: bool,
}

impl Default for Chosen {
    fn default() -> Self {
        Chosen::cpu()
    }
}

impl Chosen {
    pub fn cpu() -> Self {
        Chosen { backend: Arc::new(Cpu), falls_back: false }
    }

    /// Looks for what `choice` asks for.
    ///
    /// # Errors
    /// [`BackendError`] when a GPU is asked for and can't be used.
    pub fn of(choice: BackendChoice) -> Result<Self, BackendError> {
        let gpu = || cuda::driver::open().map(|device| Arc::new(Cuda::new(device)) as Arc<dyn Backend>);
        match choice {
            BackendChoice::Cpu => Ok(Chosen::cpu()),
            BackendChoice::Cuda => Ok(Chosen { backend: gpu()?, falls_back: false }),
            BackendChoice::Auto => Ok(gpu().map_or_else(
                |why| {
                    tracing::info!("working on the CPU: {why}");
                    Chosen::cpu()
                },
                |backend| Chosen { backend, falls_back: true },
            )),
        }
    }

    /// One that some program made itself; `falls_back`: the CPU takes over when it is lost.
    pub fn with(backend: Arc<dyn Backend>, falls_back: bool) -> Self {
        Chosen { backend, falls_back }
    }

    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// Hands both images of a pair to the device. Done while the pair before is fitted, this costs no time.
    pub fn take_pair<'a>(&self, images: Stereo<Image<'a>>) -> TakenPair<'a> {
        let pixels = Stereo::from_fn(|camera| self.backend.take(images[camera].clone()));
        TakenPair { images, pixels, by: self.backend.clone() }
    }

    /// Whether it was this one that took the pair.
    pub fn took(&self, pair: &TakenPair) -> bool {
        Arc::ptr_eq(&self.backend, &pair.by)
    }

    /// After `error`: whether the CPU takes over, from now on.
    pub fn fall_back(&mut self, error: &BackendError) -> bool {
        if self.falls_back {
            tracing::warn!("going on with the CPU: {error}");
            *self = Chosen::cpu();
            return true;
        }
        false
    }
}
