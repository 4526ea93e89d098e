//! Each intersection measured in its own surroundings, around the fitted phases.
//!
//! The global fit says where every line is to within a fraction of the pitch; the image says where exactly. For line h
//! through the intersection, with ψ = phase − (3π/2 + 2πn), y the image freed of gain and offset, x = ψ_h/s across the
//! line, b = ψ_v/l along it, J = |∂(phase_h, phase_v)/∂(u, v)| and the sums over |x|, |b| < 1:
//! ```text
//! S(c) = Σ J q(x − c/s) W(b) y,    q(x) = x (1 − 3x²) (1 − x²)²,    W(b) = (1 − b²)²
//! ```
//! q is odd, so that S vanishes where the window's centre c is the centre of a symmetric line, whatever its profile;
//! ∫ x q = 0, so that a gradient of light (glare, a shadow's edge) does not count; and q ends with slope 0. Newton's step
//! needs no model of the line either: dS/dc = −Σ J q'(x) W y / s. Likewise v with the roles exchanged. Neither window
//! reaches a neighbouring line; near the image's border they shrink until they fit.
//!
//! White noise of standard deviation σ in y gives c the variance σ² Σ(JqW)² / (dS/dc)². What else disturbs a line (ragged
//! ink, dust) shows in T = Σ J q(x) V(b) y with V(b) = W(b) (1 − 12.16 b² + 20.22 b⁴): ∫ V = ∫ V b² = 0 over
//! 0.13 < |b| < 1, where the other line does not cover this one, so that neither an offset nor a slope nor a bend counts. T's spread over the image scales all variances; where T is far beyond it the
//! intersection is dropped.

mod neighbours;
mod noise;
mod window;

use crate::GrayImage;
use crate::grating::normal_equations::GratingParameters;
use crate::lattice::intersections::{Intersection, LineNumbers, PhaseField, in_image};
use nalgebra::{Matrix2, Vector2};
use noise::Noise;
use window::Maps;

/// A line this far from the fit may be its neighbour, rad.
const MAX_OFFSET_RAD: f64 = 2.0;
/// Newton steps shorter than this need no further one, rad: the next error is of third order.
const STEP_LIMIT_RAD: f64 = 0.03;
const MAX_STEPS: usize = 5;
/// Standard deviation that stays when all noise is averaged out: pixel response, rounding, px.
const FLOOR_PX: f64 = 0.001;
/// Share of clipped pixels in a window that makes lines lopsided.
const MOST_CLIPPED: f64 = 0.02;

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
    let (width, height) = image.dimensions();
    let maps = Maps::new(image, fit);
    let noise = Noise::of(image, &maps);
    let found: Vec<Measured> = in_image(fit, width, height)
        .into_iter()
        .filter_map(|(lines, pixel)| maps.measure(image, fit, lines, pixel, noise))
        .collect();
    neighbours::reconciled(found, width, height).iter().map(Measured::intersection).collect()
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

impl Maps {
    /// The intersection of `lines`, measured from where the fit has it. `None` where the image does not show it.
    fn measure(
        &self,
        image: &GrayImage,
        fit: &GratingParameters,
        lines: LineNumbers,
        fitted_px: Vector2<f64>,
        noise: Noise,
    ) -> Option<Measured> {
        let mut offset = Vector2::zeros();
        let (gain, base) = (fit.gain.value(fitted_px).max(1e-6), fit.offset.value(fitted_px));
        let noise = noise.of_level(gain, base);
        let mut pixel = fitted_px;
        for _ in 0..MAX_STEPS {
            let (_, jacobian) = fit.phases_and_jacobian(pixel);
            let inverse = jacobian.try_inverse()?;
            let window = self.window(fit, pixel, lines.phases() + offset, jacobian, inverse)?;
            let (mean, sums) = self.sums(&window);
            let line = |axis: usize| {
                let sums = &sums[axis];
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
            offset += step.map(|x| x.clamp(-0.5, 0.5));
            // Written so that NaN ends it.
            if !(offset.amax() < MAX_OFFSET_RAD) {
                return None;
            }
            if step.amax() < STEP_LIMIT_RAD {
                if self.clipped(image, &window) > MOST_CLIPPED {
                    return None;
                }
                let offsets = [LineOffset { offset_rad: offset.x, ..h }, LineOffset { offset_rad: offset.y, ..v }];
                // Newton on the phases: the fit is not linear over a large offset.
                let (phases, jacobian) = fit.phases_and_jacobian(pixel);
                let inverse = jacobian.try_inverse()?;
                let found = pixel + inverse * (lines.phases() + offset - phases);
                let fitted_px = found - inverse * offset;
                return Some(Measured { lines, fitted_px, inverse, offsets });
            }
            let (phases, jacobian) = fit.phases_and_jacobian(pixel);
            pixel += jacobian.try_inverse()? * (lines.phases() + offset - phases);
        }
        None
    }
}
