//! Levenberg–Marquardt on cost (4): from nothing, or from a solution near by.
//!
//! Cold start: the spectrum gives linear phases at the image centre; the region that is fitted then grows from there to
//! the whole image while the degree of the phase polynomials rises, so that no phase is ever guessed by more than a
//! fraction of a period. Warm start: a few passes over the whole image.

use crate::GrayImage;
use crate::grating::backend::cpu::CpuPixels;
use crate::grating::backend::{BackendError, Pixels};
use crate::grating::chebyshev::{Chebyshev2, Domain, exponents};
use crate::grating::fit::spectrum::{self, Carriers};
use crate::grating::model::ORIGINAL_DUTY;
use crate::grating::parameters::{GratingParameters, MAX_NARROWING};
use crate::grating::pixel_sums::normal_equations::{NormalEquations, Region};
use crate::least_squares::solve_equilibrated;
use crate::statistics::exceeds;
use nalgebra::{DMatrix, DVector};
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

/// Why the iteration ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stopped {
    /// The last step moved the phases by `step_rad`, less than `limit_rad`.
    Converged { step_rad: f64, limit_rad: f64 },
    /// No step lowers the cost any more.
    Stationary,
    /// `passes` passes were not enough; the last step moved the phases by `step_rad`.
    OutOfPasses { passes: usize, step_rad: f64 },
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stopped::Converged { step_rad, limit_rad } => {
                write!(f, "converged: the last step moved the phases by {step_rad:.4} rad, less than {limit_rad} rad")
            }
            Stopped::Stationary => f.write_str("converged: no step lowers the cost any more"),
            Stopped::OutOfPasses { passes, step_rad } => {
                write!(f, "not converged: the last of {passes} passes moved the phases by {step_rad:.4} rad")
            }
        }
    }
}

/// The gratings of one image.
#[derive(Clone, Debug)]
pub struct GratingFit {
    pub parameters: GratingParameters,
    /// RMS residual, brightness (0 … 1 of full scale).
    pub rms: f64,
    /// RMS residual over the RMS of what the gratings explain. Not only noise: Eq. (3) is not the shape of a thin line.
    pub residual: f64,
    /// Robust scale of the residuals, brightness; a warm start goes on with it.
    pub scale: f64,
    /// Passes over the pixels, and how many pixels all of them looked at.
    pub passes: usize,
    pub looked_at: usize,
    pub stopped: Stopped,
}

/// Why an image gave no gratings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    #[error("the image is {width}×{height} px, at least 64×64 are needed")]
    TooSmall { width: u32, height: u32 },
    #[error("no two crossing sets of lines stand out in the image: is the grid in view, lit and in focus?")]
    NoGrating,
    #[error(
        "the image is {width}×{height} px, unlike the one before: restart the sweep or fix the camera's resolution"
    )]
    OtherSize { width: u32, height: u32 },
    #[error(
        "the fitted grid leaves {residual:.2} of the signal unexplained, at most {limit:.2} is accepted: is the grid in \
         view over the whole image, without strong reflections, in focus?"
    )]
    Unexplained { residual: f64, limit: f64 },
    #[error(transparent)]
    Device(#[from] BackendError),
    #[error("the fit diverged (the normal equations have no solution): is the grid in view over the whole image?")]
    Diverged,
}

/// A step of the phases that is shorter is the last, rad: 0.06 px at a pitch of 40 px. The local measurement finds the rest.
const STEP_LIMIT_RAD: f64 = 1e-2;
/// The same where the phases begin near by: what is left after such a step is of its square.
const NEAR_STEP_LIMIT_RAD: f64 = 3e-2;

/// Phases that a step moves by less stay far from the next period, rad.
const SHORT_STEP_RAD: f64 = 1.0;
/// Levenberg's damping relative to the diagonal, to begin with.
const FIRST_DAMPING: f64 = 1e-6;
/// Pixels looked at along a period, at least.
const COARSEST: f64 = 6.0;

/// Phase terms above this degree are held back a little.
const STIFF_FROM: usize = 3;
/// How much, relative to what the image says about a constant phase. The local measurement takes away what this costs.
const STIFFNESS: f64 = 1e-3;

/// What earlier images of the same sweep say about the next one.
#[derive(Clone, Copy, Debug)]
pub struct Warm<'a> {
    pub last: &'a GratingFit,
    /// The fit before `last`, and how far the tool moves now as a multiple of how far it moved between the two.
    pub before: Option<(&'a GratingFit, f64)>,
}

