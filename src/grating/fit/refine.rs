//! The default fit of one image: from nothing, or from the fits of the images before.
//!
//! Cold start: the spectrum gives linear phases at the image centre. The fitted region grows from there to the whole
//! image while the degree of the phase polynomials rises. No phase is thus guessed by more than a fraction of a period.
//! Warm start: a few passes over the whole image.

use crate::GrayImage;
use crate::grating::backend::Pixels;
use crate::grating::backend::cpu::CpuPixels;
use crate::grating::chebyshev::{Chebyshev2, Domain};
use crate::grating::fit::error::FitError;
use crate::grating::fit::levenberg_marquardt::{Descent, STEP_LIMIT_RAD, Termination};
use crate::grating::fit::spectrum::{self, Carriers};
use crate::grating::model::ORIGINAL_DUTY;
use crate::grating::parameters::{GratingParameters, MAX_NARROWING};
use crate::grating::pixel_sums::normal_equations::{NormalEquations, Region};
use crate::statistics::exceeds;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// How an image is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitOptions {
    /// Degree of the phase polynomials, 2 … 12. The local measurement finds what a low one leaves over; a high one waves
    /// where lines are few, and at the border.
    pub phase_degree: usize,
    /// Degree of the gain and offset polynomials, 0 … 6.
    pub light_degree: usize,
    /// Every n-th pixel along u and v is used; the intersections are measured on all of them afterwards.
    pub stride: usize,
    /// Residual over signal above which the image is not believed to show the grid.
    pub max_residual: f64,
}

impl Default for FitOptions {
    fn default() -> Self {
        FitOptions { phase_degree: 7, light_degree: 4, stride: 3, max_residual: 0.75 }
    }
}

/// The gratings of one image.
#[derive(Clone, Debug)]
pub struct GratingFit {
    /// Phases, light and duty cycle.
    pub parameters: GratingParameters,
    /// RMS residual at the last parameters that were evaluated, brightness (0 … 1 of full scale).
    pub rms: f64,
    /// That residual over the RMS of what the gratings explain. Not only noise: Eq. (3) is not the shape of a thin line.
    pub residual: f64,
    /// Robust scale of the residuals, brightness; a warm start goes on with it.
    pub scale: f64,
    /// Passes over the pixels.
    pub passes: usize,
    /// Pixels that all passes together looked at.
    pub looked_at: usize,
    /// Why the last descent ended.
    pub termination: Termination,
}

/// A shorter step of the phases ends a warm fit, rad. Where phases begin near by, what is left after such a step is of its
/// square.
const NEAR_STEP_LIMIT_RAD: f64 = 3e-2;
/// Pixels looked at along a period, at least.
const MIN_PIXELS_A_PERIOD: f64 = 6.0;
/// A full cold fit, or one stage of it, takes at most so many passes.
const COLD_PASSES: usize = 10;

/// What earlier images of the same sweep say about the next one.
#[derive(Clone, Copy, Debug)]
pub struct Warm<'a> {
    /// The fit of the image before.
    pub last: &'a GratingFit,
    /// The fit before `last`, and how far the tool moves now as a multiple of how far it moved between the two.
    pub before: Option<(&'a GratingFit, f64)>,
}

/// A fit that leaves this much more unexplained than the one before is tried again from farther off.
const MAX_RESIDUAL_RATIO: f64 = 1.1;

/// Fits an image, starting from earlier fits where that works, else from nothing.
///
/// # Errors
/// [`FitError`].
pub fn fit(pixels: &mut dyn Pixels, warm: Option<Warm>, options: &FitOptions) -> Result<GratingFit, FitError> {
    let Some(warm) = warm else { return fit_cold_on(pixels, options) };
    let good = |fit: &Result<GratingFit, FitError>| {
        fit.as_ref().is_ok_and(|fit| fit.residual <= MAX_RESIDUAL_RATIO * warm.last.residual)
    };
    let near = fit_warm_on(pixels, &warm, options);
    if good(&near) || matches!(near, Err(FitError::Device(_))) {
        return near;
    }
    // Something moved, or the image got worse: the best of all starts decides.
    better(near, fit_cold_on(pixels, options))
}

/// A few passes over the whole image: from the extrapolated phases, or with broad lines first where there are none.
///
/// # Errors
/// [`FitError`] when the image is not explained from there.
pub fn fit_warm(image: &GrayImage, warm: &Warm, options: &FitOptions) -> Result<GratingFit, FitError> {
    fit_warm_on(&mut CpuPixels::new(image), warm, options)
}

