//! Why a sweep can't go on, or can't be finished.

use crate::camera::Camera;
use crate::grating::backend::BackendError;
use crate::grating::fit::error::FitError;
use crate::lattice::origin_mark::locate::OriginError;
use crate::lattice::tracking::TrackingError;
use crate::mapping::selection::ladder::SelectError;

/// Fewest heights that say anything about a third dimension.
pub const MIN_PAIRS: usize = 5;

/// Why a sweep can't go on, or end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SweepError {
    #[error("pitch is {pitch_mm} mm: give the distance between neighbouring printed lines, above 0")]
    Pitch { pitch_mm: f64 },
    #[error("{camera} image of pair {pair}: {cause}")]
    Fit { camera: Camera, pair: usize, cause: FitError },
    #[error("{camera} image of pair {pair}: {cause}")]
    Tracking { camera: Camera, pair: usize, cause: TrackingError },
    #[error(
        "{camera} image of pair {pair} is {found:?} px, the session was started with {expected:?} px: restart the sweep or \
         fix the camera's resolution"
    )]
    ImageSize { camera: Camera, pair: usize, found: [u32; 2], expected: [u32; 2] },
    #[error(
        "{camera} origin ({u:.1}, {v:.1}) px is no grid intersection: the nearest is {distance_px:.1} px away; click the \
         crossing that is the grid's origin in the first {camera} image"
    )]
    Origin { camera: Camera, u: f64, v: f64, distance_px: f64 },
    #[error("{camera} image: {cause}")]
    Mark { camera: Camera, cause: OriginError },
    #[error(
        "{camera} image: the origin was given at ({:.1}, {:.1}) px, the origin mark is at ({:.1}, {:.1}) px: leave the pixel \
         out, or click the mark's centre", .click_px[0], .click_px[1], .mark_px[0], .mark_px[1]
    )]
    OtherOrigin { camera: Camera, click_px: [f64; 2], mark_px: [f64; 2] },
    #[error(
        "the pitch was given as {stated_mm} mm, the origin mark tells {mark_mm} mm: a printer is not that far off; measure \
         the pitch again, or leave it out"
    )]
    OtherPitch { stated_mm: f64, mark_mm: f64 },
    #[error(
        "the origin marks tell {left_mm} mm in the left image and {right_mm} mm in the right one: both cameras must see the \
         same sheet"
    )]
    OtherMarks { left_mm: f64, right_mm: f64 },
    #[error("the pitch is not known: no origin mark is in view that tells it; give --pitch-mm (pitch of the node)")]
    PitchUnknown,
    #[error("the measured pose of pair {pair} is not a finite number: give what was measured, or leave the pair out")]
    Pose { pair: usize },
    #[error(
        "the heights span {range_mm} mm, {least_mm} … {most_mm} mm are possible: are they in other units (metres, \
         micrometres)? mm are needed"
    )]
    Range { range_mm: f64, least_mm: f64, most_mm: f64 },
    #[error("only {pairs} image pairs, at least {MIN_PAIRS} heights are needed: visit more of them")]
    TooFew { pairs: usize },
    #[error("{camera} camera: {cause}")]
    Mapping { camera: String, cause: SelectError },
}

impl SweepError {
    /// What failed if it was the device, not the image.
    pub(super) fn lost_device(&self) -> Option<&BackendError> {
        match self {
            SweepError::Fit { cause: FitError::Device(lost), .. } => Some(lost),
            _ => None,
        }
    }
}