/// A fit that leaves this much more unexplained than the one before is tried again from farther off.
const WORSE: f64 = 1.1;

/// Fits an image, starting from earlier fits where that works, else from nothing.
///
/// # Errors
/// [`FitError`].
pub fn fit(pixels: &mut dyn Pixels, warm: Option<Warm>, options: &FitOptions) -> Result<GratingFit, FitError> {
    let Some(warm) = warm else { return fit_cold_on(pixels, options) };
    let good =
        |fit: &Result<GratingFit, FitError>| fit.as_ref().is_ok_and(|fit| fit.residual <= WORSE * warm.last.residual);
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
    let mut search = Search { pixels, parameters: last.parameters.clone(), scale: last.scale, passes: 0, looked_at: 0 };
    let region = Region::centred(width as usize, height as usize, [1.0, 1.0], options.stride);
    match warm.before {
        Some((before, ratio)) => {
            extrapolate(&mut search.parameters, &before.parameters, ratio);
            // A quarter of the pixels says where to, all of them where exactly.
            let most = period_px(&search.parameters) / COARSEST;
            let stride = (2 * options.stride).min(most as usize);
            if stride > options.stride {
                search.step(Region::centred(width as usize, height as usize, [1.0, 1.0], stride))?;
            }
        }
        None => {
            // The motion may be as much as a line's width: broad lines pull from half a pitch away.
            search.parameters.narrowing = 0;
            search.scale *= 4.0;
            search.descend(region, 4)?;
            let phases = (search.parameters.phase_h.clone(), search.parameters.phase_v.clone());
            search.parameters = last.parameters.clone();
            (search.parameters.phase_h, search.parameters.phase_v) = phases;
            search.scale = last.scale;
        }
    }
    let (equations, stopped) = search.descend_to(region, 3, NEAR_STEP_LIMIT_RAD)?;
    search.judged(&equations, stopped, options)
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

/// From nothing but the image.
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
    let mut search = Search {
        pixels,
        parameters: GratingParameters {
            phase_h,
            phase_v,
            gain: constant(gain),
            offset: constant(mean - 2.9 * gain),
            duty: f64::from(ORIGINAL_DUTY),
            narrowing: 0,
        },
        scale: 3.0 * deviation.max(1e-3),
        passes: 0,
        looked_at: 0,
    };
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
        search.raise(phase_degree.min(options.phase_degree), light_degree.min(options.light_degree));
        let pixels = 4.0 * share[0] * half[0] * share[1] * half[1];
        let stride = ((pixels / 40_000.0).sqrt() as usize).clamp(1, (period / 8.0).max(1.0) as usize);
        let region = Region::centred(width as usize, height as usize, share, stride);
        let (equations, _) = search.descend(region, 8)?;
        search.scale = (2.5 * equations.rms).max(1e-4);
        if whole {
            break;
        }
        reach = (1.25 * reach).min(farthest);
    }
    let region = Region::centred(width as usize, height as usize, [1.0, 1.0], options.stride);
    // While lines are still broad: what bent behind glare or a shadow is pulled straight now or never.
    search.raise(options.phase_degree, options.light_degree);
    let (mut equations, _) = search.descend(region, 10)?;
    // Broad lines pull from afar; now that the phases are right, narrow them while that explains the image better.
    for narrowing in 1..=MAX_NARROWING {
        let before = (search.parameters.clone(), search.scale);
        search.parameters.narrowing = narrowing;
        let (next, _) = search.descend(region, 6)?;
        if next.rms >= equations.rms {
            (search.parameters, search.scale) = before;
            break;
        }
        search.scale = (2.5 * next.rms).max(1e-4);
        equations = next;
    }
    let (equations, stopped) = search.descend(region, 10)?;
    search.judged(&equations, stopped, options)
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

struct Search<'a> {
    pixels: &'a mut dyn Pixels,
    parameters: GratingParameters,
    /// Robust scale, brightness.
    scale: f64,
    passes: usize,
    looked_at: usize,
}

