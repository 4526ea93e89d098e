//! Each intersection measured in its own surroundings, around the fitted phases.
//!
//! The global fit says where every line is to within a fraction of the pitch; the image says where exactly. For line h
//! through the intersection, ψ = phase − (3π/2 + 2πn) and y is the image freed of gain and offset. x = ψ_h/s runs across
//! the line, b = ψ_v/l along it, and J = |∂(phase_h, phase_v)/∂(u, v)|. Sums run over |x|, |b| < 1:
//! ```text
//! S(c) = Σ J q(x − c/s) W(b) y,    q(x) = x (1 − 3x²) (1 − x²)²,    W(b) = (1 − b²)²
//! ```
//! q is odd: S vanishes where the window's centre c is the centre of a symmetric line, whatever its profile. ∫ x q = 0: a
//! gradient of light (glare, a shadow's edge) does not count. q ends with slope 0. Newton's step needs no model of the
//! line either: dS/dc = −Σ J q'(x) W y / s. From y its mean, weighted by J B W with B(x) = 1 − x², is taken first, for
//! what pixels leave of q's oddness. Likewise v with the roles exchanged. Neither window reaches a neighbouring line;
//! near the image's border they shrink until they fit.
//!
//! White noise of standard deviation σ in y gives c the variance σ² Σ(JqW)² / (dS/dc)². What else disturbs a line (ragged
//! ink, dust) shows in T = Σ J q(x) V(b) y with V(b) = W(b) (1 − 12.16 b² + 20.22 b⁴). Over 0.13 < |b| < 1 the other line
//! does not cover this one. There ∫ V = ∫ V b² = 0, so neither an offset nor a slope nor a bend counts. T's spread over
//! the image scales all variances; where T is far beyond it the intersection is dropped.

mod neighbours;
mod noise;
mod window;

use crate::GrayImage;
use crate::grating::backend::cpu::CpuPixels;
use crate::grating::backend::{BackendError, Pixels};
use crate::grating::parameters::GratingParameters;
use crate::grating::phase_field::{LineNumbers, PhaseField};
use crate::grating::pixel_sums::window::{Window, WindowSums};
use crate::lattice::intersections::{Intersection, in_image};
use crate::statistics::exceeds;
use nalgebra::{Matrix2, Vector2};
use noise::Noise;
use window::{CLIPPED, clipped, lines};

/// A line this far from the fit may be its neighbour, rad.
const MAX_OFFSET_RAD: f64 = 2.0;
/// Newton steps shorter than this need no further one, rad: the next error is of third order.
const STEP_LIMIT_RAD: f64 = 0.03;
const MAX_STEPS: usize = 6;
/// Standard deviation that stays when all noise is averaged out: pixel response, rounding, px.
const FLOOR_PX: f64 = 0.001;
/// Share of clipped pixels in a window that makes lines lopsided.
const MAX_CLIPPED_SHARE: f64 = 0.02;

/// One of the two lines through an intersection, measured.
#[derive(Clone, Copy)]
struct LineOffset {
    /// Line in the image minus line of the fit, rad of its phase.
    offset_rad: f64,
    variance_rad2: f64,
    /// Depth times width of the line.
    strength: f64,
    /// T in standard deviations of white noise.
    unevenness: f64,
    /// Half the window's length along the line, rad.
    reach_rad: f64,
}

struct Measured {
    lines: LineNumbers,
    /// Where the fit has it.
    fitted_px: Vector2<f64>,
    /// (∂(phase_h, phase_v)/∂(u, v))⁻¹ where it was found.
    inverse: Matrix2<f64>,
    /// Of h and v.
    offsets: [LineOffset; 2],
}

/// All intersections whose surroundings are in the image, measured. Those that disagree with their neighbours, or are
/// covered by something, are dropped.
pub fn measure(image: &GrayImage, fit: &GratingParameters) -> Vec<Intersection> {
    // The CPU has no device to lose.
    measure_on(&mut CpuPixels::new(image), fit).unwrap_or_default()
}

/// As [`measure`], on the device that holds the image.
///
/// # Errors
/// [`BackendError`] of that device.
pub fn measure_on(pixels: &mut dyn Pixels, fit: &GratingParameters) -> Result<Vec<Intersection>, BackendError> {
    let (width, height) = pixels.image().dimensions();
    pixels.remove_illumination(fit)?;
    let noise = Noise::of(pixels);
    // Most images are nowhere clipped: their windows need not be looked through.
    let may_be_clipped =
        pixels.image().as_raw().chunks(256).any(|part| part.iter().fold(0.0, |a, b| b.max(a)) >= CLIPPED);
    let approach = |(lines, fitted_px)| Approach::new(lines, fitted_px, fit);
    let mut approaches: Vec<Approach> = in_image(fit, width, height).into_iter().map(approach).collect();
    let mut found = Vec::new();
    // All at once, step by step: a device likes many windows.
    for _ in 0..MAX_STEPS {
        let look = |a: Approach| a.look([width, height], fit);
        let (looking, windows): (Vec<Look>, Vec<Window>) = approaches.into_iter().filter_map(look).unzip();
        let sums = pixels.window_sums(&windows)?;
        approaches = Vec::new();
        for ((look, window), sums) in looking.into_iter().zip(&windows).zip(&sums) {
            match look.stepped(fit, window, sums, noise, may_be_clipped.then(|| pixels.image())) {
                Some(Step::Farther(next)) => approaches.push(next),
                Some(Step::There(measured)) => found.push(measured),
                None => {}
            }
        }
    }
    found.sort_by_key(|measured| measured.lines);
    Ok(neighbours::reconciled(found, width, height).iter().map(Measured::intersection).collect())
}

