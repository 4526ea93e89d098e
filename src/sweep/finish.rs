//! From what both cameras saw to the judged calibration: a pure function of the numbered intersections.
//!
//! ```text
//! slips taken back → bundle → models → verdict
//! ```

use crate::camera::Stereo;
use crate::mapping::bundle::{self, Bundle};
use crate::mapping::calibration::fit::{CalibrationContext, fit_calibration};
use crate::mapping::checks::record::Checks;
use crate::mapping::checks::{consistency, origins, placement, scale};
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
        pitch_mm: views.pitch_mm,
        min_phase_margin: margins.fold(f64::INFINITY, f64::min),
        usable_rms_mm: settings.usable_rms_mm,
        bundle: known.then_some(&bundle),
    };
    // Jogs measure the pitch; and what the original method sees is too uneven to judge by.
    let by_perspective = settings.method == Method::Auto && !bundle.print_measured;
    let (fitted, (placed, origins, scale)) = rayon::join(
        || fit_calibration(data.as_ref(), &context),
        || {
            let scale = by_perspective.then(|| scale::estimate(data.as_ref()));
            (placement::check(&views, &bundle), origins::check(&views, &bundle), scale)
        },
    );
    let mut calibration = fitted.map_err(|cause| SweepError::Mapping { camera: "left or right".into(), cause })?;
    let untold = match &scale {
        Some(Some(scale)) => scale.unverified(),
        Some(None) => Some("whether heights and pitch agree can't be told: measure the pitch, or add jogs".into()),
        None => None,
    };
    let mut doubts: Vec<String> = findings.doubts.iter().map(ToString::to_string).collect();
    doubts.extend(placed.doubt.map(|doubt| doubt.to_string()));
    doubts.extend(origins.doubt.map(|doubt| doubt.to_string()));
    doubts.extend(scale.flatten().and_then(|scale| scale.doubt(views.pitch_mm)).map(|doubt| doubt.to_string()));
    doubts.extend(plausibility::doubts(&pairs, &data));
    let stage = calibration.stage.iter().flat_map(|stage| stage.untold());
    let unverified = placed.unverified.into_iter().chain(origins.unverified).chain(untold).chain(stage);
    calibration.checks = Checks { repairs: findings.repairs, unverified: unverified.collect() };
    calibration.refuse(doubts);
    let pose_errors_mm = if known { bundle.pose_errors_mm() } else { Vec::new() };
    Ok(CalibrationOutcome { calibration, pairs, data, pose_errors_mm })
}
