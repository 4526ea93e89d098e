//! The grid as one camera sees it at one pose: numbered intersections with their pixels, points and errors.
//!
//! Before there is a calibration, an intersection's error is told from its neighbours. Over one view x and y are smooth
//! functions of the pixel, here polynomials of degree `DEGREE`. They follow a lens with k1 = −0.18 to a third of a
//! micrometre.

use crate::camera::Camera;
use crate::mapping::calibration::Calibration;
use crate::mapping::views::Observation;
use nalgebra::{DMatrix, Matrix3x2, Vector2, Vector3};
use std::collections::HashMap;

/// Degree of the polynomials that intersections are held against.
const DEGREE: usize = 5;
/// Terms of such a polynomial in u and v.
const TERMS: usize = (DEGREE + 1) * (DEGREE + 2) / 2;
/// Of a view with fewer intersections nothing is said about their errors: the polynomials would follow them.
const MIN_INTERSECTIONS: usize = 2 * TERMS;
/// An intersection farther from where it must be than this, in pitches, may be another one.
const MAX_ERROR_PITCHES: f64 = 0.3;
/// Line numbers up to this are drawn either way: a calibration of something else than a grid may have any volume.
const MAX_LINES: f64 = 300.0;

/// One intersection as a camera sees it, or must see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridPoint {
    /// (n_v, −n_h): x and y in pitches.
    pub lines: [i32; 2],
    /// Where the camera sees it, px.
    pub pixel: Vector2<f64>,
    /// Where it is, tool frame, mm.
    pub point_mm: Vector3<f64>,
    /// How far what the camera sees lies from where it must, in the grid's plane, µm; NaN: not known.
    pub error_um: f64,
}

/// Intersections that a camera measured in one view of a sweep; `moved_mm`: the tool since h = 0, robot axes.
pub fn measured(observations: &[Observation], pitch_mm: f64, moved_mm: Vector3<f64>) -> Vec<GridPoint> {
    let errors = errors_um(observations, pitch_mm);
    let point = |(i, o): (usize, &Observation)| GridPoint {
        lines: o.lines,
        pixel: o.pixel,
        point_mm: (Vector2::from(o.lines.map(f64::from)) * pitch_mm).push(0.0) - moved_mm,
        error_um: errors.as_ref().map_or(f64::NAN, |errors| errors[i]),
    };
    observations.iter().enumerate().map(point).collect()
}

/// Intersections where a calibration says that `camera` sees them once the tool has moved by `moved_mm` from h = 0. All
/// that lie in the image and not beyond the calibrated volume.
pub fn predicted(calibration: &Calibration, camera: Camera, moved_mm: Vector3<f64>) -> Vec<GridPoint> {
    let steps = steps_mm(calibration);
    let volume = &calibration.volume;
    let reach = |axis: usize| {
        let pitch = steps.column(axis).norm();
        let low = (volume.min_mm[axis] + moved_mm[axis]) / pitch;
        let high = (volume.max_mm[axis] + moved_mm[axis]) / pitch;
        low.floor().max(-MAX_LINES) as i32..=high.ceil().min(MAX_LINES) as i32
    };
    let point = |lines: [i32; 2]| {
        let point_mm = steps * Vector2::from(lines.map(f64::from)) - moved_mm;
        let answer = calibration.point_to_pixel(camera, point_mm);
        let point = GridPoint { lines, pixel: answer.pixel, point_mm, error_um: f64::NAN };
        answer.status.is_answered().then_some(point)
    };
    reach(0).flat_map(|v| reach(1).map(move |h| [v, h])).filter_map(point).collect()
}

/// Gives `points` the errors of the intersections that `pixels` show, and counts them.
pub fn compare(
    points: &mut [GridPoint],
    calibration: &Calibration,
    camera: Camera,
    pixels: impl Iterator<Item = Vector2<f64>>,
) -> usize {
    let model = &calibration.camera(camera).model;
    let mut found = 0;
    for pixel in pixels {
        let distance = |point: &GridPoint| (point.pixel - pixel).norm_squared();
        let Some(point) = points.iter_mut().min_by(|a, b| distance(a).total_cmp(&distance(b))) else { break };
        let error_um = error_um(model.pixel_and_jacobian(point.point_mm).1, pixel - point.pixel);
        if error_um < 1e3 * MAX_ERROR_PITCHES * calibration.pitch_mm {
            point.error_um = error_um;
            found += 1;
        }
    }
    found
}

/// Length in the plane of the grid, µm, of what is `residual_px` in the image; NaN where the camera looks along the plane.
/// `pixel_by_point` is ∂(u, v)/∂(x, y, z), px/mm.
pub fn error_um(pixel_by_point: nalgebra::Matrix2x3<f64>, residual_px: Vector2<f64>) -> f64 {
    let in_plane = pixel_by_point.fixed_columns::<2>(0).into_owned();
    in_plane.try_inverse().map_or(f64::NAN, |inverse| 1e3 * (inverse * residual_px).norm())
}

