//! Whether a sweep can be what its user says it is.

use crate::camera::{Camera, Stereo};
use crate::lattice::tracking::MIN_MARGIN;
use crate::mapping::checks::finding::{Check, Finding, Limit, Quantity, Severity, Unit};
use crate::mapping::dataset::CameraDataset;
use crate::statistics::falls_short;
use crate::sweep::error::SweepError;
use crate::sweep::outcome::PairReport;

/// Smaller swept ranges no such cell has: heights are in metres, mm.
const MIN_RANGE_MM: f64 = 0.2;
/// Larger swept ranges no such cell has: heights are in micrometres, mm.
const MAX_RANGE_MM: f64 = 2000.0;
/// Cells of the image, across and down.
const CELLS: [usize; 2] = [6, 4];
/// Share of them that must hold intersections: models extrapolate over the others, %.
const MIN_COVERAGE_PERCENT: f64 = 50.0;

/// Refuses heights that can't be millimetres. Costs nothing: ask before the images are fitted.
///
/// # Errors
/// [`SweepError::Range`].
pub fn swept_range(heights_mm: impl Iterator<Item = f64>) -> Result<(), SweepError> {
    let (low, high) = heights_mm.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), z| (l.min(z), h.max(z)));
    let range_mm = high - low;
    match range_mm {
        MIN_RANGE_MM..=MAX_RANGE_MM => Ok(()),
        _ => Err(SweepError::Range { range_mm, least_mm: MIN_RANGE_MM, most_mm: MAX_RANGE_MM }),
    }
}

/// Phase margins and coverage that are too small.
pub fn check(pairs: &[PairReport], data: &Stereo<CameraDataset>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for camera in Camera::BOTH {
        let margin = |pair: &&PairReport| pair.phase_margin[camera];
        let small = pairs.iter().filter(|pair| falls_short(margin(pair), MIN_MARGIN));
        let worst = small.min_by(|a, b| margin(a).total_cmp(&margin(b)));
        findings.extend(worst.map(|pair| {
            let margin = Quantity::new(margin(&pair), Unit::Pitch);
            let subject = format!("{camera} camera at {:.2} mm", pair.height_mm);
            let statement = format!("two line numberings differ by {margin} only");
            Finding::new(Check::PhaseMargin, Severity::Unusable, subject, statement, "take smaller height steps")
                .measured(margin, Limit::at_least(MIN_MARGIN))
        }));
        let share = Quantity::new(100.0 * coverage(&data[camera]), Unit::Percent);
        if falls_short(share.value, MIN_COVERAGE_PERCENT) {
            let statement = format!("intersections were seen in {share} of the image only");
            let remedy = "use a larger target, centre it, light it evenly";
            let finding =
                Finding::new(Check::Coverage, Severity::Unusable, format!("{camera} camera"), statement, remedy);
            findings.push(finding.measured(share, Limit::at_least(MIN_COVERAGE_PERCENT)));
        }
    }
    findings
}

/// Share of the image's cells that hold intersections.
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