impl Measured {
    fn intersection(&self) -> Intersection {
        let [h, v] = self.offsets;
        let spread = Matrix2::from_diagonal(&Vector2::new(h.variance_rad2, v.variance_rad2));
        Intersection {
            lines: self.lines,
            pixel: self.fitted_px + self.inverse * Vector2::new(h.offset_rad, v.offset_rad),
            covariance_px2: self.inverse * spread * self.inverse.transpose()
                + Matrix2::identity() * (FLOOR_PX * FLOOR_PX),
        }
    }
}

/// An intersection on the way to where the image has it.
#[derive(Clone, Copy)]
struct Approach {
    lines: LineNumbers,
    /// Where the fit has it.
    fitted_px: Vector2<f64>,
    pixel: Vector2<f64>,
    /// How far its lines' phases are from the fit's there, rad.
    offset: Vector2<f64>,
    /// ∇J / J, 1/px.
    area_slope: [f32; 2],
}

/// An approach with the fit where it stands now.
struct Look {
    approach: Approach,
    phases: Vector2<f64>,
    inverse: Matrix2<f64>,
}

enum Step {
    Farther(Approach),
    There(Measured),
}

impl Approach {
    fn new(lines: LineNumbers, fitted_px: Vector2<f64>, fit: &GratingParameters) -> Self {
        let area_slope = window::area_slope(fit, fitted_px);
        Approach { lines, fitted_px, pixel: fitted_px, offset: Vector2::zeros(), area_slope }
    }

    /// Where to look next. `None` where no window fits into the image.
    fn look(self, size: [u32; 2], fit: &GratingParameters) -> Option<(Look, Window)> {
        let (phases, jacobian) = fit.phases_and_jacobian(self.pixel);
        let inverse = jacobian.try_inverse()?;
        let wanted = self.lines.phases() + self.offset;
        let window = window::around(size, self.pixel, wanted, [jacobian, inverse], self.area_slope)?;
        Some((Look { approach: self, phases, inverse }, window))
    }
}

impl Look {
    /// Newton's step. `None` where the image does not show this intersection, or is clipped there.
    fn stepped(
        self,
        fit: &GratingParameters,
        window: &Window,
        sums: &WindowSums,
        noise: Noise,
        clipped_image: Option<&GrayImage>,
    ) -> Option<Step> {
        let Look { mut approach, phases, inverse } = self;
        let (gain, base) = (fit.gain.value(approach.fitted_px).max(1e-6), fit.offset.value(approach.fitted_px));
        let noise = noise.of_level(gain, base);
        let sums = lines(sums);
        let line = |axis: usize| {
            let sums = &sums[axis];
            let mean = sums.mean;
            let [per_along, per_across] = [window.per_along[axis], window.per_across[axis]].map(f64::from);
            let slope = (sums.even_level - mean * sums.even) * per_across;
            let variance = (noise.dark * sums.square + noise.shot * sums.square_level).max(1e-12);
            let uneven = sums.uneven_level - mean * sums.uneven;
            // Dark lines: the even sum is negative.
            (slope < 0.0).then(|| LineOffset {
                offset_rad: (sums.odd_level - mean * sums.odd) / slope,
                variance_rad2: variance / (slope * slope),
                strength: -slope * per_along / (per_across * per_across),
                unevenness: uneven / (variance * sums.uneven_square / sums.square).sqrt(),
                reach_rad: 1.0 / per_along,
            })
        };
        let [h, v] = [line(0)?, line(1)?];
        let step = Vector2::new(h.offset_rad, v.offset_rad);
        // Far from the line's centre Newton's step is a direction only.
        approach.offset += step.map(|x| x.clamp(-0.5, 0.5));
        if exceeds(approach.offset.amax(), MAX_OFFSET_RAD) {
            return None;
        }
        // Newton on the phases: the fit is not linear over a large offset.
        let found = approach.pixel + inverse * (approach.lines.phases() + approach.offset - phases);
        if step.amax() >= STEP_LIMIT_RAD {
            return Some(Step::Farther(Approach { pixel: found, ..approach }));
        }
        if clipped_image.is_some_and(|image| clipped(image, window) > MAX_CLIPPED_SHARE) {
            return None;
        }
        let offset = approach.offset;
        let offsets = [LineOffset { offset_rad: offset.x, ..h }, LineOffset { offset_rad: offset.y, ..v }];
        Some(Step::There(Measured { lines: approach.lines, fitted_px: found - inverse * offset, inverse, offsets }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step along one phase moves the pixel by that phase's column of the inverse: so does its noise.
    #[test]
    fn the_covariance_lies_along_the_lines_that_are_uncertain() {
        let line = |offset_rad: f64, variance_rad2: f64| LineOffset {
            offset_rad,
            variance_rad2,
            strength: 1.0,
            unevenness: 0.0,
            reach_rad: 1.0,
        };
        let measured = |offset_rad: f64, variance_rad2: f64| Measured {
            lines: LineNumbers { h: 0, v: 0 },
            fitted_px: Vector2::new(100.0, 50.0),
            inverse: Matrix2::new(1.0, -0.4, 2.5, 3.0),
            offsets: [line(offset_rad, variance_rad2), line(0.0, 0.0)],
        };
        let moved = measured(0.1, 0.0).intersection().pixel - measured(0.0, 0.0).intersection().pixel;
        let covariance = measured(0.0, 0.01).intersection().covariance_px2;
        let floor = Matrix2::identity() * (FLOOR_PX * FLOOR_PX);
        assert!((covariance - floor - moved * moved.transpose()).norm() < 1e-12, "{covariance}");
    }
}
