//! Why there is no such scene.

use crate::camera::Camera;
use crate::parameters::accept::Refusal;

/// Why there is no such scene.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// A field of the file is unknown or of the wrong kind.
    #[error(transparent)]
    Field(#[from] Refusal),
    /// A parameter is out of its bounds.
    #[error("{name} is {value}, it must be within {bound}")]
    Parameter {
        /// The parameter.
        name: String,
        /// Its value.
        value: f64,
        /// Its bounds.
        bound: String,
    },
    /// The lens folds over.
    #[error("the lens has no ray for pixel ({u}, {v}): weaken its distortion or narrow lens.field_deg")]
    Lens {
        /// Pixel column.
        u: u32,
        /// Pixel row.
        v: u32,
    },
    /// The origin is out of view.
    #[error("the {camera} camera does not see the grid's origin at h = 0: move grid.offset_mm or the camera")]
    OriginUnseen {
        /// The camera.
        camera: Camera,
    },
}
