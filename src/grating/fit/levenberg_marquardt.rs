//! Levenberg–Marquardt on cost (4) of one image, with Cauchy's loss.
//!
//! ```text
//! cost(p) = Σ s² ln(1 + r²/s²) + κ Σ c²        r: residual of a pixel, s: robust scale, κ: stiffness, c: high phase terms
//! (JᵀWJ + K + λ diag) step = JᵀWr − K p        W = 1/(1 + r²/s²), K: κ on the diagonal of the high phase terms
//! ```
//! Cauchy's loss is minimised by iteratively reweighted least squares (Holland & Welsch, Communications in Statistics A6,
//! 1977). JᵀWr is its exact gradient, up to a factor of −2. Damping is relative to the diagonal, as in Marquardt, J. SIAM
//! 11, 1963.
//!
//! One departure: the last step of a descent is not evaluated, which saves a pass over the pixels. Only a Gauss–Newton step
//! is accepted so, one that is short although hardly any damping shortened it: what it leaves over is of its square. A step
//! that damping made short is evaluated like any other.

use crate::grating::backend::Pixels;
use crate::grating::chebyshev::exponents;
use crate::grating::fit::error::FitError;
use crate::grating::parameters::GratingParameters;
use crate::grating::pixel_sums::normal_equations::{NormalEquations, Region};
use crate::least_squares::solve_equilibrated;
use nalgebra::{DMatrix, DVector};

/// Why an iteration ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Termination {
    /// The last Gauss–Newton step was short. It was taken, and its cost was not evaluated.
    ShortStep {
        /// By how much the step moved the phases, rad.
        step_rad: f64,
        /// A shorter step ends the iteration, rad.
        limit_rad: f64,
    },
    /// A short step no longer lowers the cost. It was not taken.
    Stationary {
        /// By how much the step would move the phases, rad.
        step_rad: f64,
        /// A shorter step ends the iteration, rad.
        limit_rad: f64,
    },
    /// The passes over the pixels were not enough.
    OutOfPasses {
        /// Passes over the pixels.
        passes: usize,
        /// By how much the last step tried moved the phases, rad.
        step_rad: f64,
        /// A shorter step ends the iteration, rad.
        limit_rad: f64,
    },
}

impl Termination {
    /// Whether a minimum was reached.
    pub fn is_converged(&self) -> bool {
        !matches!(self, Termination::OutOfPasses { .. })
    }
}

impl std::fmt::Display for Termination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Termination::ShortStep { step_rad, limit_rad } => {
                write!(f, "converged: the last step moved the phases by {step_rad:.4} rad, less than {limit_rad} rad")
            }
            Termination::Stationary { step_rad, limit_rad } => write!(
                f,
                "converged: a step of {step_rad:.4} rad of the phases, less than {limit_rad} rad, does not lower the cost"
            ),
            Termination::OutOfPasses { passes, step_rad, limit_rad } => write!(
                f,
                "not converged: the last of {passes} passes moved the phases by {step_rad:.4} rad, {limit_rad} rad were \
                 aimed at"
            ),
        }
    }
}

/// A shorter step of the phases ends a descent, rad: 0.06 px at a pitch of 40 px. The local measurement finds the rest.
pub(super) const STEP_LIMIT_RAD: f64 = 1e-2;
/// A longer step may lead to the next period, rad.
const MAX_UNEVALUATED_STEP_RAD: f64 = 1.0;
/// Damping at the start, relative to the diagonal.
const FIRST_DAMPING: f64 = 1e-6;
/// Damping up to here leaves a step what Gauss–Newton makes it: it shortens no well determined direction by more than this
/// share.
const UNDAMPED: f64 = 2e-5;
/// Damping falls by this factor after a step that lowered the cost, and rises by the other after one that did not.
const LESS_DAMPING: f64 = 0.1;
const MORE_DAMPING: f64 = 100.0;
/// Damping does not fall below, relative to the diagonal.
const MIN_DAMPING: f64 = 1e-9;

/// Phase terms above this degree are held back a little: in the image's corners often no line says how they run.
const STIFF_FROM_DEGREE: usize = 3;
/// How much, relative to what the image says about a constant phase. The local measurement takes away what this costs.
const STIFFNESS: f64 = 1e-3;

/// Parameters on the way to their minimum.
pub(super) struct Descent<'a> {
    pub(super) pixels: &'a mut dyn Pixels,
    pub(super) parameters: GratingParameters,
    /// Robust scale of the residuals, brightness.
    pub(super) scale: f64,
    /// Passes over pixels so far, and how many pixels all of them looked at.
    pub(super) passes: usize,
    pub(super) looked_at: usize,
}

