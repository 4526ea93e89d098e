//! Steps between views that neither whole pitches nor the usual explain, with who moved.

use crate::camera::{Camera, Stereo};
use crate::mapping::checks::consistency::motion::Step;
use crate::mapping::checks::finding::{Check, Finding, Limit, Quantity, Severity, Unit};

/// Jumps up to this are a robot's repeatability, mm …
const REPEATABILITY_MM: f64 = 0.020;
/// … or up to so many times what is usual from height to height.
const USUAL_FACTOR: f64 = 8.0;
/// A jump that the other camera saw by this share at least, both saw.
const SHARED_SHARE: f64 = 0.5;
/// Medians of the lengths of a 2-D and of two 1-D normal deviates (shift, turn, rise), in standard deviations.
const MEDIANS: [f64; 3] = [1.1774, 0.6745, 0.6745];
/// The sizes that are compared.
const KINDS: [&str; 3] = ["shift", "displacement of the farthest place by the turn", "rise"];

/// Findings about `steps` beyond the bound; `place` says between which views a step lies.
pub(super) fn jumps(steps: Stereo<&[Option<Step>]>, pitch_mm: f64, place: impl Fn(usize) -> String) -> Vec<Finding> {
    let sizes = steps.map(|steps| {
        let sizes = steps.iter().map(|step| step.map_or([0.0; 3], |step| step.sizes_mm(pitch_mm)));
        sizes.collect::<Vec<[f64; 3]>>()
    });
    let bounds_mm = sizes.as_ref().map(|sizes| [0, 1, 2].map(|kind| bound_mm(sizes, kind)));
    let mut findings = Vec::new();
    for i in 0..sizes.left.len() {
        let excess = |camera: Camera, kind: usize| sizes[camera][i][kind] / bounds_mm[camera][kind];
        let worst = Camera::BOTH.into_iter().flat_map(|camera| (0..3).map(move |kind| (camera, kind)));
        let Some((camera, kind)) = worst.max_by(|a, b| excess(a.0, a.1).total_cmp(&excess(b.0, b.1))) else { continue };
        let Some(step) = steps[camera][i].filter(|_| excess(camera, kind) > 1.0) else { continue };
        let other = if camera == Camera::Left { Camera::Right } else { Camera::Left };
        let by_both = sizes[other][i][kind] > SHARED_SHARE * sizes[camera][i][kind];
        let (who, remedy) = match (by_both, camera) {
            (true, _) => (
                "the target moved against the tool, as both cameras saw,",
                "was the target bumped, or is the measured pose wrong there? Fix the target and sweep again",
            ),
            (false, Camera::Left) => ("the left camera moved on its mount", "fix the camera and sweep again"),
            (false, Camera::Right) => ("the right camera moved on its mount", "fix the camera and sweep again"),
        };
        let shift = 1e3 * pitch_mm * (step.lines - step.whole());
        let size = Quantity::new(1e3 * sizes[camera][i][kind], Unit::Micrometre);
        let statement = format!(
            "{who} by ({:.1}, {:.1}, {:.1}) µm along x, y, z and {:.3}° about z, {} {size}",
            shift.x,
            shift.y,
            1e3 * step.rise_mm,
            step.turn.to_degrees(),
            KINDS[kind]
        );
        let limit = Limit::at_most(1e3 * bounds_mm[camera][kind]);
        let finding = Finding::new(Check::StraightRays, Severity::Unusable, place(i), statement, remedy);
        findings.push(finding.measured(size, limit));
    }
    findings
}

/// Largest size of a `kind` that is accepted, mm.
fn bound_mm(sizes: &[[f64; 3]], kind: usize) -> f64 {
    let mut known: Vec<f64> = sizes.iter().map(|size| size[kind]).filter(|size| *size > 0.0).collect();
    known.sort_by(f64::total_cmp);
    // The lower median: of four steps two may belong to one bad view.
    let usual = known.get(known.len().saturating_sub(1) / 2).map_or(0.0, |median| median / MEDIANS[kind]);
    REPEATABILITY_MM.max(USUAL_FACTOR * usual)
}
