//! Why a sweep can't go on, or can't be finished.

use crate::camera::Camera;
use crate::grating::backend::BackendError;
use crate::grating::fit::error::FitError;
use crate::lattice::origin_mark::locate::OriginError;
use crate::lattice::tracking::TrackingError;
use crate::mapping::selection::ladder::SelectError;
use crate::setting::Setting;

/// Fewest heights that say anything about a third dimension.
pub const MIN_PAIRS: usize = 5;

/// Why a sweep can't go on, or end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SweepError {
    /// The pitch is no positive number.
    #[error("pitch is {pitch_mm} mm: give the distance between neighbouring printed lines, above 0")]
    Pitch {
        /// The pitch, mm.
        pitch_mm: f64,
    },
    /// An image can't be fitted.
    #[error("{camera} image of pair {pair}: {cause}")]
    Fit {
        /// The camera.
        camera: Camera,
        /// Number of the image pair, from 0.
        pair: usize,
        /// Why not.
        cause: FitError,
    },
    /// The line numbers are not certain.
    #[error("{camera} image of pair {pair}: {cause}")]
    Tracking {
        /// The camera.
        camera: Camera,
        /// Number of the image pair, from 0.
        pair: usize,
        /// Why not.
        cause: TrackingError,
    },
    /// The image is of another size than the first one.
    #[error(
        "{camera} image of pair {pair} is {found:?} px, the session was started with {expected:?} px: restart the sweep or \
         fix the camera's resolution"
    )]
    ImageSize {
        /// The camera.
        camera: Camera,
        /// Number of the image pair, from 0.
        pair: usize,
        /// Its width and height, px.
        found: [u32; 2],
        /// Those of the first image, px.
        expected: [u32; 2],
    },
    /// No intersection is where the origin was given.
    #[error(
        "{camera} origin ({u:.1}, {v:.1}) px is no grid intersection: the nearest is {distance_px:.1} px away; click the \
         intersection that is the grid's origin in the first {camera} image"
    )]
    Origin {
        /// The camera.
        camera: Camera,
        /// Pixel column of the given origin.
        u: f64,
        /// Pixel row of the given origin.
        v: f64,
        /// Distance of the nearest intersection, px.
        distance_px: f64,
    },
    /// No origin was given, and no mark tells it.
    #[error("{camera} image: {cause}")]
    Mark {
        /// The camera.
        camera: Camera,
        /// Why not.
        cause: OriginError,
    },
    /// Given origin and mark contradict each other.
    #[error(
        "{camera} image: the origin was given at ({:.1}, {:.1}) px, the origin mark is at ({:.1}, {:.1}) px: leave the pixel \
         out, or click the mark's centre", .click_px[0], .click_px[1], .mark_px[0], .mark_px[1]
    )]
    OtherOrigin {
        /// The camera.
        camera: Camera,
        /// The given origin, px.
        click_px: [f64; 2],
        /// The mark's origin, px.
        mark_px: [f64; 2],
    },
    /// Given pitch and mark contradict each other.
    #[error(
        "the pitch was given as {stated_mm} mm, the origin mark tells {mark_mm} mm: a printer is not that far off; measure \
         the pitch again, or leave it out"
    )]
    OtherPitch {
        /// The given pitch, mm.
        stated_mm: f64,
        /// The mark's pitch, mm.
        mark_mm: f64,
    },
    /// The cameras see different marks.
    #[error(
        "the origin marks tell {left_mm} mm in the left image and {right_mm} mm in the right one: both cameras must see the \
         same sheet"
    )]
    OtherMarks {
        /// Pitch of the left camera's mark, mm.
        left_mm: f64,
        /// Pitch of the right camera's mark, mm.
        right_mm: f64,
    },
    /// No pitch was given, and no mark tells it.
    #[error(
        "the distance between the lines is not known, no origin mark is in view that tells it: give {pitch}",
        pitch = Setting::Pitch
    )]
    PitchUnknown,
    /// A pose is not finite.
    #[error("the measured pose of pair {pair} is not a finite number: give what was measured, or leave the pair out")]
    Pose {
        /// Number of the image pair, from 0.
        pair: usize,
    },
    /// The heights can't be millimetres.
    #[error(
        "the heights span {range_mm} mm, {least_mm} … {most_mm} mm are possible: are they in other units (metres, \
         micrometres)? mm are needed"
    )]
    Range {
        /// From the lowest to the highest, mm.
        range_mm: f64,
        /// Smallest possible range, mm.
        least_mm: f64,
        /// Largest possible range, mm.
        most_mm: f64,
    },
    /// Too few heights.
    #[error("only {pairs} image pairs, at least {MIN_PAIRS} heights are needed: visit more of them")]
    TooFew {
        /// Image pairs at different heights.
        pairs: usize,
    },
    /// No model can be fitted.
    #[error("{camera} camera: {cause}")]
    Mapping {
        /// Of which camera.
        camera: String,
        /// Why not.
        cause: SelectError,
    },
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
