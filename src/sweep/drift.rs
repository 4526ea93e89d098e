//! Does a calibration still hold? One image pair of a grid at any place against the stored models.
//!
//! The grid is taken as an even, flat lattice whose place, axes and pitch are unknown, and fitted to both cameras at once:
//! ```text
//! point(n_v, n_h) = origin + n_v axis_v + n_h axis_h        nine unknowns, mm in the tool frame
//! pixel           = model(point)                            the calibration's, of either camera
//! ```
//! A bumped camera makes left and right disagree. Shifts along the baseline look like another height, so the lines come
//! out at another distance (`scale`). No lattice explains the others: they stay in the residuals (`shift_px`). Another
//! sheet, too, comes out at another distance. But both cameras then see it where the robot's pose says it lies
//! (`pitch_at_pose`), which a bumped camera hardly changes.

use crate::GrayImage;
use crate::camera::{Camera, Stereo};
use crate::grating::fit::error::FitError;
use crate::grating::fit::refine::{FitOptions, fit_cold};
use crate::lattice::intersections::Intersection;
use crate::lattice::local;
use crate::mapping::calibration::Calibration;
use crate::statistics::exceeds;
use nalgebra::{DMatrix, DVector, Matrix3, SMatrix, SVector, Vector2, Vector3};

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriftMeasurement {
    /// RMS distance between what left and right make of the lattice, across what a lattice explains, px.
    pub shift_px: f64,
    /// Distance between lines over the calibrated one, as both cameras together tell it.
    pub scale: f64,
    /// The same as either camera tells it at the height that the tool's pose tells; none where that is not known.
    pub pitch_at_pose: Option<Stereo<f64>>,
    /// RMS of what no lattice explains to either camera alone, px.
    pub residual_px: f64,
    /// Height of the tool as in the calibration.
    pub height_mm: f64,
    /// How far an intersection is from where `displacement_mm` puts the nearest one; none where that is not known.
    pub moved_mm: Option<f64>,
    /// Intersections that were used.
    pub intersections: usize,
}

/// What is still good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerances {
    /// Largest accepted `shift_px`, px.
    pub shift_px: f64,
    /// Of `scale` from 1.
    pub scale: f64,
    /// Largest accepted `residual_px`, px.
    pub residual_px: f64,
}

/// Whether a robot may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All within the tolerances.
    Good,
    /// A camera or its lens has moved.
    Drifted,
    /// This is not the calibrated sheet.
    WrongTarget,
}

/// A sheet whose lines both cameras see this far from the calibrated distance, where the pose says it lies, is another one.
const OTHER_PITCH: f64 = 0.03;
/// Prints that differ less are told by this: `scale` and both cameras' pitch at the pose agree, but for this share.
const SAME_STORY: f64 = 0.3;

impl DriftMeasurement {
    /// Good, or whose fault it is.
    pub fn verdict(&self, tolerances: &Tolerances) -> Verdict {
        let off = self.scale - 1.0;
        if exceeds(self.residual_px, tolerances.residual_px) {
            return Verdict::WrongTarget;
        }
        let (aligned, to_scale) = (self.shift_px <= tolerances.shift_px, off.abs() <= tolerances.scale);
        if aligned && to_scale {
            return Verdict::Good;
        }
        let is_other_sheet = self.pitch_at_pose.is_some_and(|pitch| {
            let both = [pitch.left - 1.0, pitch.right - 1.0];
            let far = both.iter().all(|off| off.abs() > OTHER_PITCH);
            far || aligned && both.iter().all(|pitch_off| (pitch_off - off).abs() <= SAME_STORY * off.abs())
        });
        if is_other_sheet { Verdict::WrongTarget } else { Verdict::Drifted }
    }
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CheckError {
    /// The grid can't be fitted.
    #[error("{camera} image: {cause}")]
    Fit {
        /// The camera.
        camera: Camera,
        /// Why not.
        cause: FitError,
    },
    /// The image is of another size than the calibration.
    #[error("{camera} image is {found:?} px, the calibration's is {wanted:?} px: set the camera's resolution back")]
    Size {
        /// The camera.
        camera: Camera,
        /// Its width and height, px.
        found: [u32; 2],
        /// The calibration's, px.
        wanted: [u32; 2],
    },
    /// Too little of the grid is in the calibrated region.
    #[error(
        "{camera} image: only {intersections} intersections are in the calibrated region, {MIN_INTERSECTIONS} are needed: move the grid into view"
    )]
    TooFewIntersections {
        /// The camera.
        camera: Camera,
        /// Intersections that are.
        intersections: usize,
    },
    /// The lines have their distance at no height.
    #[error(
        "no height fits the lines' distance of {pitch_mm} mm: another sheet, or far outside the calibrated heights?"
    )]
    NoHeight {
        /// The calibrated distance, mm.
        pitch_mm: f64,
    },
}

