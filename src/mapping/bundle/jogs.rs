//! Axes and numbering of the print against the robot's axes, from the jogs.

use crate::mapping::bundle::Bundle;
use crate::mapping::models::CameraModel;
use crate::mapping::models::central::Central;
use crate::mapping::views::{Observation, Views};
use nalgebra::{Matrix2, Matrix3, Vector3};
use std::collections::BTreeMap;

/// Steps to where a jog's tool seems to be: each squares the error, which is some pitches at first.
const NEWTON_STEPS: usize = 4;

/// How far the lines of one camera seem to move, in its own numbering and the stated pitch, when the robot jogs:
/// M in seen = M moved. `None` unless the jogs span both axes.
pub(super) fn lines_from_robot(
    views: &Views,
    observations: &[Observation],
    camera: &Central,
    bundle: &Bundle,
) -> Option<Matrix2<f64>> {
    let height = |view: u32| Vector3::new(0.0, 0.0, views.moved_mm[view as usize].z);
    let mut seen_mm: BTreeMap<u32, Vector3<f64>> = BTreeMap::new();
    // Newton's method for where the tool of each jog seems to be.
    for _ in 0..NEWTON_STEPS {
        let mut sums: BTreeMap<u32, (Matrix3<f64>, Vector3<f64>)> = BTreeMap::new();
        for o in observations.iter().filter(|o| views.is_jog[o.view as usize]) {
            let at = *seen_mm.entry(o.view).or_insert_with(|| height(o.view));
            let (pixel, slope) = camera.pixel_and_jacobian(bundle.print.point_in_lines_mm(o.lines) - at);
            let entry = sums.entry(o.view).or_default();
            entry.0 += slope.transpose() * slope;
            entry.1 -= slope.transpose() * (o.pixel - pixel);
        }
        for (view, (own, side)) in sums {
            *seen_mm.entry(view).or_default() += own.cholesky()?.solve(&side);
        }
    }
    let (mut both, mut own) = (Matrix2::zeros(), Matrix2::zeros());
    for (view, seen) in &seen_mm {
        let moved = views.moved_mm[*view as usize];
        both += seen.xy() * moved.xy().transpose();
        own += moved.xy() * moved.xy().transpose();
    }
    Some(both * own.try_inverse()?)
}

/// The quarter turn or mirroring after which the lines count along the robot's axes.
pub(super) fn nearest_turn(lines_from_robot: &Matrix2<f64>) -> Matrix2<i32> {
    let straight = [[1, 1], [1, -1], [-1, 1], [-1, -1]];
    let turns = straight.into_iter().flat_map(|[a, b]| [Matrix2::new(a, 0, 0, b), Matrix2::new(0, a, b, 0)]);
    let likeness = |turn: &Matrix2<i32>| (turn.map(f64::from) * lines_from_robot).trace();
    turns.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_else(Matrix2::identity)
}
