//! The mean brightness across the lines of an image, tile by tile.
//!
//! Pixels of a tile are sorted by the phase of one grating, away from the other's lines, and averaged. Noise averages
//! out, and light that falls off across the image is about the same for all phases of a tile. What is left is the profile
//! of a printed line as lens and focus show it.

use crate::GrayImage;
use crate::grating::parameters::GratingParameters;
use crate::grating::phase_field::PhaseField;
use crate::statistics::{median, spread};
use nalgebra::Vector2;
use std::f64::consts::{PI, TAU};

/// What lines look like; medians over the tiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineLook {
    /// Brightness between the lines minus that of their middle.
    pub contrast: f64,
    /// Contrast over the steepest slope, as a share of the pitch: of the less sharp of both gratings. A sine, beyond which
    /// no blur can go, has 1/π.
    pub edge: f64,
    /// Standard deviation of a pixel's noise.
    pub noise: f64,
}

/// Tiles across and down.
const TILES: [usize; 2] = [6, 4];
/// Parts of a period that brightness is averaged over.
const BINS: usize = 24;
/// Fewest pixels in a part that say something.
const MIN_BIN_PIXELS: u32 = 8;
/// Nearer to a line than this it is felt, farther than that nothing is, rad.
const FELT_RAD: f64 = 1.5;
const PAPER_RAD: f64 = 2.3;
/// Columns, and about as many rows per height, that are looked at.
const COLUMNS: usize = 640;

#[derive(Clone, Copy, Default)]
struct Bin {
    sum: f64,
    count: u32,
}

/// `None` where no tile shows whole profiles of both gratings.
pub fn look(image: &GrayImage, fit: &GratingParameters) -> Option<LineLook> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels = image.as_raw();
    let every = width.div_ceil(COLUMNS).max(1);
    let mut tiles = vec![[[Bin::default(); BINS]; 2]; TILES[0] * TILES[1]];
    let mut bends = Vec::new();
    for v in (0..height).step_by(every) {
        // One column more each row: whole columns may be all of one phase.
        for u in (v / every % every..width).step_by(every) {
            let at = v * width + u;
            let phases = fit.phases(Vector2::new(u as f64, v as f64));
            let turns = phases.map(|phase| ((phase - 1.5 * PI) / TAU).rem_euclid(1.0));
            let from_line = turns.map(|turn| TAU * turn.min(1.0 - turn));
            let tile = &mut tiles[u * TILES[0] / width + TILES[0] * (v * TILES[1] / height)];
            for axis in 0..2 {
                if from_line[1 - axis] > FELT_RAD && turns[axis].is_finite() {
                    let bin = &mut tile[axis][((turns[axis] * BINS as f64) as usize).min(BINS - 1)];
                    bin.sum += f64::from(pixels[at]);
                    bin.count += 1;
                }
            }
            if from_line.min() > PAPER_RAD && u >= 2 && u + 2 < width {
                let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|i| f64::from(pixels[at + i - 2]));
                bends.push(a - 4.0 * b + 6.0 * c - 4.0 * d + e);
            }
        }
    }
    let shapes: Vec<[f64; 2]> = tiles.iter().filter_map(of_tile).collect();
    let middle = |part: usize| median(&mut shapes.iter().map(|shape| shape[part]).collect::<Vec<_>>());
    // The fourth difference of white noise has √70 its σ.
    Some(LineLook { contrast: middle(0)?, edge: middle(1)?, noise: spread(bends.into_iter()) / 70_f64.sqrt() })
}

/// Contrast and edge of a tile's profiles.
fn of_tile(tile: &[[Bin; BINS]; 2]) -> Option<[f64; 2]> {
    let of = |bins: &[Bin; BINS]| {
        if bins.iter().any(|bin| bin.count < MIN_BIN_PIXELS) {
            return None;
        }
        let level = |i: usize| bins[i % BINS].sum / f64::from(bins[i % BINS].count);
        let (dark, bright) = (0..BINS).map(level).fold((f64::INFINITY, 0.0), |(d, b), x| (x.min(d), x.max(b)));
        let rise = |i: usize| (level(i + 1) - level(i + BINS - 1)).abs();
        let steepest = (0..BINS).map(rise).fold(0.0, f64::max) * BINS as f64 / 2.0;
        Some([bright - dark, (bright - dark) / steepest])
    };
    let [h, v] = [of(&tile[0])?, of(&tile[1])?];
    Some([h[0].min(v[0]), h[1].max(v[1])])
}
