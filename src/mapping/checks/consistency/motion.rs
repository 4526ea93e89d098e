//! How the grid moved against one camera from view to view, beyond what the poses say.

use crate::mapping::checks::rays::{RayPoint, RayPoints, slopes};
use crate::mapping::views::Views;
use crate::statistics::median;
use nalgebra::{Matrix2, Matrix4, Vector2, Vector4};

/// Fewer common anchors don't tell a shift from a turn.
pub(super) const MIN_ANCHORS: usize = 6;
/// Rounds of the reweighting: more change nothing that is told.
const ROUNDS: usize = 5;
/// Rounds of the reweighting for M: least absolute deviations come slowly.
const MATRIX_ROUNDS: usize = 20;
/// Least scale of the residuals, pitches: exact data has none.
const MIN_SCALE_PITCHES: f64 = 1e-6;
/// Information about each unknown that is not measured: parallel rays don't tell a rise.
const PRIOR_INFORMATION: f64 = 1e-6;
/// Deviations below this count alike when M is found, pitches.
const MIN_DEVIATION_PITCHES: f64 = 1e-3;

/// How the grid moved against a camera, beyond what the poses say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// s, pitches, at the middle of the anchors.
    pub lines: Vector2<f64>,
    /// θ, rad.
    pub turn: f64,
    /// ζ, mm.
    pub rise_mm: f64,
    /// Distance of the farthest anchor from their middle, pitches.
    reach: f64,
}

impl Step {
    /// Whole pitches of s.
    pub fn whole(&self) -> Vector2<f64> {
        self.lines.map(f64::round)
    }

    /// What whole pitches don't explain: shift, displacement of the farthest anchor by the turn, rise; mm.
    pub fn sizes_mm(&self, pitch_mm: f64) -> [f64; 3] {
        let shift = (self.lines - self.whole()).norm();
        [shift * pitch_mm, self.turn.abs() * self.reach * pitch_mm, self.rise_mm.abs()]
    }
}

/// What one camera says about all views.
pub(super) struct Track {
    /// From each height to the next; none where too few anchors are common.
    pub heights: Vec<Option<Step>>,
    /// From the lowest height to each jog.
    pub jogs: Vec<Option<Step>>,
    /// Number of common anchors of each of the former.
    pub anchors: Vec<usize>,
    /// Whole pitches by which each view's numbers are off, against the first view.
    pub slips: Vec<[i32; 2]>,
}

impl Track {
    /// `order`: views that are no jogs, lowest first.
    pub fn of(views: &Views, points: &RayPoints, order: &[usize], jogs: &[usize]) -> Self {
        let height = |view: usize| views.moved_mm[view].z;
        let slopes = slopes(points, order, height);
        let step = |from: usize, to: usize| motion(&points[from], &points[to], height(to) - height(from), &slopes);
        let lowest = order.first().copied().unwrap_or(0);
        let mut aside: Vec<Option<Step>> = jogs.iter().map(|jog| step(lowest, *jog).1).collect();
        // Before anything is known about the print, and where no jogs are, as the user says.
        let stated = Matrix2::identity() / views.pitch_mm;
        let moved = |from: usize, to: usize| (views.moved_mm[to] - views.moved_mm[from]).xy();
        let pairs = jogs.iter().zip(&aside).filter_map(|(jog, step)| step.map(|s| (moved(lowest, *jog), s.lines)));
        let lines_from_robot = robust_matrix(&pairs.collect::<Vec<_>>()).unwrap_or(stated);
        for (jog, step) in jogs.iter().zip(&mut aside) {
            step.iter_mut().for_each(|step| step.lines -= lines_from_robot * moved(lowest, *jog));
        }
        let (anchors, heights): (Vec<usize>, Vec<Option<Step>>) = order
            .windows(2)
            .map(|pair| {
                let (anchors, mut step) = step(pair[0], pair[1]);
                step.iter_mut().for_each(|step| step.lines -= lines_from_robot * moved(pair[0], pair[1]));
                (anchors, step)
            })
            .unzip();
        let mut slips = vec![[0; 2]; views.moved_mm.len()];
        let whole = |step: &Option<Step>| step.map_or([0; 2], |step| step.whole().map(|x| x as i32).into());
        let plus = |a: [i32; 2], b: [i32; 2]| [a[0] + b[0], a[1] + b[1]];
        for (pair, step) in order.windows(2).zip(&heights) {
            slips[pair[1]] = plus(slips[pair[0]], whole(step));
        }
        for (jog, step) in jogs.iter().zip(&aside) {
            slips[*jog] = plus(slips[lowest], whole(step));
        }
        let first = slips.first().copied().unwrap_or_default();
        slips.iter_mut().for_each(|slip| *slip = [slip[0] - first[0], slip[1] - first[1]]);
        Track { heights, jogs: aside, anchors, slips }
    }
}