/// Fewest intersections of an image: 24 equations for the nine unknowns of a [`Lattice`].
const MIN_INTERSECTIONS: usize = 12;
/// Most intersections of an image that are used: it bounds the time of a check.
const MAX_INTERSECTIONS: usize = 300;
/// Most Gauss–Newton steps of a fit.
const PASSES: usize = 12;

/// Line numbers (n_v, n_h) and pixel.
type Seen = (Vector2<f64>, Vector2<f64>);
type Lattice = SMatrix<f64, 3, 3>;
/// What is multiplied by this stays where it is.
const STIFF: f64 = 1e9;

/// Holds one image pair against `calibration`. `displacement_mm`: of the tool from where the calibration began.
///
/// # Errors
/// [`CheckError`] when the images tell nothing.
pub fn check(
    calibration: &Calibration,
    images: Stereo<&GrayImage>,
    displacement_mm: Option<[f64; 3]>,
) -> Result<DriftMeasurement, CheckError> {
    let Stereo { left, right } = Stereo::join(|camera| seen(calibration, camera, images[camera]));
    let (left, right) = (left?, right?);
    let pitch_mm = pitch_mm(calibration);
    let none = || CheckError::NoHeight { pitch_mm };
    let lattice = start(calibration, &left, pitch_mm).ok_or_else(none)?;
    let scale = |lattice: &Lattice| spacing(lattice) / pitch_mm;
    let right = number_right(calibration, &lattice, &right).ok_or_else(none)?;
    let seen = Stereo { left: &left[..], right: &right[..] };
    let lattice = fit(calibration, seen, lattice, Free::All).ok_or_else(none)?;
    let together_px = rms(calibration, seen, &lattice);
    // Each camera with a lattice of its own.
    let own_px = |camera, seen: Stereo<&[Seen]>| {
        let lattice = flat(calibration, camera, seen[camera], -lattice[(2, 0)])?;
        let lattice = fit(calibration, seen, lattice, Free::ButHeight)?;
        Some(rms(calibration, seen, &lattice))
    };
    let left_px = own_px(Camera::Left, Stereo { left: &left, right: &[] }).ok_or_else(none)?;
    let right_px = own_px(Camera::Right, Stereo { left: &[], right: &right }).ok_or_else(none)?;
    let residual_px = ((left_px.powi(2) + right_px.powi(2)) / 2.0).sqrt();
    let at_pose = displacement_mm.and_then(|[_, _, height_mm]| {
        let pitch = |camera, seen| Some(scale(&flat(calibration, camera, seen, height_mm)?));
        Some(Stereo { left: pitch(Camera::Left, &left)?, right: pitch(Camera::Right, &right)? })
    });
    // Of the point below the tool's origin: there a tilted sheet is as high as it was.
    let normal = lattice.column(1).cross(&lattice.column(2));
    Ok(DriftMeasurement {
        // A shift of s leaves half of it, to either side, in both images; residuals are counted per axis.
        shift_px: (8.0 * (together_px.powi(2) - residual_px.powi(2)).max(0.0)).sqrt(),
        scale: scale(&lattice),
        pitch_at_pose: at_pose,
        residual_px,
        height_mm: -(normal.dot(&lattice.column(0)) / normal.z),
        moved_mm: displacement_mm.and_then(|displacement| moved_mm(&lattice, displacement)),
        intersections: left.len() + right.len(),
    })
}