impl<'a> Descent<'a> {
    pub(super) fn from(pixels: &'a mut dyn Pixels, parameters: GratingParameters, scale: f64) -> Self {
        Descent { pixels, parameters, scale, passes: 0, looked_at: 0 }
    }

    /// Gives all polynomials room for higher degrees.
    pub(super) fn raise(&mut self, phase_degree: usize, light_degree: usize) {
        let p = &mut self.parameters;
        p.phase_h = p.phase_h.with_degree(phase_degree);
        p.phase_v = p.phase_v.with_degree(phase_degree);
        p.gain = p.gain.with_degree(light_degree);
        p.offset = p.offset.with_degree(light_degree);
    }

    /// Descends on the pixels of `region`, at most `passes` passes, until a step moves the phases by less than `limit_rad`.
    ///
    /// Returns the normal equations of the last parameters that were evaluated.
    pub(super) fn descend(
        &mut self,
        region: Region,
        passes: usize,
        limit_rad: f64,
    ) -> Result<(NormalEquations, Termination), FitError> {
        let mut damping = FIRST_DAMPING;
        let (mut equations, stiffness) = self.first_pass(region)?;
        let mut last_step_rad = f64::INFINITY;
        for _ in 1..passes {
            let step = solve(&equations, damping).ok_or(FitError::Diverged)?;
            let step_rad = self.size_rad(&step);
            let before = self.parameters.clone();
            self.parameters.add(&step);
            if step_rad < limit_rad && damping <= UNDAMPED {
                return Ok((equations, Termination::ShortStep { step_rad, limit_rad }));
            }
            let mut next = self.pass(region)?;
            self.stiffen(&mut next, stiffness);
            last_step_rad = step_rad;
            // Equal but for rounding is no worse.
            if next.cost <= equations.cost * (1.0 + 1e-9) {
                equations = next;
                damping = (damping * LESS_DAMPING).max(MIN_DAMPING);
                continue;
            }
            self.parameters = before;
            if step_rad < limit_rad {
                return Ok((equations, Termination::Stationary { step_rad, limit_rad }));
            }
            damping *= MORE_DAMPING;
        }
        Ok((equations, Termination::OutOfPasses { passes, step_rad: last_step_rad, limit_rad }))
    }

