//! Where the grid's origin is and how the cameras are turned: from the origin mark, from clicks, or both.
//!
//! Clicks go first where they are given; a mark that can be read must then agree with them. Turns come from the marks, as
//! long as both cameras tell theirs: the axes of one alone are no common frame.

use crate::GrayImage;
use crate::camera::{Camera, Stereo};
use crate::grating::fit::refine::GratingFit;
use crate::grating::parameters::GratingParameters;
use crate::grating::phase_field::{LineNumbers, PhaseField};
use crate::lattice::intersections::{Intersection, solve};
use crate::lattice::origin_mark::locate::{self, OriginError, OriginMark};
use crate::lattice::origin_mark::mark::Mark;
use crate::sweep::error::SweepError;
use nalgebra::{Matrix2, Vector2};

/// Stated and marked pitch differ by no more than this fraction: a printer's scale is off by a percent at most.
const MAX_PITCH_MISMATCH: f64 = 0.02;

/// What the first image of one camera says about the origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Where the origin is, px.
    pub origin_px: Vector2<f64>,
    /// The mark, or why there is none.
    pub mark: Result<OriginMark, OriginError>,
    clicked: bool,
}

impl Start {
    /// `click_px` is the origin's pixel if it was given.
    ///
    /// # Errors
    /// [`SweepError`] when neither mark nor click tells the origin, or when they contradict each other.
    pub fn of(
        camera: Camera,
        image: &GrayImage,
        fit: &GratingParameters,
        click_px: Option<Vector2<f64>>,
    ) -> Result<Self, SweepError> {
        match (locate::find(image, fit), click_px) {
            (Err(cause), None) => Err(SweepError::Mark { camera, cause }),
            (Ok(mark), None) => Ok(Start { origin_px: mark.pixel, mark: Ok(mark), clicked: false }),
            (Ok(mark), Some(click_px)) if mark.origin != LineNumbers::nearest(fit.phases(click_px)) => {
                Err(SweepError::OtherOrigin { camera, click_px: click_px.into(), mark_px: mark.pixel.into() })
            }
            (mark, Some(click_px)) => Ok(Start { origin_px: click_px, mark, clicked: true }),
        }
    }
}

/// What both cameras know before the sweep goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Common {
    /// Distance between neighbouring lines, mm: as stated, else as marked.
    pub pitch_mm: f64,
    /// Takes each camera's own line numbers (n_v, −n_h) to common ones: the print's where both marks are known.
    pub turn: Stereo<Matrix2<i32>>,
    /// Whose dots lie next to intersections, where `turn` is known from it.
    pub mark: Option<Mark>,
}

impl Default for Common {
    /// Nothing is known.
    fn default() -> Self {
        Common { pitch_mm: f64::NAN, turn: Stereo::from_fn(|_| Matrix2::identity()), mark: None }
    }
}

impl Common {
    /// # Errors
    /// [`SweepError`] when the marks contradict each other or the stated pitch, or when something is known from nowhere.
    pub fn of(starts: Stereo<&Start>, stated_mm: Option<f64>) -> Result<Self, SweepError> {
        let marks = Stereo { left: starts.left.mark.as_ref().ok(), right: starts.right.mark.as_ref().ok() };
        if let (Some(left), Some(right)) = (marks.left, marks.right)
            && left.mark != right.mark
        {
            return Err(SweepError::OtherMarks { left_mm: left.mark.pitch_mm(), right_mm: right.mark.pitch_mm() });
        }
        let mark = marks.left.or(marks.right).map(|found| found.mark);
        let pitch_mm = match (stated_mm, mark.map(Mark::pitch_mm)) {
            (Some(stated_mm), Some(mark_mm)) if (stated_mm / mark_mm - 1.0).abs() > MAX_PITCH_MISMATCH => {
                return Err(SweepError::OtherPitch { stated_mm, mark_mm });
            }
            (Some(pitch_mm), _) | (None, Some(pitch_mm)) => pitch_mm,
            (None, None) => return Err(SweepError::PitchUnknown),
        };
        if let (Some(left), Some(right)) = (marks.left, marks.right) {
            return Ok(Common { pitch_mm, turn: Stereo { left: left.turn, right: right.turn }, mark });
        }
        for camera in Camera::BOTH {
            // The other one goes by its mark, this one by a click only: is it turned likewise?
            if let (Err(cause), true) = (&starts[camera].mark, starts.left.clicked != starts.right.clicked) {
                return Err(SweepError::Mark { camera, cause: *cause });
            }
        }
        Ok(Common { pitch_mm, ..Common::default() })
    }

    /// Common numbers of the intersection that `camera` numbers (n_v, −n_h); `None` next to a dot, which bends what is
    /// measured there.
    pub fn numbered(&self, camera: Camera, lines: [i32; 2]) -> Option<[i32; 2]> {
        let lines = (self.turn[camera] * Vector2::from(lines)).into();
        (!self.mark.is_some_and(|mark| mark.touches(lines))).then_some(lines)
    }
}

/// The lines that cross at the origin, Eq. (7), (8); `fit` is numbered as `intersections` are.
///
/// # Errors
/// [`SweepError::Origin`].
pub fn lines_at(
    camera: Camera,
    intersections: &[Intersection],
    fit: Option<&GratingFit>,
    origin_px: Vector2<f64>,
) -> Result<LineNumbers, SweepError> {
    let (u, v) = (origin_px.x, origin_px.y);
    let distance = |i: &Intersection| (i.pixel - origin_px).norm();
    let nearest = intersections.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let unseen = SweepError::Origin { camera, u, v, distance_px: f64::INFINITY };
    let nearest = nearest.ok_or(unseen)?;
    // A click is a few px off; half way to the next intersection it is a guess.
    let pitch_px = intersections
        .iter()
        .filter(|i| i.lines != nearest.lines)
        .map(|i| (i.pixel - nearest.pixel).norm())
        .fold(f64::INFINITY, f64::min);
    if distance(nearest) <= NEAR * pitch_px {
        return Ok(nearest.lines);
    }
    // The intersection itself may be hidden by glare or dirt: the phases go on there.
    let hidden = fit.and_then(|fit| {
        let lines = LineNumbers::nearest(fit.parameters.phases(origin_px));
        let pixel = solve(&fit.parameters, lines, origin_px)?;
        ((pixel - origin_px).norm() <= NEAR * pitch_px && distance(nearest) < 3.0 * pitch_px).then_some(lines)
    });
    hidden.ok_or(SweepError::Origin { camera, u, v, distance_px: distance(nearest) })
}

/// How far from an intersection a click may be, in pitches.
const NEAR: f64 = 0.35;