/// Distance between lines, mm: of both directions the geometric mean.
fn spacing(lattice: &Lattice) -> f64 {
    (lattice.column(1).norm() * lattice.column(2).norm()).sqrt()
}

/// As measured where it was, else as stated.
fn pitch_mm(calibration: &Calibration) -> f64 {
    let measured = calibration.stage.as_ref().filter(|stage| stage.print_measured);
    measured.map_or(calibration.pitch_mm, |stage| (stage.pitch_mm[0] * stage.pitch_mm[1]).sqrt())
}

/// Intersections within the calibrated region of the image, at most [`MAX_INTERSECTIONS`] evenly spread.
fn seen(calibration: &Calibration, camera: Camera, image: &GrayImage) -> Result<Vec<Seen>, CheckError> {
    let (side, found) = (calibration.camera(camera), [image.width(), image.height()]);
    if found != side.image_size {
        return Err(CheckError::Size { camera, found, wanted: side.image_size });
    }
    let fit = fit_cold(image, &FitOptions::default()).map_err(|cause| CheckError::Fit { camera, cause })?;
    let within = |i: &&Intersection| (0..2).all(|k| (side.pixel_min[k]..=side.pixel_max[k]).contains(&i.pixel[k]));
    let all = local::measure(image, &fit.parameters);
    let inside: Vec<&Intersection> = all.iter().filter(within).collect();
    if inside.len() < MIN_INTERSECTIONS {
        return Err(CheckError::TooFewIntersections { camera, intersections: inside.len() });
    }
    let every = inside.len().div_ceil(MAX_INTERSECTIONS);
    let numbers = |i: &Intersection| Vector2::new(f64::from(i.lines.v), f64::from(i.lines.h));
    Ok(inside.into_iter().step_by(every).map(|i| (numbers(i), i.pixel)).collect())
}

/// The lattice that the left image alone shows at the height where its lines have their pitch.
fn start(calibration: &Calibration, left: &[Seen], pitch_mm: f64) -> Option<Lattice> {
    let [low, high] = calibration.height_range_mm;
    let at = |height| flat(calibration, Camera::Left, left, height);
    let (mut a, mut b) = ((low, spacing(&at(low)?)), (high, spacing(&at(high)?)));
    let mut lattice = None;
    for _ in 0..4 {
        let slope = (b.1 - a.1) / (b.0 - a.0);
        let height = b.0 + (pitch_mm - b.1) / slope;
        let margin = high - low;
        if !(low - margin..=high + margin).contains(&height) {
            return None;
        }
        let found = at(height)?;
        if (height - b.0).abs() < 1e-6 {
            return Some(found);
        }
        (a, b) = (b, (height, spacing(&found)));
        lattice = Some(found);
    }
    lattice
}

/// The lattice on z = −height that fits one camera's intersections best.
fn flat(calibration: &Calibration, camera: Camera, seen: &[Seen], height_mm: f64) -> Option<Lattice> {
    let mut normal = Matrix3::zeros();
    let mut right = SMatrix::<f64, 3, 2>::zeros();
    for (lines, pixel) in seen {
        let point = calibration.pixel_to_plane(camera, *pixel, -height_mm);
        if point.status.is_answered() {
            let row = Vector3::new(1.0, lines.x, lines.y);
            normal += row * row.transpose();
            right += row * point.estimate.point_mm.xy().transpose();
        }
    }
    let solved = normal.cholesky()?.solve(&right);
    let column = |i: usize, z: f64| Vector3::new(solved[(i, 0)], solved[(i, 1)], z);
    Some(Lattice::from_columns(&[column(0, -height_mm), column(1, 0.0), column(2, 0.0)]))
}

