//! From what both cameras saw to the calibration with its verdict: a pure function of the numbered intersections.
//!
//! ```text
//! slips taken back → bundle → models → verdict
//! ```

use crate::camera::Stereo;
use crate::mapping::bundle::Bundle;
use crate::mapping::calibration::fit::{CalibrationContext, fit_calibration};
use crate::mapping::checks::{consistency, origins, placement, scale, unobservable};
use crate::mapping::method::Method;
use crate::mapping::views::Views;
use crate::sweep::error::{MIN_PAIRS, SweepError};
use crate::sweep::outcome::{CalibrationOutcome, PairReport};
use crate::sweep::plausibility;
use crate::sweep::settings::CalibrationSettings;

/// Fits the mapping models and judges them.
///
/// # Errors
/// [`SweepError`] when there is too little data, or the heights can't be millimetres.
pub fn calibrate_views(
    mut views: Views,
    pairs: Vec<PairReport>,
    settings: &CalibrationSettings,
) -> Result<CalibrationOutcome, SweepError> {
    let straight =
        || views.moved_mm.iter().zip(&views.is_jog).filter(|(_, is_jog)| !**is_jog).map(|(moved, _)| moved.z);
    if straight().count() < MIN_PAIRS {
        return Err(SweepError::TooFew { pairs: straight().count() });
    }
    plausibility::swept_range(straight())?;
    let line_numbers = consistency::repair_line_numbers(&mut views);
    let solved = match settings.method {
        Method::Auto => Bundle::solve(&views),
        Method::Original => None,
    };
    // What does not determine the poses may still determine a model, or say why not.
    let known = solved.is_some();
    let bundle = solved.unwrap_or_else(|| Bundle::nominal(&views));
    let data = Stereo::from_fn(|camera| bundle.dataset(&views, camera));
    let margins = pairs.iter().flat_map(|r| [r.phase_margin.left, r.phase_margin.right]);
    let context = CalibrationContext {
        method: settings.method,
        pitch_mm: views.pitch_mm,
        min_phase_margin: margins.fold(f64::INFINITY, f64::min),
        usable_rms_mm: settings.usable_rms_mm,
        bundle: known.then_some(&bundle),
    };
    // Jogs measure the pitch; and what the original method sees is too uneven to judge by.
    let by_perspective = settings.method == Method::Auto && !bundle.print_measured;
    let (fitted, placement_origins_scale) = rayon::join(
        || fit_calibration(data.as_ref(), &context),
        || {
            let scale = if by_perspective { scale::check(data.as_ref(), views.pitch_mm) } else { None };
            [placement::check(&views, &bundle), origins::check(&views, &bundle), scale]
        },
    );
    let mut calibration = fitted.map_err(|cause| SweepError::Mapping { camera: "left or right".into(), cause })?;
    let stage = calibration.stage.iter().flat_map(unobservable::check);
    let mut findings = line_numbers;
    findings.extend(placement_origins_scale.into_iter().flatten());
    findings.extend(plausibility::check(&pairs, &data));
    findings.extend(stage);
    calibration.add_findings(findings);
    let pose_errors_mm = if known { bundle.pose_errors_mm() } else { Vec::new() };
    Ok(CalibrationOutcome { calibration, pairs, data, pose_errors_mm })
}
