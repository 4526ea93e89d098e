//! Where the grid's origin is and how the cameras are turned: from the origin mark, from clicks, or both.
//!
//! Clicks go first where they are given; a mark that can be read must then agree with them. Turns come from the marks, as
//! long as both cameras tell theirs: the axes of one alone are no common frame.

use crate::GrayImage;
use crate::camera::{Camera, Stereo};
use crate::grating::normal_equations::GratingParameters;
use crate::grating::refine::{FitError, FitOptions, fit_cold};
use crate::lattice::mark::Mark;
use crate::lattice::origin::{self, OriginError, OriginMark};
use crate::lattice::{Intersection, LineNumbers};
use crate::sweep::session::SweepError;
use nalgebra::{Matrix2, Vector2};

/// Stated and marked pitch differ by no more than this fraction: a printer's scale is off by a percent at most.
const MOST_OFF: f64 = 0.02;

/// What the first image of one camera says about the origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Lines through the origin.
    pub origin: LineNumbers,
    /// The mark, or why there is none.
    pub mark: Result<OriginMark, OriginError>,
    clicked: bool,
}

impl Start {
    /// `click_px` is the origin's pixel if it was given; `fit` is numbered as `intersections` are.
    ///
    /// # Errors
    /// [`SweepError`] when neither mark nor click tells the origin, or when they contradict each other.
    pub fn of(
        camera: Camera,
        image: &GrayImage,
        fit: &GratingParameters,
        intersections: &[Intersection],
        click_px: Option<Vector2<f64>>,
    ) -> Result<Self, SweepError> {
        let mark = origin::find(image, fit);
        let Some(click_px) = click_px else {
            let origin = mark.map_err(|cause| SweepError::Mark { camera, cause })?.origin;
            return Ok(Start { origin, mark, clicked: false });
        };
        let origin = clicked_lines(camera, intersections, click_px)?;
        match mark {
            Ok(mark) if mark.origin != origin => {
                Err(SweepError::OtherOrigin { camera, click_px: click_px.into(), mark_px: mark.pixel.into() })
            }
            _ => Ok(Start { origin, mark, clicked: true }),
        }
    }
}

/// Where the first image shows the origin mark, px; whatever the method, it is the default fit that finds it.
///
/// # Errors
/// [`FitError`], [`OriginError`].
pub fn marked_px(image: &GrayImage, options: &FitOptions) -> Result<Result<Vector2<f64>, OriginError>, FitError> {
    let fit = fit_cold(image, options)?;
    Ok(origin::find(image, &fit.parameters).map(|mark| mark.pixel))
}

/// What both cameras know before the sweep goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Common {
    /// Distance between neighbouring lines, mm: as stated, else as marked.
    pub pitch_mm: f64,
    /// Takes each camera's own line numbers (n_v, −n_h) to common ones: the print's where both marks are known.
    pub turn: Stereo<Matrix2<i32>>,
    /// Whose dots lie next to intersections.
    pub mark: Option<Mark>,
}

impl Common {
    /// # Errors
    /// [`SweepError`] when the marks contradict each other or the stated pitch, or when something is known from nowhere.
    pub fn of(starts: &Stereo<Start>, stated_mm: Option<f64>) -> Result<Self, SweepError> {
        let marks = Stereo { left: starts.left.mark.as_ref().ok(), right: starts.right.mark.as_ref().ok() };
        if let (Some(left), Some(right)) = (marks.left, marks.right)
            && left.mark != right.mark
        {
            return Err(SweepError::OtherMarks { left_mm: left.mark.pitch_mm(), right_mm: right.mark.pitch_mm() });
        }
        let mark = marks.left.or(marks.right).map(|found| found.mark);
        let pitch_mm = match (stated_mm, mark.map(Mark::pitch_mm)) {
            (Some(stated_mm), Some(mark_mm)) if (stated_mm / mark_mm - 1.0).abs() > MOST_OFF => {
                return Err(SweepError::OtherPitch { stated_mm, mark_mm });
            }
            (Some(pitch_mm), _) | (None, Some(pitch_mm)) => pitch_mm,
            (None, None) => return Err(SweepError::PitchUnknown),
        };
        let turn = match (marks.left, marks.right) {
            (Some(left), Some(right)) => Stereo { left: left.turn, right: right.turn },
            _ => {
                // One camera goes by its mark, the other by a click only: is it turned likewise?
                for camera in Camera::BOTH {
                    if let (Err(cause), true) = (&starts[camera].mark, starts.left.clicked != starts.right.clicked) {
                        return Err(SweepError::Mark { camera, cause: *cause });
                    }
                }
                Stereo::from_fn(|_| Matrix2::identity())
            }
        };
        Ok(Common { pitch_mm, turn, mark })
    }
}

/// The intersection at a clicked pixel, Eq. (7), (8).
pub fn clicked_lines(
    camera: Camera,
    intersections: &[Intersection],
    origin_px: Vector2<f64>,
) -> Result<LineNumbers, SweepError> {
    let (u, v) = (origin_px.x, origin_px.y);
    let distance = |i: &Intersection| (i.pixel - origin_px).norm();
    let nearest = intersections.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let unseen = SweepError::Origin { camera, u, v, distance_px: f64::INFINITY };
    let nearest = nearest.ok_or(unseen)?;
    // A click is a few px off; half way to the next crossing it is a guess.
    let pitch_px = intersections
        .iter()
        .filter(|i| i.lines != nearest.lines)
        .map(|i| (i.pixel - nearest.pixel).norm())
        .fold(f64::INFINITY, f64::min);
    let distance_px = distance(nearest);
    if distance_px <= 0.35 * pitch_px {
        Ok(nearest.lines)
    } else {
        Err(SweepError::Origin { camera, u, v, distance_px })
    }
}
