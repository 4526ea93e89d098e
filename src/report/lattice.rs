//! The grid as one camera sees it at one pose: numbered crossings with their pixels, places and misses.
//!
//! Before there is a calibration, a crossing's miss is told from its neighbours: over one view x and y are smooth functions
//! of the pixel, here polynomials of degree `DEGREE`. They follow a lens with k1 = −0.18 to a third of a micrometre.

use crate::camera::Camera;
use crate::mapping::calibration::Calibration;
use crate::mapping::views::Observation;
use nalgebra::{DMatrix, Matrix3x2, Vector2, Vector3};
use std::collections::HashMap;

/// Degree of the polynomials that crossings are held against.
const DEGREE: usize = 5;
const TERMS: usize = (DEGREE + 1) * (DEGREE + 2) / 2;
/// Of a view with fewer crossings nothing is said about their misses.
const LEAST: usize = 2 * TERMS;

/// One crossing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// (n_v, −n_h): x and y in pitches.
    pub lines: [i32; 2],
    /// Where the camera sees it, px.
    pub pixel: Vector2<f64>,
    /// Where it is, tool frame, mm.
    pub point_mm: Vector3<f64>,
    /// How far what the camera sees lies from where it must, in the grid's plane, µm; NaN: not known.
    pub miss_um: f64,
}

/// Crossings that a camera measured in one view of a sweep; `moved_mm`: the tool since h = 0.
pub fn measured(observations: &[Observation], pitch_mm: f64, moved_mm: Vector3<f64>) -> Vec<Node> {
    let misses = misses_um(observations, pitch_mm);
    let node = |(i, o): (usize, &Observation)| Node {
        lines: o.lines,
        pixel: o.pixel,
        point_mm: (Vector2::from(o.lines.map(f64::from)) * pitch_mm).push(0.0) - moved_mm,
        miss_um: misses.as_ref().map_or(f64::NAN, |misses| misses[i]),
    };
    observations.iter().enumerate().map(node).collect()
}

/// Crossings where a calibration says that `camera` sees them once the tool has moved by `moved_mm` from h = 0; all that lie
/// in the picture and not beyond the calibrated volume.
pub fn predicted(calibration: &Calibration, camera: Camera, moved_mm: Vector3<f64>) -> Vec<Node> {
    let steps = steps_mm(calibration);
    let volume = &calibration.volume;
    let reach = |axis: usize| {
        let pitch = steps.column(axis).norm();
        let low = (volume.min_mm[axis] + moved_mm[axis]) / pitch;
        let high = (volume.max_mm[axis] + moved_mm[axis]) / pitch;
        // A calibration of something else than a grid may have any volume.
        low.floor().max(-300.0) as i32..=high.ceil().min(300.0) as i32
    };
    let node = |lines: [i32; 2]| {
        let point_mm = steps * Vector2::from(lines.map(f64::from)) - moved_mm;
        let answer = calibration.point_to_pixel(camera, point_mm);
        let node = Node { lines, pixel: answer.pixel, point_mm, miss_um: f64::NAN };
        answer.status.is_answered().then_some(node)
    };
    reach(0).flat_map(|v| reach(1).map(move |h| [v, h])).filter_map(node).collect()
}

/// Gives `nodes` the misses of the crossings that `pixels` show, and counts them.
pub fn compare(
    nodes: &mut [Node],
    calibration: &Calibration,
    camera: Camera,
    pixels: impl Iterator<Item = Vector2<f64>>,
) -> usize {
    // A crossing farther from its place than this, in pitches, may be another one's.
    const NEAR: f64 = 0.3;
    let model = &calibration.camera(camera).model;
    let mut found = 0;
    for pixel in pixels {
        let distance = |node: &Node| (node.pixel - pixel).norm_squared();
        let Some(node) = nodes.iter_mut().min_by(|a, b| distance(a).total_cmp(&distance(b))) else { break };
        let miss_um = miss_um(model.pixel_and_jacobian(node.point_mm).1, pixel - node.pixel);
        if miss_um < 1e3 * NEAR * calibration.pitch_mm {
            node.miss_um = miss_um;
            found += 1;
        }
    }
    found
}

/// What a miss in the picture is in the plane of the grid, µm; NaN where the camera looks along the plane.
pub fn miss_um(pixel_by_point: nalgebra::Matrix2x3<f64>, miss_px: Vector2<f64>) -> f64 {
    let in_plane = pixel_by_point.fixed_columns::<2>(0).into_owned();
    in_plane.try_inverse().map_or(f64::NAN, |inverse| 1e3 * (inverse * miss_px).norm())
}

/// Pairs of neighbours on a line, and which way the line goes: 0 along x, 1 along y.
pub fn segments(nodes: &[Node]) -> Vec<(usize, usize, usize)> {
    let places: HashMap<[i32; 2], usize> = nodes.iter().enumerate().map(|(i, node)| (node.lines, i)).collect();
    let next = |i: usize, axis: usize| {
        let mut lines = nodes[i].lines;
        lines[axis] += 1;
        places.get(&lines).map(|j| (i, *j, axis))
    };
    (0..nodes.len()).flat_map(|i| [next(i, 0), next(i, 1)]).flatten().collect()
}

/// Steps from crossing to crossing along x and along y, mm: as jogs measured them, else as stated.
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

/// Distance of each crossing from what its pixel says by the smooth functions; `None` when there are too few.
fn misses_um(observations: &[Observation], pitch_mm: f64) -> Option<Vec<f64>> {
    if observations.len() < LEAST {
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
    let misses = places - terms * solved;
    Some(misses.row_iter().map(|miss| 1e3 * miss.norm()).collect())
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
    fn a_crossing_out_of_place_is_told_by_its_neighbours() {
        let nodes = measured(&seen(0.3), 1.1, Vector3::new(0.0, 0.0, 2.0));
        let worst = nodes.iter().max_by(|a, b| a.miss_um.total_cmp(&b.miss_um)).unwrap();
        assert_eq!(worst.lines, [2, 1]);
        assert!((worst.point_mm - Vector3::new(2.2, 1.1, -2.0)).norm() < 1e-12);
        // 0.3 px of 30 px a pitch; the fit takes up a little.
        assert!((9.0..11.5).contains(&worst.miss_um), "{} µm", worst.miss_um);
        let even = measured(&seen(0.0), 1.1, Vector3::zeros());
        assert!(even.iter().all(|node| node.miss_um < 0.5));
        assert!(measured(&seen(0.0)[..20], 1.1, Vector3::zeros()).iter().all(|node| node.miss_um.is_nan()));
    }

    #[test]
    fn neighbours_are_joined_once() {
        let nodes = measured(&seen(0.0), 1.1, Vector3::zeros());
        assert_eq!(segments(&nodes).len(), 18 * 13 + 19 * 12);
    }
}