/// As [`fit_warm`], on the device that holds the image.
///
/// # Errors
/// [`FitError`].
pub fn fit_warm_on(pixels: &mut dyn Pixels, warm: &Warm, options: &FitOptions) -> Result<GratingFit, FitError> {
    let last = warm.last;
    let (width, height) = pixels.image().dimensions();
    if last.parameters.phase_h.domain != Domain::of_image(width, height) {
        return Err(FitError::OtherSize { width, height });
    }
    let mut descent = Descent::from(pixels, last.parameters.clone(), last.scale);
    let region = Region::centred(width as usize, height as usize, [1.0, 1.0], options.stride);
    match warm.before {
        Some((before, ratio)) => {
            extrapolate(&mut descent.parameters, &before.parameters, ratio);
            // A quarter of the pixels says where to, all of them where exactly.
            let max_stride = period_px(&descent.parameters) / MIN_PIXELS_A_PERIOD;
            let stride = (2 * options.stride).min(max_stride as usize);
            if stride > options.stride {
                descent.step_unevaluated(Region::centred(width as usize, height as usize, [1.0, 1.0], stride))?;
            }
        }
        None => {
            // The motion may be as much as a line's width: broad lines pull from half a pitch away.
            descent.parameters.narrowing = 0;
            descent.scale *= 4.0;
            descent.descend(region, 4, STEP_LIMIT_RAD)?;
            let GratingParameters { phase_h, phase_v, .. } = descent.parameters;
            descent.parameters = GratingParameters { phase_h, phase_v, ..last.parameters.clone() };
            descent.scale = last.scale;
        }
    }
    let (equations, termination) = descent.descend(region, 3, NEAR_STEP_LIMIT_RAD)?;
    accept(descent, &equations, termination, options)
}

/// The shorter of both gratings' periods in the image's middle.
fn period_px(parameters: &GratingParameters) -> f64 {
    let period = |phase: &Chebyshev2| TAU / phase.value_and_gradient(phase.domain.centre.into()).1.norm();
    period(&parameters.phase_h).min(period(&parameters.phase_v))
}

/// Moves the phases on by `ratio` times their change since `before`.
fn extrapolate(parameters: &mut GratingParameters, before: &GratingParameters, ratio: f64) {
    for (now, then) in [(&mut parameters.phase_h, &before.phase_h), (&mut parameters.phase_v, &before.phase_v)] {
        for (n, (c, earlier)) in now.coefficients.iter_mut().zip(&then.coefficients).enumerate() {
            let mut change = *c - earlier;
            if n == 0 {
                // A fit from nothing knows the constant up to whole periods only.
                change -= TAU * (change / TAU).round();
            }
            *c += ratio * change;
        }
    }
}

/// From nothing but the image, at least 64×64 px.
///
/// ```
/// use grating_calibration::GrayImage;
/// use grating_calibration::grating::fit::refine::{FitOptions, fit_cold};
/// use grating_calibration::grating::phase_field::PhaseField;
/// use nalgebra::Vector2;
/// use std::f64::consts::TAU;
///
/// // Dark lines 20 px apart along u and 25 px apart along v, the first at u = 7 and v = 4.
/// let line = |at: f64, first: f64, period: f64| (0.5 - 0.5 * (TAU * (at - first) / period).cos()).sqrt();
/// let brightness = |u: u32, v: u32| 0.2 + 0.6 * line(u.into(), 7.0, 20.0) * line(v.into(), 4.0, 25.0);
/// let image = GrayImage::from_fn(320, 240, |u, v| image::Luma([brightness(u, v) as f32]));
///
/// let fit = fit_cold(&image, &FitOptions::default())?;
/// assert!(fit.termination.is_converged(), "{}", fit.termination);
/// // Lines are where a phase is 3π/2 + 2πn: these two cross at (167, 129).
/// let phases = fit.parameters.phases(Vector2::new(167.0, 129.0));
/// let from_line_px = phases.map(|phase| (phase / TAU - 0.75 + 0.5).rem_euclid(1.0) - 0.5).component_mul(&Vector2::new(25.0, 20.0));
/// assert!(from_line_px.norm() < 0.1, "{from_line_px} px");
/// # Ok::<(), grating_calibration::grating::fit::error::FitError>(())
/// ```
///
/// # Errors
/// [`FitError`].
pub fn fit_cold(image: &GrayImage, options: &FitOptions) -> Result<GratingFit, FitError> {
    fit_cold_on(&mut CpuPixels::new(image), options)
}

/// As [`fit_cold`], on the device that holds the image.
///
/// # Errors
/// [`FitError`].
pub fn fit_cold_on(pixels: &mut dyn Pixels, options: &FitOptions) -> Result<GratingFit, FitError> {
    let (width, height) = pixels.image().dimensions();
    if width < 64 || height < 64 {
        return Err(FitError::TooSmall { width, height });
    }
    let fits = spectrum::hypotheses(pixels.image()).into_iter().map(|carriers| grow(pixels, options, &carriers));
    fits.reduce(better).unwrap_or(Err(FitError::NoGrating))
}

/// The one that leaves less unexplained.
fn better(a: Result<GratingFit, FitError>, b: Result<GratingFit, FitError>) -> Result<GratingFit, FitError> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok(if a.residual <= b.residual { a } else { b }),
        // A lost device says nothing about the image.
        (Err(FitError::Device(lost)), _) | (_, Err(FitError::Device(lost))) => Err(FitError::Device(lost)),
        (a, b) => b.or(a),
    }
}

