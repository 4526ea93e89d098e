//! From what both cameras saw to the judged calibration: a pure function of the numbered intersections.
//!
//! ```text
//! slips taken back → bundle → models → verdict
//! ```

use crate::camera::Stereo;
use crate::mapping::bundle::{self, Bundle, Views};
use crate::mapping::calibration::{CalibrationContext, Checks, fit_calibration};
use crate::mapping::{consistency, placement};
use crate::sweep::plausibility;
use crate::sweep::session::{CalibrationOutcome, CalibrationSettings, MIN_PAIRS, Method, PairReport, SweepError};

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
    let findings = consistency::put_right(&mut views);
    let solved = match settings.method {
        Method::Auto => bundle::solve(&views),
        Method::Original => None,
    };
    // What does not determine the poses may still determine a model, or say why not.
    let known = solved.is_some();
    let bundle = solved.unwrap_or_else(|| Bundle::nominal(&views));
    let data = Stereo::from_fn(|camera| bundle.dataset(&views, camera));
    let margins = pairs.iter().flat_map(|r| [r.phase_margin.left, r.phase_margin.right]);
    let context = CalibrationContext {
        method: settings.method,
        pitch_mm: settings.pitch_mm,
        min_phase_margin: margins.fold(f64::INFINITY, f64::min),
        usable_rms_mm: settings.usable_rms_mm,
        bundle: known.then_some(&bundle),
    };
    let mut calibration = fit_calibration(data.as_ref(), &context)
        .map_err(|cause| SweepError::Mapping { camera: "left or right".into(), cause })?;
    let placed = placement::check(&views, &bundle);
    calibration.checks = Checks { repairs: findings.repairs, unverified: placed.unverified };
    let doubts = findings.doubts.iter().map(ToString::to_string);
    let doubts = doubts.chain(placed.doubt.map(|doubt| doubt.to_string()));
    calibration.refuse(doubts.chain(plausibility::doubts(&pairs, &data)).collect());
    Ok(CalibrationOutcome { calibration, pairs, data })
}
