//! Who does the work on every pixel: the CPU, or a GPU.
//!
//! | work | asked by |
//! | --- | --- |
//! | a stochastic search, Eq. (4) | [`crate::sweep::original`] |
//! | normal equations of cost (4) | [`crate::grating::fit::refine`] |
//! | sums over windows | [`crate::lattice::local`] |

pub mod choice;
pub mod cpu;
pub mod cuda;

use crate::GrayImage;
use crate::grating::parameters::GratingParameters;
use crate::grating::pixel_sums::normal_equations::{NormalEquations, Region};
use crate::grating::pixel_sums::window::{Window, WindowSums};
use crate::grating::published::quadratic::QuadraticGratings;
use crate::grating::published::search::SearchPlan;
use std::sync::Arc;

/// A device that works on images.
pub trait Backend: Send + Sync {
    /// Device and method, for people.
    fn name(&self) -> String;

    /// Loads an image; whatever that needs goes on beside the work on other images.
    ///
    /// # Errors
    /// [`BackendError`].
    fn load<'a>(&self, image: Image<'a>) -> Result<Box<dyn Pixels + 'a>, BackendError>;

    /// The best gratings that a search finds, and their cost relative to the image's own variance.
    ///
    /// # Errors
    /// [`BackendError`].
    fn search(&self, plan: &SearchPlan) -> Result<(QuadraticGratings, f64), BackendError>;
}

/// An image to work on: the caller's, or one that is kept as long as someone works on it.
#[derive(Clone, Debug)]
pub enum Image<'a> {
    /// The caller keeps it.
    Borrowed(&'a GrayImage),
    /// Whoever works on it last drops it.
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
    /// The raw image.
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
    fn remove_illumination(&mut self, fit: &GratingParameters) -> Result<(), BackendError>;

    /// Row `v` of the image, and phase_h and phase_v there.
    fn phases_along(&mut self, v: usize) -> (&[f32], [&[f32]; 2]);

    /// The sums over each window.
    ///
    /// # Errors
    /// [`BackendError`].
    fn window_sums(&mut self, windows: &[Window]) -> Result<Vec<WindowSums>, BackendError>;
}

/// Why a device can't be used, or can't any longer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BackendError {
    /// No CUDA driver.
    #[error("no CUDA driver is installed (libcuda is missing): install NVIDIA's driver, or choose the backend cpu")]
    NoDriver,
    /// No GPU.
    #[error("the CUDA driver finds no GPU: is one plugged in and visible (nvidia-smi)? Else choose the backend cpu")]
    NoDevice,
    /// The driver is older than what is used.
    #[error(
        "the CUDA driver supports CUDA {}.{}, at least {}.{} is needed: update NVIDIA's driver, or choose the backend cpu",
        .found / 1000, .found % 1000 / 10, .needed / 1000, .needed % 1000 / 10
    )]
    DriverTooOld {
        /// Version of the driver, major · 1000 + minor · 10.
        found: i32,
        /// Version that is needed.
        needed: i32,
    },
    /// No run-time compiler.
    #[error(
        "CUDA's run-time compiler is missing (libnvrtc): install the CUDA toolkit or the Python package nvidia-cuda-nvrtc \
         and add its folder to LD_LIBRARY_PATH, or choose the backend cpu"
    )]
    NoCompiler,
    /// The kernels don't compile.
    #[error("the kernels don't compile for {architecture}: {log}")]
    Compile {
        /// What they were compiled for.
        architecture: String,
        /// What the compiler says.
        log: String,
    },
    /// The device has no memory left.
    #[error(
        "{device} has no memory left for {mib} MiB more: end other programs on it, use smaller images, or choose the \
         backend cpu"
    )]
    OutOfMemory {
        /// Name of the device.
        device: String,
        /// Memory that was asked for, MiB.
        mib: usize,
    },
    /// The device does not work, or no longer.
    #[error(
        "{device} failed in {during}: {cause}. Is it still there (nvidia-smi)? Restart the program, or choose the backend cpu"
    )]
    Failed {
        /// Name of the device.
        device: String,
        /// What it was doing.
        during: String,
        /// What the driver says.
        cause: String,
    },
}