/// The right image's intersections with the left one's numbers: those that need the least shift at the height where the lines
/// have their pitch. With others the cameras would seem to have moved farther, or the lines to be at another distance.
fn number_right(calibration: &Calibration, lattice: &Lattice, right: &[Seen]) -> Option<Vec<Seen>> {
    let axes = lattice.fixed_view::<2, 2>(0, 1).into_owned().try_inverse()?;
    let own = flat(calibration, Camera::Right, right, -lattice[(2, 0)])?;
    // Its own numbers are the same lattice's, turned by quarters and shifted. The shift is told where the intersections are.
    let turn = (axes * own.fixed_view::<2, 2>(0, 1)).map(f64::round);
    let middle = right.iter().map(|(lines, _)| lines).sum::<Vector2<f64>>() / right.len().max(1) as f64;
    let place = own * middle.insert_row(0, 1.0);
    let shift = (axes * (place.xy() - lattice.fixed_view::<2, 1>(0, 0)) - turn * middle).map(f64::round);
    (turn.determinant().abs() == 1.0)
        .then(|| right.iter().map(|(lines, pixel)| (turn * lines + shift, *pixel)).collect())
}

/// What of a lattice is fitted.
#[derive(Clone, Copy, PartialEq)]
enum Free {
    All,
    /// One camera alone can't tell height from pitch.
    ButHeight,
}

/// Gauss–Newton on the nine numbers of the lattice.
fn fit(calibration: &Calibration, seen: Stereo<&[Seen]>, mut lattice: Lattice, free: Free) -> Option<Lattice> {
    for _ in 0..PASSES {
        let mut normal = DMatrix::<f64>::zeros(9, 9);
        let mut right = DVector::<f64>::zeros(9);
        for camera in Camera::BOTH {
            let model = &calibration.camera(camera).model;
            for (lines, pixel) in seen[camera] {
                let weights = Vector3::new(1.0, lines.x, lines.y);
                let (predicted, jacobian) = model.pixel_and_jacobian(lattice * weights);
                let miss = pixel - predicted;
                for axis in 0..2 {
                    let mut row = SVector::<f64, 9>::zeros();
                    for k in 0..3 {
                        for i in 0..3 {
                            row[3 * k + i] = weights[k] * jacobian[(axis, i)];
                        }
                    }
                    normal += row * row.transpose();
                    right += row * miss[axis];
                }
            }
        }
        if free == Free::ButHeight {
            normal[(2, 2)] *= STIFF;
        }
        let step = normal.cholesky()?.solve(&right);
        lattice += Lattice::from_column_slice(step.as_slice());
        if step.rows(0, 3).norm() < 1e-7 {
            break;
        }
    }
    lattice.iter().all(|x| x.is_finite()).then_some(lattice)
}

/// RMS residual, px per axis.
fn rms(calibration: &Calibration, seen: Stereo<&[Seen]>, lattice: &Lattice) -> f64 {
    let (mut squares, mut count) = (0.0, 0);
    for camera in Camera::BOTH {
        let model = &calibration.camera(camera).model;
        for (lines, pixel) in seen[camera] {
            let predicted = model.pixel_and_jacobian(lattice * Vector3::new(1.0, lines.x, lines.y)).0;
            squares += (pixel - predicted).norm_squared();
            count += 2;
        }
    }
    (squares / f64::from(count.max(1))).sqrt()
}

/// How far the intersection nearest to where one must be is from there.
fn moved_mm(lattice: &Lattice, displacement_mm: [f64; 3]) -> Option<f64> {
    let must = -Vector3::from(displacement_mm);
    let axes = lattice.fixed_view::<2, 2>(0, 1).into_owned().try_inverse()?;
    let lines = (axes * (must.xy() - lattice.fixed_view::<2, 1>(0, 0))).map(f64::round);
    let nearest = lattice * Vector3::new(1.0, lines.x, lines.y);
    Some((nearest - must).norm())
}