impl Search<'_> {
    fn raise(&mut self, phase_degree: usize, light_degree: usize) {
        let p = &mut self.parameters;
        p.phase_h = p.phase_h.with_degree(phase_degree);
        p.phase_v = p.phase_v.with_degree(phase_degree);
        p.gain = p.gain.with_degree(light_degree);
        p.offset = p.offset.with_degree(light_degree);
    }

    /// Levenberg–Marquardt on the pixels of `region`, at most `passes` passes.
    fn descend(&mut self, region: Region, passes: usize) -> Result<(NormalEquations, Stopped), FitError> {
        self.descend_to(region, passes, STEP_LIMIT_RAD)
    }

    /// As [`Self::descend`], until a step is shorter than `limit_rad`.
    fn descend_to(
        &mut self,
        region: Region,
        passes: usize,
        limit_rad: f64,
    ) -> Result<(NormalEquations, Stopped), FitError> {
        let mut damping = FIRST_DAMPING;
        let (mut equations, stiffness) = self.first_pass(region)?;
        let mut last_step = f64::INFINITY;
        for _ in 1..passes {
            let step = solve(&equations, damping).ok_or(FitError::Diverged)?;
            let step_rad = self.size_rad(&step);
            let before = self.parameters.clone();
            self.parameters.add(&step);
            if step_rad < limit_rad {
                return Ok((equations, Stopped::Converged { step_rad, limit_rad }));
            }
            let mut next = self.pass(region)?;
            self.stiffen(&mut next, stiffness);
            if next.cost <= equations.cost * (1.0 + 1e-9) {
                equations = next;
                damping = (damping * 0.1).max(1e-9);
                last_step = step_rad;
            } else {
                self.parameters = before;
                damping *= 100.0;
                if damping > 1e4 {
                    return Ok((equations, Stopped::Stationary));
                }
            }
        }
        Ok((equations, Stopped::OutOfPasses { passes, step_rad: last_step }))
    }

    /// One step that nothing judges, and that is therefore only taken if it is short.
    fn step(&mut self, region: Region) -> Result<(), FitError> {
        let (equations, _) = self.first_pass(region)?;
        if let Some(step) = solve(&equations, FIRST_DAMPING).filter(|step| self.size_rad(step) < SHORT_STEP_RAD) {
            self.parameters.add(&step);
        }
        Ok(())
    }

    /// By how much a step changes the phases, rad.
    fn size_rad(&self, step: &DVector<f64>) -> f64 {
        step.rows(0, 2 * self.parameters.phase_h.coefficients.len()).norm()
    }

    /// A pass, and how stiff phases are from here on.
    fn first_pass(&mut self, region: Region) -> Result<(NormalEquations, f64), FitError> {
        let mut equations = self.pass(region)?;
        let stiffness = STIFFNESS * equations.jtj[(0, 0)];
        self.stiffen(&mut equations, stiffness);
        Ok((equations, stiffness))
    }

    /// Adds the cost of bent phases, for where no line says how they run: mostly in the image's corners.
    fn stiffen(&self, equations: &mut NormalEquations, stiffness: f64) {
        let phases = [&self.parameters.phase_h, &self.parameters.phase_v];
        for (half, phase) in phases.into_iter().enumerate() {
            let terms = exponents(phase.degree);
            for (n, (c, (i, j))) in phase.coefficients.iter().zip(terms).enumerate() {
                if i + j > STIFF_FROM {
                    let at = half * phase.coefficients.len() + n;
                    equations.jtj[(at, at)] += stiffness;
                    equations.jtr[at] -= stiffness * c;
                    equations.cost += stiffness * c * c;
                }
            }
        }
    }

    fn pass(&mut self, region: Region) -> Result<NormalEquations, FitError> {
        self.passes += 1;
        let equations = self.pixels.normal_equations(region, &self.parameters, self.scale)?;
        self.looked_at += equations.pixels;
        if equations.cost.is_finite() { Ok(equations) } else { Err(FitError::Diverged) }
    }

    fn judged(
        self,
        equations: &NormalEquations,
        stopped: Stopped,
        options: &FitOptions,
    ) -> Result<GratingFit, FitError> {
        let residual = equations.rms / equations.signal_rms.max(1e-9);
        if exceeds(residual, options.max_residual) {
            return Err(FitError::Unexplained { residual, limit: options.max_residual });
        }
        let Search { parameters, scale, passes, looked_at, .. } = self;
        Ok(GratingFit { parameters, rms: equations.rms, residual, scale, passes, looked_at, stopped })
    }
}

/// (JᵀJ + damping · diag) step = Jᵀr, equilibrated.
fn solve(equations: &NormalEquations, damping: f64) -> Option<DVector<f64>> {
    let side = DMatrix::from_column_slice(equations.jtr.len(), 1, equations.jtr.as_slice());
    Some(solve_equilibrated(equations.jtj.clone(), side, damping)?.column(0).into_owned())
}