    /// One Gauss–Newton step whose cost is not evaluated; left out where it is long.
    pub(super) fn step_unevaluated(&mut self, region: Region) -> Result<(), FitError> {
        let (equations, _) = self.first_pass(region)?;
        let step = solve(&equations, FIRST_DAMPING).filter(|step| self.size_rad(step) < MAX_UNEVALUATED_STEP_RAD);
        if let Some(step) = step {
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

    /// Adds the cost κ Σ c² of high phase terms.
    fn stiffen(&self, equations: &mut NormalEquations, stiffness: f64) {
        let phases = [&self.parameters.phase_h, &self.parameters.phase_v];
        for (half, phase) in phases.into_iter().enumerate() {
            let terms = exponents(phase.degree);
            for (n, (c, (i, j))) in phase.coefficients.iter().zip(terms).enumerate() {
                if i + j > STIFF_FROM_DEGREE {
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
}

/// (JᵀWJ + damping · diag) step = JᵀWr, equilibrated.
fn solve(equations: &NormalEquations, damping: f64) -> Option<DVector<f64>> {
    let side = DMatrix::from_column_slice(equations.jtr.len(), 1, equations.jtr.as_slice());
    Some(solve_equilibrated(equations.jtj.clone(), side, damping)?.column(0).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GrayImage;
    use crate::grating::backend::BackendError;
    use crate::grating::chebyshev::{Chebyshev2, Domain};
    use crate::grating::pixel_sums::window::{Window, WindowSums};

    /// A parabola of unit curvature about `minimum` of the constant of phase_h, that the costs of `surcharge` are added to,
    /// one a pass.
    struct Scripted {
        image: GrayImage,
        minimum: f64,
        surcharge: Vec<f64>,
        asked_at: Vec<f64>,
    }

    impl Scripted {
        fn new(minimum: f64, surcharge: &[f64]) -> Self {
            Scripted { image: GrayImage::new(64, 64), minimum, surcharge: surcharge.into(), asked_at: Vec::new() }
        }

        /// Descends from 0 and tells where it ended, why, and where costs were evaluated.
        fn descend(mut self, passes: usize) -> (f64, Termination, Vec<f64>) {
            let mut descent = self.at_zero();
            let (_, why) = descent.descend(region(), passes, LIMIT_RAD).unwrap();
            (descent.parameters.phase_h.coefficients[0], why, self.asked_at)
        }

        /// Steps once from 0, unevaluated, and tells where that ended.
        fn step_unevaluated(mut self) -> f64 {
            let mut descent = self.at_zero();
            descent.step_unevaluated(region()).unwrap();
            descent.parameters.phase_h.coefficients[0]
        }

        fn at_zero(&mut self) -> Descent<'_> {
            let domain = Domain::of_image(64, 64);
            let [phase_h, phase_v, gain, offset] = [1, 1, 0, 0].map(|degree| Chebyshev2::zero(domain, degree));
            let parameters = GratingParameters { phase_h, phase_v, gain, offset, duty: 1.0, narrowing: 0 };
            Descent::from(self, parameters, 1.0)
        }
    }

    const LIMIT_RAD: f64 = 0.1;

    fn region() -> Region {
        Region::centred(64, 64, [1.0, 1.0], 1)
    }

    impl Pixels for Scripted {
        fn image(&self) -> &GrayImage {
            &self.image
        }

        fn normal_equations(
            &mut self,
            _: Region,
            at: &GratingParameters,
            _: f64,
        ) -> Result<NormalEquations, BackendError> {
            let here = at.phase_h.coefficients[0];
            let off = self.minimum - here;
            let mut jtr = DVector::zeros(at.len());
            jtr[0] = off;
            let surcharge = self.surcharge.get(self.asked_at.len()).copied().unwrap_or_default();
            self.asked_at.push(here);
            let jtj = DMatrix::identity(at.len(), at.len());
            Ok(NormalEquations { jtj, jtr, cost: off * off + surcharge, rms: 0.0, signal_rms: 1.0, pixels: 1 })
        }

        fn remove_illumination(&mut self, _: &GratingParameters) -> Result<(), BackendError> {
            Ok(())
        }

        fn phases_along(&mut self, _: usize) -> (&[f32], [&[f32]; 2]) {
            (&[], [&[], &[]])
        }

        fn window_sums(&mut self, _: &[Window]) -> Result<Vec<WindowSums>, BackendError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn a_short_gauss_newton_step_is_taken_without_evaluating_it() {
        let (end, why, asked_at) = Scripted::new(0.05, &[]).descend(10);
        assert!(
            matches!(why, Termination::ShortStep { step_rad, limit_rad: LIMIT_RAD } if (step_rad - 0.05).abs() < 1e-6)
        );
        assert!(why.is_converged() && (end - 0.05).abs() < 1e-6);
        assert_eq!(asked_at, [0.0]);
        // A long one is evaluated; the next is short.
        let (_, why, asked_at) = Scripted::new(2.0, &[]).descend(10);
        assert!(matches!(why, Termination::ShortStep { step_rad, .. } if step_rad < 1e-5), "{why}");
        assert_eq!(asked_at.len(), 2);
    }

    /// Refused four times, damping is 100 and the step a hundredth of what it should be: short, but not near the minimum.
    #[test]
    fn a_step_that_damping_made_short_does_not_end_the_descent() {
        let refused = [0.0, 1.0, 1.0, 1.0, 1.0];
        let (end, why, asked_at) = Scripted::new(0.201, &refused).descend(20);
        assert!((asked_at[5] - 0.002).abs() < 1e-4, "{asked_at:?}");
        assert!(matches!(why, Termination::ShortStep { .. }) && (end - 0.201).abs() < 1e-6, "{end}: {why}");
        // Six more steps, until hardly any damping is left.
        assert_eq!(asked_at.len(), 12);
    }

    #[test]
    fn a_short_step_that_raises_the_cost_is_taken_back() {
        let (end, why, asked_at) = Scripted::new(0.15, &[0.0, 1.0, 1.0, 1.0, 1.0]).descend(10);
        // Damping 1 halves the step.
        assert!(
            matches!(why, Termination::Stationary { step_rad, limit_rad: LIMIT_RAD } if (step_rad - 0.075).abs() < 1e-3),
            "{why}"
        );
        assert!(why.is_converged());
        assert_eq!((end, asked_at.len()), (0.0, 5));
    }

    #[test]
    fn an_unevaluated_step_that_may_lead_to_the_next_period_is_left_out() {
        assert!((Scripted::new(0.9, &[]).step_unevaluated() - 0.9).abs() < 1e-5);
        assert_eq!(Scripted::new(1.1, &[]).step_unevaluated(), 0.0);
    }

    #[test]
    fn passes_that_do_not_reach_are_told_with_the_last_step() {
        let (_, why, asked_at) = Scripted::new(0.3, &[0.0, 1.0]).descend(2);
        assert!(
            matches!(why, Termination::OutOfPasses { passes: 2, step_rad, limit_rad: LIMIT_RAD } if (step_rad - 0.3).abs() < 1e-3),
            "{why}"
        );
        assert!(!why.is_converged());
        assert_eq!(asked_at.len(), 2);
    }
}
