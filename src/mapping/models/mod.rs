//! Camera models: functions from a point of the tool frame (x, y, z = −h, mm) to the raw pixel (u, v) that sees it.
//!
//! | file | model | rows of the registry |
//! | --- | --- | --- |
//! | [`published`] | Eq. (16) | `published` |
//! | [`polynomial`] | full polynomial in (x, y, z) | `cubic`, `quintic`, `septic` |
//! | [`brown`] | pinhole with Brown's distortion, oblique frame | `brown` |
//! | [`rational`] | pinhole with rational distortion and thin prism, oblique frame | `rational` |
//! | [`spline`] | Brown's camera with a smooth correction | `spline` |
//! | [`central`] | projective camera with a smooth lens: all rays through one point | `central` |
//! | [`pinhole`] | what the physical cameras among them share | |
//! | [`registry`] | all of them by name, simplest first | |
//!
//! # A new model
//! One file with a type that is a [`CameraModel`], and one row in [`registry`]. Ladder, cross-validation, files, command line
//! and report follow from the row. The tests of the registry ask every row for its derivatives, its round trip through a
//! file, and that impossible numbers are refused.

pub mod brown;
pub mod central;
pub mod pinhole;
pub mod polynomial;
pub mod published;
pub mod rational;
pub mod registry;
pub mod spline;

use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::validation::ValidationError;
use nalgebra::{Matrix2x3, Vector2, Vector3};

/// A model of one camera, world → pixel. What it serialises to is what files hold of it, without its name.
pub trait CameraModel: Clone + Sync + Sized {
    /// Numbers that the points alone have to determine: what other knowledge holds is not counted.
    fn parameter_count() -> usize;

    /// The model that follows `data` best, outliers aside where the method knows any. `None` when the data does not
    /// determine it: too few heights, say.
    fn fit(data: &CameraDataset) -> Option<Self>;

    /// The same model fitted to other points without outliers, from here where that is quicker. `None` when the points
    /// don't determine it.
    fn refit(&self, points: &[Correspondence]) -> Option<Self>;

    /// Pixel of a point of the tool frame (mm → px), and ∂(u, v)/∂(x, y, z) in px/mm. Not finite where the camera can't
    /// see the point. The hot path of every answer.
    fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>);

    /// Checks numbers that were read from a file.
    ///
    /// # Errors
    /// [`ValidationError`] with the first field that no camera of this kind can have.
    fn validate(&self) -> Result<(), ValidationError>;
}