/// From linear phases in the middle to the whole image.
fn grow(pixels: &mut dyn Pixels, options: &FitOptions, carriers: &Carriers) -> Result<GratingFit, FitError> {
    let (width, height) = pixels.image().dimensions();
    let domain = Domain::of_image(width, height);
    let (phase_h, phase_v) = carriers.phases(domain);
    let period = TAU / carriers.gradient_h.norm().min(carriers.gradient_v.norm());
    let (mean, deviation) = centre_statistics(pixels.image(), 3.0 * period);
    // Over whole periods Eq. (3) has mean 2.9 and standard deviation 1.6.
    let gain = deviation.max(1e-4) / 1.6;
    let constant = |value: f64| Chebyshev2::linear(domain, carriers.centre, value, Default::default()).with_degree(0);
    let parameters = GratingParameters {
        phase_h,
        phase_v,
        gain: constant(gain),
        offset: constant(mean - 2.9 * gain),
        duty: f64::from(ORIGINAL_DUTY),
        narrowing: 0,
    };
    let mut descent = Descent::from(pixels, parameters, 3.0 * deviation.max(1e-3));
    let half = [0.5 * f64::from(width), 0.5 * f64::from(height)];
    let farthest = half[0].max(half[1]);
    let mut reach = (2.0 * period).min(farthest);
    loop {
        let share = [(reach / half[0]).min(1.0), (reach / half[1]).min(1.0)];
        let whole = reach >= farthest;
        let (phase_degree, light_degree) = match reach / farthest {
            r if r < 0.3 => (1, 0),
            r if r < 0.45 => (2, 0),
            r if r < 0.65 => (3, 2),
            r if r < 0.99 => (5, 2),
            _ => (7.min(options.phase_degree), 2),
        };
        descent.raise(phase_degree.min(options.phase_degree), light_degree.min(options.light_degree));
        let pixels = 4.0 * share[0] * half[0] * share[1] * half[1];
        let stride = ((pixels / 40_000.0).sqrt() as usize).clamp(1, (period / 8.0).max(1.0) as usize);
        let region = Region::centred(width as usize, height as usize, share, stride);
        let (equations, _) = descent.descend(region, 8, STEP_LIMIT_RAD)?;
        descent.scale = (2.5 * equations.rms).max(1e-4);
        if whole {
            break;
        }
        reach = (1.25 * reach).min(farthest);
    }
    let region = Region::centred(width as usize, height as usize, [1.0, 1.0], options.stride);
    // While lines are still broad: what bent behind glare or a shadow is pulled straight now or never.
    descent.raise(options.phase_degree, options.light_degree);
    let (mut equations, _) = descent.descend(region, COLD_PASSES, STEP_LIMIT_RAD)?;
    // Broad lines pull from afar; now that the phases are right, narrow them while that explains the image better.
    for narrowing in 1..=MAX_NARROWING {
        let before = (descent.parameters.clone(), descent.scale);
        descent.parameters.narrowing = narrowing;
        let (next, _) = descent.descend(region, 6, STEP_LIMIT_RAD)?;
        if next.rms >= equations.rms {
            (descent.parameters, descent.scale) = before;
            break;
        }
        descent.scale = (2.5 * next.rms).max(1e-4);
        equations = next;
    }
    let (equations, termination) = descent.descend(region, COLD_PASSES, STEP_LIMIT_RAD)?;
    accept(descent, &equations, termination, options)
}

/// Mean and standard deviation of the pixels within `reach` px of the centre.
fn centre_statistics(image: &GrayImage, reach: f64) -> (f64, f64) {
    let (cu, cv) = (image.width() as usize / 2, image.height() as usize / 2);
    let reach = reach.max(8.0) as usize;
    let (mut sum, mut sum2, mut n) = (0.0, 0.0, 0.0);
    for v in cv.saturating_sub(reach)..(cv + reach).min(image.height() as usize) {
        for u in cu.saturating_sub(reach)..(cu + reach).min(image.width() as usize) {
            let value = f64::from(image.as_raw()[v * image.width() as usize + u]);
            sum += value;
            sum2 += value * value;
            n += 1.0;
        }
    }
    let mean = sum / n;
    (mean, (sum2 / n - mean * mean).max(0.0).sqrt())
}

/// The fit, if it explains the image.
fn accept(
    descent: Descent,
    equations: &NormalEquations,
    termination: Termination,
    options: &FitOptions,
) -> Result<GratingFit, FitError> {
    let residual = equations.rms / equations.signal_rms.max(1e-9);
    if exceeds(residual, options.max_residual) {
        return Err(FitError::Unexplained { residual, limit: options.max_residual });
    }
    let Descent { parameters, scale, passes, looked_at, .. } = descent;
    Ok(GratingFit { parameters, rms: equations.rms, residual, scale, passes, looked_at, termination })
}
