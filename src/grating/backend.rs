//! Who does the work on every pixel: the CPU, or a GPU.
//!
//! | work | asked by |
//! | --- | --- |
//! | a stochastic search, Eq. (4) | [`crate::grating::stochastic`] |
//! | normal equations of cost (4) | [`crate::grating::refine`] |
//! | sums over windows | [`crate::lattice::local`] |

use crate::GrayImage;
use crate::camera::Stereo;
use crate::grating::cpu::Cpu;
use crate::grating::cuda::{self, Cuda};
use crate::grating::normal_equations::{GratingParameters, NormalEquations, Region};
use crate::grating::quadratic::QuadraticGratings;
use crate::grating::search::SearchPlan;
use crate::grating::window::{Window, WindowSums};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A device that works on images.
pub trait Backend: Send + Sync {
    /// Device and method, for people.
    fn name(&self) -> String;

    /// Takes an image over; whatever that needs goes on beside the work on other images.
    ///
    /// # Errors
    /// [`BackendError`].
    fn take<'a>(&self, image: Image<'a>) -> Result<Box<dyn Pixels + 'a>, BackendError>;

    /// The best gratings that a search finds, and their cost relative to the image's own variance.
    ///
    /// # Errors
    /// [`BackendError`].
    fn search(&self, plan: &SearchPlan) -> Result<(QuadraticGratings, f64), BackendError>;
}

/// An image to work on: the caller's, or one that is kept as long as someone works on it.
#[derive(Clone, Debug)]
pub enum Image<'a> {
    Borrowed(&'a GrayImage),
    Shared(Arc<GrayImage>),
}

impl<'a> From<&'a GrayImage> for Image<'a> {
    fn from(image: &'a GrayImage) -> Self {
        Image::Borrowed(image)
    }
}

impl From<GrayImage> for Image<'_> {
    fn from(image: GrayImage) -> Self {
        Image::Shared(Arc::new(image))
    }
}

impl std::ops::Deref for Image<'_> {
    type Target = GrayImage;

    fn deref(&self) -> &GrayImage {
        match self {
            Image::Borrowed(image) => image,
            Image::Shared(image) => image,
        }
    }
}

/// An image on a device.
pub trait Pixels: Send {
    fn image(&self) -> &GrayImage;

    /// JᵀJ and Jᵀr of cost (4); `scale`: robust scale of the residuals, brightness.
    ///
    /// # Errors
    /// [`BackendError`].
    fn normal_equations(
        &mut self,
        region: Region,
        at: &GratingParameters,
        scale: f64,
    ) -> Result<NormalEquations, BackendError>;

    /// Prepares phases and light-free levels of `fit` for [`Self::phases_along`] and [`Self::window_sums`].
    ///
    /// # Errors
    /// [`BackendError`].
    fn free_of_light(&mut self, fit: &GratingParameters) -> Result<(), BackendError>;

    /// Row `v` of the image, and phase_h and phase_v there.
    fn phases_along(&mut self, v: usize) -> (&[f32], [&[f32]; 2]);

    /// The sums over each window.
    ///
    /// # Errors
    /// [`BackendError`].
    fn window_sums(&mut self, windows: &[Window]) -> Result<Vec<WindowSums>, BackendError>;
}

/// Both images of a pair on a device.
pub struct TakenPair<'a> {
    pub images: Stereo<Image<'a>>,
    /// The images there, or why not.
    pub pixels: Stereo<Result<Box<dyn Pixels + 'a>, BackendError>>,
    by: Arc<dyn Backend>,
}

/// Why a device can't be used, or can't any longer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BackendError {
    #[error("no CUDA driver is installed (libcuda is missing): install NVIDIA's driver, or choose the backend cpu")]
    NoDriver,
    #[error("the CUDA driver finds no GPU: is one plugged in and visible (nvidia-smi)? Else choose the backend cpu")]
    NoDevice,
    #[error(
        "the CUDA driver supports CUDA {}.{}, at least {}.{} is needed: update NVIDIA's driver, or choose the backend cpu",
        .found / 1000, .found % 1000 / 10, .needed / 1000, .needed % 1000 / 10
    )]
    DriverTooOld { found: i32, needed: i32 },
    #[error(
        "CUDA's run-time compiler is missing (libnvrtc): install the CUDA toolkit or the Python package nvidia-cuda-nvrtc \
         and add its folder to LD_LIBRARY_PATH, or choose the backend cpu"
    )]
    NoCompiler,
    #[error("the kernels don't compile for {architecture}: {log}")]
    Compile { architecture: String, log: String },
    #[error(
        "{device} has no memory left for {mib} MiB more: end other programs on it, use smaller images, or choose the \
         backend cpu"
    )]
    OutOfMemory { device: String, mib: usize },
    #[error(
        "{device} failed in {during}: {cause}. Is it still there (nvidia-smi)? Restart the program, or choose the backend cpu"
    )]
    Failed { device: String, during: String, cause: String },
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
