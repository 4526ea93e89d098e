//! Where the search for a pair's point begins: on rays that are looked up, so that one step of it is enough.
//!
//! Light is straight, so what a pixel sees is a line, (x, y) = a + b z in the tool frame. Both a and b are smooth in the
//! pixel. They are worked out once at the nodes of a grid over the image and interpolated by cubics. Models whose rays
//! bend (polynomials) begin a little farther off. Where the model has no ray there is no start either, and the search
//! begins in the middle.

use crate::mapping::inverse::invert::pixel_to_plane;
use crate::mapping::models::registry::Model;
use crate::mapping::volume::Volume;
use nalgebra::{Matrix2, Vector2, Vector3};
use std::sync::OnceLock;

/// Nodes across and down the image.
const NODES: [usize; 2] = [33, 25];
/// Nodes of a cubic.
const CUBIC: usize = 4;

/// The rays of one camera.
#[derive(Clone, Debug)]
struct Rays {
    /// Nodes per pixel, across and down; the first lies in the middle of the first pixel.
    per_px: [f64; 2],
    /// a and b, [a_x, a_y, b_x, b_y] in mm and mm/mm, row by row; NaN where there is none.
    nodes: Vec<[f64; 4]>,
}

impl Rays {
    fn of(model: &Model, volume: &Volume, image_size: [u32; 2]) -> Self {
        let last = |axis: usize| f64::from(image_size[axis].max(2) - 1);
        let per_px = [0, 1].map(|axis| (NODES[axis] - 1) as f64 / last(axis));
        let [low, high] = [volume.min_mm[2], volume.max_mm[2]];
        let ray = |pixel: Vector2<f64>| {
            let at = |z| pixel_to_plane(model, volume, pixel, z, |_| Matrix2::zeros()).map(|found| found.point_mm.xy());
            let (below, above) = (at(low)?, at(high)?);
            let slope = (above - below) / (high - low);
            let through = below - slope * low;
            Some([through.x, through.y, slope.x, slope.y])
        };
        let places = (0..NODES[1]).flat_map(|j| (0..NODES[0]).map(move |i| [i, j]));
        let pixels = places.map(|place| Vector2::from_fn(|axis, _| place[axis] as f64 / per_px[axis]));
        Rays { per_px, nodes: pixels.map(|pixel| ray(pixel).unwrap_or([f64::NAN; 4])).collect() }
    }

    /// a and b.
    fn at(&self, pixel: Vector2<f64>) -> [Vector2<f64>; 2] {
        let [(column, across), (row, down)] = [0, 1].map(|axis| cubic(pixel[axis] * self.per_px[axis], NODES[axis]));
        let mut sum = [0.0; 4];
        for (j, down) in down.iter().enumerate() {
            let from = (row + j) * NODES[0] + column;
            for (node, across) in self.nodes[from..from + CUBIC].iter().zip(across) {
                let weight = across * down;
                sum.iter_mut().zip(node).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        let [through_x, through_y, slope_x, slope_y] = sum;
        [Vector2::new(through_x, through_y), Vector2::new(slope_x, slope_y)]
    }
}

/// The first of the four nodes nearest to `place`, counted in nodes, and Lagrange's weights of theirs.
fn cubic(place: f64, nodes: usize) -> (usize, [f64; CUBIC]) {
    let first = (place.max(0.0) as usize).saturating_sub(1).min(nodes - CUBIC);
    let t = place - first as f64;
    let (a, b, c) = (t - 1.0, t - 2.0, t - 3.0);
    (first, [a * b * c / -6.0, t * b * c / 2.0, t * a * c / -2.0, t * a * b / 6.0])
}

/// The rays of both cameras.
#[derive(Clone, Debug)]
pub struct Starts {
    rays: [Rays; 2],
}

impl Starts {
    /// Of the left and the right model; `image_size` in the same order, px.
    pub fn of(models: [&Model; 2], volume: &Volume, image_size: [[u32; 2]; 2]) -> Self {
        Starts { rays: [0, 1].map(|camera| Rays::of(models[camera], volume, image_size[camera])) }
    }

    /// Half way between the rays where they come nearest to each other; `None` where there are none, or parallel ones.
    pub fn at(&self, pixels: [Vector2<f64>; 2]) -> Option<Vector3<f64>> {
        let [left, right] = [0, 1].map(|camera| self.rays[camera].at(pixels[camera]));
        let [apart, drifting] = [0, 1].map(|i| right[i] - left[i]);
        let z = -apart.dot(&drifting) / drifting.norm_squared();
        let place = 0.5 * (left[0] + right[0] + (left[1] + right[1]) * z);
        let point = place.push(z);
        point.iter().all(|x| x.is_finite()).then_some(point)
    }
}

/// Starts that are worked out when they are asked for first. They follow from what they are stored beside, so two of them
/// count as equal. A copy, whose models may be changed, begins anew.
#[derive(Debug, Default)]
pub struct Cached(OnceLock<Starts>);

impl Cached {
    /// The starts, made by `make` unless they are there.
    pub fn get_or_init(&self, make: impl FnOnce() -> Starts) -> &Starts {
        self.0.get_or_init(make)
    }
}

impl Clone for Cached {
    fn clone(&self) -> Self {
        Cached::default()
    }
}

impl PartialEq for Cached {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cubics_follow_cubics_inside_and_at_the_border() {
        let curve = |t: f64| 0.3 - t * (0.2 - t * (0.05 - 0.004 * t));
        for place in [-0.4, 0.0, 0.3, 4.0, 4.99, 8.7, 9.0, 9.3] {
            let (first, weights) = cubic(place, 10);
            let value: f64 = weights.iter().enumerate().map(|(i, weight)| weight * curve((first + i) as f64)).sum();
            assert!((value - curve(place)).abs() < 1e-13, "{place}");
        }
    }
}
