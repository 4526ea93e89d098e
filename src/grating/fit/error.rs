//! Why an image gave no gratings.

use crate::grating::backend::BackendError;

/// Why an image gave no gratings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    /// Too few pixels for a spectrum.
    #[error("the image is {width}×{height} px, at least 64×64 are needed")]
    TooSmall {
        /// Width, px.
        width: u32,
        /// Height, px.
        height: u32,
    },
    /// The spectrum shows no grid.
    #[error("no two crossed sets of lines stand out in the image: is the grid in view, lit and in focus?")]
    NoGrating,
    /// The image before was of another size.
    #[error(
        "the image is {width}×{height} px, unlike the one before: restart the sweep or fix the camera's resolution"
    )]
    OtherSize {
        /// Width, px.
        width: u32,
        /// Height, px.
        height: u32,
    },
    /// Something else than the grid is in view.
    #[error(
        "the fitted grid leaves {residual:.2} of the signal unexplained, at most {limit:.2} is accepted: is the grid in \
         view over the whole image, without strong reflections, in focus?"
    )]
    Unexplained {
        /// Residual over what the gratings explain.
        residual: f64,
        /// Largest accepted value.
        limit: f64,
    },
    /// The device that works on the pixels is lost.
    #[error(transparent)]
    Device(#[from] BackendError),
    /// The normal equations have no solution.
    #[error("the fit diverged (the normal equations have no solution): is the grid in view over the whole image?")]
    Diverged,
}
