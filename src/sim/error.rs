//! Why there is no such scene.

use crate::camera::Camera;
use crate::parameters::accept::Refusal;

/// Why there is no such scene.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    #[error(transparent)]
    Field(#[from] Refusal),
    #[error("{name} is {value}, it must be within {bound}")]
    Parameter { name: String, value: f64, bound: String },
    #[error("the lens has no ray for pixel ({u}, {v}): weaken its distortion or narrow lens.field_deg")]
    Lens { u: u32, v: u32 },
    #[error("the {camera} camera does not see the grid's origin at h = 0: move grid.offset_mm or the camera")]
    OriginUnseen { camera: Camera },
}
