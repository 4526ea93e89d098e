//! Why an image gave no gratings.

use crate::grating::backend::BackendError;

/// Why an image gave no gratings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    #[error("the image is {width}×{height} px, at least 64×64 are needed")]
    TooSmall { width: u32, height: u32 },
    #[error("no two crossing sets of lines stand out in the image: is the grid in view, lit and in focus?")]
    NoGrating,
    #[error(
        "the image is {width}×{height} px, unlike the one before: restart the sweep or fix the camera's resolution"
    )]
    OtherSize { width: u32, height: u32 },
    #[error(
        "the fitted grid leaves {residual:.2} of the signal unexplained, at most {limit:.2} is accepted: is the grid in \
         view over the whole image, without strong reflections, in focus?"
    )]
    Unexplained { residual: f64, limit: f64 },
    #[error(transparent)]
    Device(#[from] BackendError),
    #[error("the fit diverged (the normal equations have no solution): is the grid in view over the whole image?")]
    Diverged,
}
