//! Does a calibration still hold? One image pair of a grid at any place against the stored models.
//!
//! The grid is taken as an even, flat lattice whose place, axes and pitch are unknown, and fitted to both cameras at once:
//! ```text
//! point(n_v, n_h) = origin + n_v axis_v + n_h axis_h        nine unknowns, mm in the tool frame
//! pixel           = model(point)                            the calibration's, of either camera
//! ```
//! What a bumped camera does is then seen in two ways: shifts along the baseline look like another height, so the lines
//! come out at another distance (`scale`); all others are explained by no lattice and stay in the residuals (`shift_px`).

use crate::GrayImage;
use crate::camera::{Camera, Stereo};
use crate::grating::refine::{FitError, FitOptions, fit_cold};
use crate::lattice::intersections::Intersection;
use crate::lattice::local;
use crate::mapping::calibration::Calibration;
use nalgebra::{DMatrix, DVector, Matrix3, SMatrix, SVector, Vector2, Vector3};

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Difference between the mean residuals of left and right, px.
    pub shift_px: f64,
    /// Distance between lines over the calibrated one.
    pub scale: f64,
    /// RMS residual, px.
    pub residual_px: f64,
    /// Height of the tool as in the calibration.
    pub height_mm: f64,
    /// How far a crossing is from where `displacement_mm` puts the nearest one; none where that is not known.
    pub moved_mm: Option<f64>,
    /// Crossings that were used.
    pub crossings: usize,
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CheckError {
    #[error("{camera} image: {cause}")]
    Fit { camera: Camera, cause: FitError },
    #[error("{camera} image is {found:?} px, the calibration's is {wanted:?} px: set the camera's resolution back")]
    Size { camera: Camera, found: [u32; 2], wanted: [u32; 2] },
    #[error(
        "{camera} image: only {crossings} crossings are in the calibrated region, {LEAST} are needed: move the grid into view"
    )]
    Few { camera: Camera, crossings: usize },
    #[error(
        "no height fits the lines' distance of {pitch_mm} mm: another sheet, or far outside the calibrated heights?"
    )]
    NoHeight { pitch_mm: f64 },
}

const LEAST: usize = 12;
const MOST: usize = 300;
const PASSES: usize = 12;

/// Line numbers (n_v, n_h) and pixel.
type Seen = (Vector2<f64>, Vector2<f64>);
type Lattice = SMatrix<f64, 3, 3>;

/// Holds one image pair against `calibration`. `displacement_mm`: of the tool from where the calibration began.
///
/// # Errors
/// [`CheckError`] when the pictures tell nothing.
pub fn check(
    calibration: &Calibration,
    images: Stereo<&GrayImage>,
    displacement_mm: Option<[f64; 3]>,
) -> Result<Found, CheckError> {
    let side = |camera| seen(calibration, camera, images[camera]);
    let (left, right) = rayon::join(|| side(Camera::Left), || side(Camera::Right));
    let (left, right) = (left?, right?);
    let pitch_mm = pitch_mm(calibration);
    let lattice = start(calibration, &left, pitch_mm).ok_or(CheckError::NoHeight { pitch_mm })?;
    // Which line is which in the right image is known up to a pitch only: the best of the nearest ones.
    let numbered = number_right(calibration, &lattice, &right).ok_or(CheckError::NoHeight { pitch_mm })?;
    let shifts = (-1..=1).flat_map(|v| (-1..=1).map(move |h| Vector2::new(f64::from(v), f64::from(h))));
    let tried = shifts.filter_map(|shift| {
        let right: Vec<Seen> = numbered.iter().map(|(lines, pixel)| (lines + shift, *pixel)).collect();
        let seen = Stereo { left: &left[..], right: &right[..] };
        let lattice = fit(calibration, seen, lattice)?;
        Some((lattice, residuals(calibration, seen, &lattice)))
    });
    let rms = |residuals: &Stereo<Vec<Vector2<f64>>>| {
        let all = || residuals.left.iter().chain(&residuals.right);
        (all().map(|r| r.norm_squared()).sum::<f64>() / (2 * all().count()).max(1) as f64).sqrt()
    };
    let best = tried.min_by(|a, b| rms(&a.1).total_cmp(&rms(&b.1)));
    let (lattice, residuals) = best.ok_or(CheckError::NoHeight { pitch_mm })?;
    let mean = |of: &[Vector2<f64>]| of.iter().sum::<Vector2<f64>>() / of.len().max(1) as f64;
    let (axis_v, axis_h) = (lattice.column(1).into_owned(), lattice.column(2).into_owned());
    // Of the point below the tool's origin: there a tilted sheet is as high as it was.
    let normal = axis_v.cross(&axis_h);
    let height_mm = -(normal.dot(&lattice.column(0)) / normal.z);
    Ok(Found {
        shift_px: (mean(&residuals.left) - mean(&residuals.right)).norm(),
        scale: (axis_v.norm() * axis_h.norm()).sqrt() / pitch_mm,
        residual_px: rms(&residuals),
        height_mm,
        moved_mm: displacement_mm.and_then(|displacement| moved_mm(&lattice, displacement)),
        crossings: residuals.left.len() + residuals.right.len(),
    })
}

