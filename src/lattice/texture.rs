//! How bright the paper is between the lines, cell by cell: what tells one cell from another.
//!
//! Lines look all alike, paper does not: fibres, specks and toner stay where they are while the cameras move. The shade of
//! a cell is the logarithm of its mean brightness, minus the mean of its neighbours', so that light and lens hardly count.

use crate::GrayImage;
use crate::grating::phase_field::LineNumbers;
use crate::lattice::intersections::Intersection;
use nalgebra::Vector2;
use rustc_hash::FxHashMap;

/// The bare paper of one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellShade {
    /// The cell between these lines and the next ones.
    pub lines: LineNumbers,
    /// Its middle, px.
    pub pixel: Vector2<f64>,
    /// ln brightness over that of the neighbours.
    pub shade: f64,
}

/// Samples a side, and the part of the cell that they span: away from the lines.
const SAMPLES: usize = 7;
const SPAN: [f64; 2] = [0.3, 0.7];
const MIN_NEIGHBOURS: usize = 3;

/// All cells whose four corners, and most neighbours, are among `intersections`.
pub fn cells(image: &GrayImage, intersections: &[Intersection]) -> Vec<CellShade> {
    let at: FxHashMap<LineNumbers, Vector2<f64>> = intersections.iter().map(|i| (i.lines, i.pixel)).collect();
    let shade = |i: &Intersection| {
        let corner = |h, v| at.get(&i.lines.shifted(h, v)).copied();
        let corners = [i.pixel, corner(0, 1)?, corner(1, 0)?, corner(1, 1)?];
        Some((i.lines, (corners.iter().sum::<Vector2<f64>>() / 4.0, log_mean(image, corners)?)))
    };
    let shades: FxHashMap<LineNumbers, (Vector2<f64>, f64)> = intersections.iter().filter_map(shade).collect();
    // In the order of the intersections: the same images give the same numbers.
    let against_neighbours = |i: &Intersection| {
        let (pixel, shade) = *shades.get(&i.lines)?;
        let near = [(0, 1), (0, -1), (1, 0), (-1, 0)].map(|(h, v)| shades.get(&i.lines.shifted(h, v)).map(|s| s.1));
        let count = near.iter().flatten().count();
        let mean = near.iter().flatten().sum::<f64>() / count.max(1) as f64;
        (count >= MIN_NEIGHBOURS).then_some(CellShade { lines: i.lines, pixel, shade: shade - mean })
    };
    intersections.iter().filter_map(against_neighbours).collect()
}

/// ln of the mean brightness between four corners, given row by row.
fn log_mean(image: &GrayImage, [a, b, c, d]: [Vector2<f64>; 4]) -> Option<f64> {
    let share = |n: usize| SPAN[0] + (SPAN[1] - SPAN[0]) * n as f64 / (SAMPLES - 1) as f64;
    let between = |a: Vector2<f64>, b: Vector2<f64>, share: f64| a + (b - a) * share;
    // All samples lie between the corners.
    let (first, last) = (a.inf(&b).inf(&c.inf(&d)), a.sup(&b).sup(&c.sup(&d)));
    let (width, height) = (image.width() as usize, image.height() as usize);
    if !(first.min() >= 0.0 && last.x < width as f64 - 1.0 && last.y < height as f64 - 1.0) {
        return None;
    }
    let mut sum = 0.0;
    for j in 0..SAMPLES {
        let (left, right) = (between(a, c, share(j)), between(b, d, share(j)));
        for i in 0..SAMPLES {
            let pixel = between(left, right, share(i));
            let (u, v) = (pixel.x as usize, pixel.y as usize);
            let (x, y) = (pixel.x - u as f64, pixel.y - v as f64);
            let [above, below] = [v, v + 1].map(|v| &image.as_raw()[v * width + u..][..2]);
            let along = |row: &[f32]| f64::from(row[0]) * (1.0 - x) + f64::from(row[1]) * x;
            sum += along(above) * (1.0 - y) + along(below) * y;
        }
    }
    (sum > 0.0).then(|| (sum / (SAMPLES * SAMPLES) as f64).ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Matrix2;

    #[test]
    fn a_dark_cell_stands_out_and_a_gradient_does_not() {
        let mut image = GrayImage::from_fn(200, 200, |u, v| image::Luma([0.5 + 0.001 * u as f32 - 0.0005 * v as f32]));
        for (u, v) in (81..120).flat_map(|u| (81..120).map(move |v| (u, v))) {
            image.get_pixel_mut(u, v).0[0] *= 0.9;
        }
        let intersection = |h: i32, v: i32| Intersection {
            lines: LineNumbers { h, v },
            pixel: Vector2::new(40.0 * f64::from(v), 40.0 * f64::from(h)),
            covariance_px2: Matrix2::identity(),
        };
        let all: Vec<Intersection> = (0..5).flat_map(|h| (0..5).map(move |v| intersection(h, v))).collect();
        let found = cells(&image, &all);
        let shade = |h, v| found.iter().find(|cell| cell.lines == LineNumbers { h, v }).unwrap().shade;
        assert!((shade(2, 2) - 0.9_f64.ln()).abs() < 2e-3, "{}", shade(2, 2));
        assert!(shade(1, 1).abs() < 2e-3 && (shade(1, 2) + 0.9_f64.ln() / 4.0).abs() < 0.01);
    }
}
