//! Which place of the grid some pixels see, view by view, without any model of lens or camera.
//!
//! Light is straight: while the tool rises, the place n = (n_v, −n_h) of the grid that a pixel p sees moves along a line,
//! ```text
//! n_p(h) = A_p + B_p h
//! ```
//! in h, whatever the lens does. That is what [`crate::mapping::checks::consistency`] holds line numbers and poses against. The
//! pixels asked are a raster of anchors; n at an anchor comes from a quadratic through the intersections around it.

use crate::mapping::views::Observation;
use crate::statistics::weighted_median;
use nalgebra::{Matrix3, SMatrix, SVector, Vector2, Vector3};

/// Anchors across and down the image.
const RASTER: [usize; 2] = [9, 6];
/// Intersections around an anchor that its quadratic goes through.
const NEIGHBOURS: usize = 16;
/// Terms of a quadratic in two variables.
const TERMS: usize = 6;
/// Largest variance of the quadratic at the anchor, in those of one intersection: beyond, the anchor lies at their border.
const MAX_LEVERAGE: f64 = 0.6;

/// What one anchor sees in one view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RayPoint {
    /// (n_v, −n_h) in pitches from the origin.
    pub lines: Vector2<f64>,
    /// Its change along u, pitches/px.
    pub per_u: Vector2<f64>,
}

/// What all anchors of one camera see, `[view][anchor]`; none where too few intersections lie around one.
pub type RayPoints = Vec<Vec<Option<RayPoint>>>;

/// Asks all anchors of a camera in all `views`.
pub fn ray_points(observations: &[Observation], image_size: [u32; 2], views: usize) -> RayPoints {
    let mut by_view: Vec<Vec<&Observation>> = vec![Vec::new(); views];
    for observation in observations {
        if let Some(view) = by_view.get_mut(observation.view as usize) {
            view.push(observation);
        }
    }
    let place = |n: usize, axis: usize| (n as f64 + 0.5) / RASTER[axis] as f64 * f64::from(image_size[axis]) - 0.5;
    let raster = || (0..RASTER[1]).flat_map(|j| (0..RASTER[0]).map(move |i| Vector2::new(place(i, 0), place(j, 1))));
    by_view.iter_mut().map(|view| raster().map(|anchor| ray_point(view, anchor)).collect()).collect()
}

/// The quadratic through the intersections nearest to `anchor`.
fn ray_point(view: &mut [&Observation], anchor: Vector2<f64>) -> Option<RayPoint> {
    if view.len() < NEIGHBOURS {
        return None;
    }
    let distance = |o: &&Observation| (o.pixel - anchor).norm_squared();
    view.select_nth_unstable_by(NEIGHBOURS - 1, |a, b| distance(a).total_cmp(&distance(b)));
    let near = &view[..NEIGHBOURS];
    let reach = near.iter().map(distance).fold(0.0, f64::max).sqrt().max(1e-9);
    let mut own = SMatrix::<f64, TERMS, TERMS>::zeros();
    let mut side = SMatrix::<f64, TERMS, 2>::zeros();
    for o in near {
        let [x, y] = ((o.pixel - anchor) / reach).into();
        let row = SVector::<f64, TERMS>::from([1.0, x, y, x * x, x * y, y * y]);
        own += row * row.transpose();
        side += row * Vector2::from(o.lines.map(f64::from)).transpose();
    }
    let inverse = own.cholesky()?.inverse();
    let solution = inverse * side;
    let point = RayPoint { lines: solution.row(0).transpose(), per_u: solution.row(1).transpose() / reach };
    (inverse[(0, 0)] < MAX_LEVERAGE && point.lines.iter().all(|x| x.is_finite())).then_some(point)
}

/// B_p of each anchor, pitches/mm, along the views of `order`, lowest first. It is the weighted median over all height
/// steps, so jumps between them don't count.
pub fn slopes(points: &RayPoints, order: &[usize], height_mm: impl Fn(usize) -> f64) -> Vec<Option<Vector2<f64>>> {
    let slope = |anchor: usize| {
        let step = |pair: &[usize]| {
            let rise = height_mm(pair[1]) - height_mm(pair[0]);
            let moved = points[pair[1]][anchor]?.lines - points[pair[0]][anchor]?.lines;
            (rise > 0.0).then(|| (rise, moved / rise))
        };
        let steps: Vec<(f64, Vector2<f64>)> = order.windows(2).filter_map(step).collect();
        let along = |axis: usize| weighted_median(&mut steps.iter().map(|s| (s.1[axis], s.0)).collect::<Vec<_>>());
        Some(Vector2::new(along(0)?, along(1)?))
    };
    (0..points.first().map_or(0, Vec::len)).map(slope).collect()
}

/// Where the rays n = `at` + `slope` · h come nearest to each other: (n_v, −n_h) in pitches and the height h, mm.
///
/// `None` for parallel rays.
pub fn centre(rays: impl Iterator<Item = (Vector2<f64>, Vector2<f64>)>) -> Option<Vector3<f64>> {
    let (mut own, mut side) = (Matrix3::zeros(), Vector3::zeros());
    for (at, slope) in rays {
        for axis in 0..2 {
            let mut row = Vector3::new(0.0, 0.0, -slope[axis]);
            row[axis] = 1.0;
            own += row * row.transpose();
            side += row * at[axis];
        }
    }
    // The determinant over the product of the diagonal is the squared spread of the slopes.
    let meet = own.determinant() > 1e-9 * own.diagonal().product();
    Some(own.cholesky().filter(|_| meet)?.solve(&side)).filter(|centre| centre.iter().all(|x| x.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Matrix2;

    #[test]
    fn an_anchor_reads_a_bent_grid_and_stays_silent_at_its_border() {
        let grid: Vec<Observation> = (-6..=6)
            .flat_map(|h| (-9..=9).map(move |v| [v, h]))
            .map(|lines| {
                let [x, y] = lines.map(f64::from);
                let pixel = Vector2::new(320.0 + 30.0 * x + 0.1 * x * y, 180.0 - 25.0 * y + 0.2 * x * x);
                Observation { pixel, covariance_px2: Matrix2::identity(), lines, view: 1 }
            })
            .collect();
        let all = ray_points(&grid, [640, 360], 2);
        assert!(all[0].iter().all(Option::is_none));
        let middle = all[1][3 * RASTER[0] + 4].unwrap();
        // The anchor is (319.5, 209.5): 1.18 lines below the middle.
        assert!((middle.lines - Vector2::new(-0.0163, -1.18)).norm() < 2e-3, "{middle:?}");
        assert!((middle.per_u - Vector2::new(1.0 / 30.0, 0.0)).norm() < 1e-3, "{middle:?}");
        let few: Vec<Observation> = grid.into_iter().filter(|o| o.lines[0] > 2).collect();
        assert!(ray_points(&few, [640, 360], 2)[1][3 * RASTER[0] + 4].is_none());
    }

    #[test]
    fn rays_meet_in_the_camera() {
        let camera = Vector3::new(-5.0, 2.0, -30.0);
        let ray = |slope: Vector2<f64>| (camera.xy() - slope * camera.z, slope);
        let slopes = [[0.3, 0.1], [-0.2, 0.0], [0.1, -0.4]].map(Vector2::from);
        assert!((centre(slopes.into_iter().map(ray)).unwrap() - camera).norm() < 1e-9);
        assert!(centre([slopes[0]].into_iter().map(ray)).is_none());
    }
}
