//! Whether a sweep can be what its user says it is.

use crate::camera::{Camera, Stereo};
use crate::lattice::tracking::MIN_MARGIN;
use crate::mapping::dataset::CameraDataset;
use crate::statistics::falls_short;
use crate::sweep::error::SweepError;
use crate::sweep::outcome::PairReport;

/// Swept ranges that no such cell has: heights are in other units, mm.
const LEAST_RANGE_MM: f64 = 0.2;
const MOST_RANGE_MM: f64 = 2000.0;
/// Cells of the image, across and down, and the share of them that must hold crossings.
const CELLS: [usize; 2] = [6, 4];
const LEAST_COVERAGE: f64 = 0.5;

/// What speaks against using a result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Doubt {
    /// The line numbers of a pair were hardly certain.
    #[error(
        "{camera} camera: at {height_mm:.2} mm two line numberings differ by {margin:.2} pitches only, at least {MIN_MARGIN} \
         is demanded: take smaller height steps"
    )]
    Margin {
        /// The camera.
        camera: Camera,
        /// Its height, mm.
        height_mm: f64,
        /// Margin of the phase tracking, pitches.
        margin: f64,
    },
    /// Much of an image never showed the grid.
    #[error(
        "{camera} camera: crossings were seen in {:.0} % of the image only, at least {:.0} % are demanded: use a larger \
         target, centre it, light it evenly", 100.0 * .share, 100.0 * LEAST_COVERAGE
    )]
    Coverage {
        /// The camera.
        camera: Camera,
        /// Share of the image that did.
        share: f64,
    },
}

/// Refuses heights that can't be millimetres. Costs nothing: ask before the images are fitted.
///
/// # Errors
/// [`SweepError::Range`].
pub fn swept_range(heights_mm: impl Iterator<Item = f64>) -> Result<(), SweepError> {
    let (low, high) = heights_mm.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), z| (l.min(z), h.max(z)));
    let range_mm = high - low;
    match range_mm {
        LEAST_RANGE_MM..=MOST_RANGE_MM => Ok(()),
        _ => Err(SweepError::Range { range_mm, least_mm: LEAST_RANGE_MM, most_mm: MOST_RANGE_MM }),
    }
}

/// Phase margins and coverage that are too small.
pub fn doubts(pairs: &[PairReport], data: &Stereo<CameraDataset>) -> Vec<String> {
    let mut doubts = Vec::new();
    for camera in Camera::BOTH {
        let margin = |pair: &&PairReport| pair.phase_margin[camera];
        let worst = pairs
            .iter()
            .filter(|pair| falls_short(margin(pair), MIN_MARGIN))
            .min_by(|a, b| margin(a).total_cmp(&margin(b)));
        doubts.extend(
            worst.map(|pair| Doubt::Margin { camera, height_mm: pair.height_mm, margin: margin(&pair) }.to_string()),
        );
        let share = coverage(&data[camera]);
        if falls_short(share, LEAST_COVERAGE) {
            doubts.push(Doubt::Coverage { camera, share }.to_string());
        }
    }
    doubts
}

/// Share of the image's cells that hold crossings.
fn coverage(data: &CameraDataset) -> f64 {
    let mut seen = [false; CELLS[0] * CELLS[1]];
    for point in &data.correspondences {
        let cell = |axis: usize| {
            let share = (point.pixel[axis] + 0.5) / f64::from(data.image_size[axis]);
            (share.clamp(0.0, 0.999) * CELLS[axis] as f64) as usize
        };
        seen[cell(0) + CELLS[0] * cell(1)] = true;
    }
    seen.iter().filter(|seen| **seen).count() as f64 / seen.len() as f64
}