/// Pairs of neighbours on a line, and which way the line goes: 0 along x, 1 along y.
pub fn segments(points: &[GridPoint]) -> Vec<(usize, usize, usize)> {
    let places: HashMap<[i32; 2], usize> = points.iter().enumerate().map(|(i, point)| (point.lines, i)).collect();
    let next = |i: usize, axis: usize| {
        let mut lines = points[i].lines;
        lines[axis] += 1;
        places.get(&lines).map(|j| (i, *j, axis))
    };
    (0..points.len()).flat_map(|i| [next(i, 0), next(i, 1)]).flatten().collect()
}

/// Steps from intersection to intersection along x and along y, mm: as jogs measured them, else as stated.
fn steps_mm(calibration: &Calibration) -> Matrix3x2<f64> {
    let mut steps = Matrix3x2::identity() * calibration.pitch_mm;
    if let Some(stage) = calibration.stage.as_ref().filter(|stage| stage.print_measured) {
        let [lean_x, lean_y] = stage.tilt_deg.unwrap_or_default().map(|deg| deg.to_radians().tan());
        for axis in 0..2 {
            let turn = stage.rotation_deg + axis as f64 * (90.0 + stage.skew_deg);
            let (sin, cos) = turn.to_radians().sin_cos();
            let along = Vector3::new(cos, sin, -(cos * lean_x + sin * lean_y));
            steps.set_column(axis, &(along.normalize() * stage.pitch_mm[axis]));
        }
    }
    steps
}

/// Distance of each intersection from what its pixel says by the smooth functions; `None` when there are too few.
fn errors_um(observations: &[Observation], pitch_mm: f64) -> Option<Vec<f64>> {
    if observations.len() < MIN_INTERSECTIONS {
        return None;
    }
    let (low, high) = observations
        .iter()
        .fold((Vector2::repeat(f64::INFINITY), Vector2::repeat(f64::NEG_INFINITY)), |(low, high), o| {
            (low.inf(&o.pixel), high.sup(&o.pixel))
        });
    let (centre, half) = (0.5 * (low + high), (0.5 * (high - low)).sup(&Vector2::repeat(1.0)));
    let mut terms = DMatrix::<f64>::zeros(observations.len(), TERMS);
    let mut places = DMatrix::<f64>::zeros(observations.len(), 2);
    for (i, o) in observations.iter().enumerate() {
        let unit = (o.pixel - centre).component_div(&half);
        let powers = (0..=DEGREE).flat_map(|a| (0..=DEGREE - a).map(move |b| (a, b)));
        for (j, (a, b)) in powers.enumerate() {
            terms[(i, j)] = unit.x.powi(a as i32) * unit.y.powi(b as i32);
        }
        for axis in 0..2 {
            places[(i, axis)] = f64::from(o.lines[axis]) * pitch_mm;
        }
    }
    let solved = (terms.transpose() * &terms).cholesky()?.solve(&(terms.transpose() * &places));
    let errors = places - terms * solved;
    Some(errors.row_iter().map(|error| 1e3 * error.norm()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Matrix2;

    fn seen(shift_px: f64) -> Vec<Observation> {
        let pixel = |[x, y]: [f64; 2]| Vector2::new(320.0 + 30.0 * x + 0.1 * x * y, 180.0 - 25.0 * y + 0.02 * x * x);
        let lines = (-6..=6).flat_map(|h| (-9..=9).map(move |v| [v, h]));
        lines
            .map(|lines| {
                let off = if lines == [2, 1] { shift_px } else { 0.0 };
                let pixel = pixel(lines.map(f64::from)) + Vector2::new(off, 0.0);
                Observation { pixel, covariance_px2: Matrix2::identity(), lines, view: 0 }
            })
            .collect()
    }

    #[test]
    fn an_intersection_out_of_place_is_told_by_its_neighbours() {
        let points = measured(&seen(0.3), 1.1, Vector3::new(0.0, 0.0, 2.0));
        let worst = points.iter().max_by(|a, b| a.error_um.total_cmp(&b.error_um)).unwrap();
        assert_eq!(worst.lines, [2, 1]);
        assert!((worst.point_mm - Vector3::new(2.2, 1.1, -2.0)).norm() < 1e-12);
        // 0.3 px of 30 px a pitch; the fit takes up a little.
        assert!((9.0..11.5).contains(&worst.error_um), "{} µm", worst.error_um);
        let even = measured(&seen(0.0), 1.1, Vector3::zeros());
        assert!(even.iter().all(|point| point.error_um < 0.5));
        assert!(measured(&seen(0.0)[..20], 1.1, Vector3::zeros()).iter().all(|point| point.error_um.is_nan()));
    }

    #[test]
    fn neighbours_are_joined_once() {
        let points = measured(&seen(0.0), 1.1, Vector3::zeros());
        assert_eq!(segments(&points).len(), 18 * 13 + 19 * 12);
    }
}