/// As measured where it was, else as stated.
fn pitch_mm(calibration: &Calibration) -> f64 {
    let measured = calibration.stage.as_ref().filter(|stage| stage.print_measured);
    measured.map_or(calibration.pitch_mm, |stage| (stage.pitch_mm[0] * stage.pitch_mm[1]).sqrt())
}

/// Crossings within the calibrated region of the image, at most [`MOST`] evenly spread.
fn seen(calibration: &Calibration, camera: Camera, image: &GrayImage) -> Result<Vec<Seen>, CheckError> {
    let (side, found) = (calibration.camera(camera), [image.width(), image.height()]);
    if found != side.image_size {
        return Err(CheckError::Size { camera, found, wanted: side.image_size });
    }
    let fit = fit_cold(image, &FitOptions::default()).map_err(|cause| CheckError::Fit { camera, cause })?;
    let within = |i: &&Intersection| (0..2).all(|k| (side.pixel_min[k]..=side.pixel_max[k]).contains(&i.pixel[k]));
    let all = local::measure(image, &fit.parameters);
    let inside: Vec<&Intersection> = all.iter().filter(within).collect();
    if inside.len() < LEAST {
        return Err(CheckError::Few { camera, crossings: inside.len() });
    }
    let every = inside.len().div_ceil(MOST);
    let numbers = |i: &Intersection| Vector2::new(f64::from(i.lines.v), f64::from(i.lines.h));
    Ok(inside.into_iter().step_by(every).map(|i| (numbers(i), i.pixel)).collect())
}

/// The lattice that the left image alone shows at the height where its lines have their pitch.
fn start(calibration: &Calibration, left: &[Seen], pitch_mm: f64) -> Option<Lattice> {
    let [low, high] = calibration.height_range_mm;
    let at = |height| flat(calibration, Camera::Left, left, height);
    let spacing = |lattice: &Lattice| lattice.column(1).cross(&lattice.column(2)).norm().sqrt();
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

/// The lattice on z = −height that fits one camera's crossings best.
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

/// The right image's crossings with the left one's numbers, as far as `lattice` tells them.
fn number_right(calibration: &Calibration, lattice: &Lattice, right: &[Seen]) -> Option<Vec<Seen>> {
    let axes = lattice.fixed_view::<2, 2>(0, 1).into_owned().try_inverse()?;
    let own = flat(calibration, Camera::Right, right, -lattice[(2, 0)])?;
    // Its own numbers are the same lattice's, turned by quarters and shifted.
    let turn = (axes * own.fixed_view::<2, 2>(0, 1)).map(f64::round);
    let shift = (axes * (own.fixed_view::<2, 1>(0, 0) - lattice.fixed_view::<2, 1>(0, 0))).map(f64::round);
    (turn.determinant().abs() == 1.0)
        .then(|| right.iter().map(|(lines, pixel)| (turn * lines + shift, *pixel)).collect())
}

/// Gauss–Newton on all nine numbers of the lattice.
fn fit(calibration: &Calibration, seen: Stereo<&[Seen]>, mut lattice: Lattice) -> Option<Lattice> {
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
        let step = normal.cholesky()?.solve(&right);
        lattice += Lattice::from_column_slice(step.as_slice());
        if step.rows(0, 3).norm() < 1e-7 {
            break;
        }
    }
    lattice.iter().all(|x| x.is_finite()).then_some(lattice)
}

fn residuals(calibration: &Calibration, seen: Stereo<&[Seen]>, lattice: &Lattice) -> Stereo<Vec<Vector2<f64>>> {
    Stereo::from_fn(|camera| {
        let model = &calibration.camera(camera).model;
        let predicted =
            |lines: &Vector2<f64>| model.pixel_and_jacobian(lattice * Vector3::new(1.0, lines.x, lines.y)).0;
        seen[camera].iter().map(|(lines, pixel)| pixel - predicted(lines)).collect()
    })
}

/// How far the crossing nearest to where one must be is from there.
fn moved_mm(lattice: &Lattice, displacement_mm: [f64; 3]) -> Option<f64> {
    let must = -Vector3::from(displacement_mm);
    let axes = lattice.fixed_view::<2, 2>(0, 1).into_owned().try_inverse()?;
    let lines = (axes * (must.xy() - lattice.fixed_view::<2, 1>(0, 0))).map(f64::round);
    let nearest = lattice * Vector3::new(1.0, lines.x, lines.y);
    Some((nearest - must).norm())
}