/// Least squares for s, θ and ζ with far anchors counting less; and the number of common anchors.
fn motion(
    from: &[Option<RayPoint>],
    to: &[Option<RayPoint>],
    rise_mm: f64,
    slopes: &[Option<Vector2<f64>>],
) -> (usize, Option<Step>) {
    let seen = from.iter().zip(to).zip(slopes).filter_map(|((from, to), slope)| Some(((*from)?, (*to)?, (*slope)?)));
    let common: Vec<(Vector2<f64>, Vector2<f64>, Vector2<f64>)> =
        seen.map(|(a, b, slope)| (a.lines, slope, b.lines - a.lines - slope * rise_mm)).collect();
    let count = common.len();
    if count < MIN_ANCHORS {
        return (count, None);
    }
    let mean = |value: &dyn Fn(usize) -> Vector2<f64>| (0..count).map(value).sum::<Vector2<f64>>() / count as f64;
    let (middle, slope) = (mean(&|i| common[i].0), mean(&|i| common[i].1));
    let rows = |at: &Vector2<f64>, by: &Vector2<f64>| {
        let (at, by) = (at - middle, by - slope);
        [Vector4::new(1.0, 0.0, -at.y, by.x), Vector4::new(0.0, 1.0, at.x, by.y)]
    };
    let along = |axis: usize| median(&mut common.iter().map(|c| c.2[axis]).collect::<Vec<_>>()).unwrap_or(0.0);
    let mut found = Vector4::new(along(0), along(1), 0.0, 0.0);
    for _ in 0..ROUNDS {
        let residuals: Vec<Vector2<f64>> = common
            .iter()
            .map(|(at, by, moved)| moved - Vector2::from(rows(at, by).map(|row| row.dot(&found))))
            .collect();
        let usual = median(&mut residuals.iter().map(|r| r.norm()).collect::<Vec<_>>());
        let scale = 2.0 * usual.unwrap_or(0.0) + MIN_SCALE_PITCHES;
        let (mut own, mut side) = (Matrix4::identity() * PRIOR_INFORMATION, Vector4::zeros());
        for ((at, by, moved), residual) in common.iter().zip(&residuals) {
            let weight = 1.0 / (1.0 + residual.norm_squared() / (scale * scale));
            for (row, moved) in rows(at, by).iter().zip(moved.iter()) {
                own += weight * row * row.transpose();
                side += weight * *moved * row;
            }
        }
        let Some(solution) = own.cholesky().map(|own| own.solve(&side)) else { return (count, None) };
        found = solution;
    }
    let reach = common.iter().map(|(at, ..)| (at - middle).norm()).fold(0.0, f64::max);
    (count, Some(Step { lines: found.xy(), turn: found.z, rise_mm: found.w, reach }))
}

/// M with seen = M moved, least absolute deviations by reweighting; `None` unless the motions span both axes.
fn robust_matrix(pairs: &[(Vector2<f64>, Vector2<f64>)]) -> Option<Matrix2<f64>> {
    let mut weights = vec![1.0; pairs.len()];
    let mut matrix = Matrix2::zeros();
    for _ in 0..MATRIX_ROUNDS {
        let (mut both, mut own) = (Matrix2::zeros(), Matrix2::zeros());
        for ((moved, seen), weight) in pairs.iter().zip(&weights) {
            both += seen * moved.transpose() * *weight;
            own += moved * moved.transpose() * *weight;
        }
        matrix = both * own.try_inverse()?;
        for ((moved, seen), weight) in pairs.iter().zip(&mut weights) {
            *weight = 1.0 / (seen - matrix * moved).norm().max(MIN_DEVIATION_PITCHES);
        }
    }
    Some(matrix)
}
