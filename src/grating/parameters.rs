//! All that describes one image: phases, gain, offset and duty cycle of its two gratings.

use crate::grating::chebyshev::{BasisValues, Chebyshev2};
use crate::grating::phase_field::PhaseField;
use nalgebra::{DVector, Matrix2, Vector2};

/// Everything that describes one image.
#[derive(Clone, Debug, PartialEq)]
pub struct GratingParameters {
    /// Phase of the lines along u, rad.
    pub phase_h: Chebyshev2,
    /// Phase of the lines along v, rad.
    pub phase_v: Chebyshev2,
    /// Brightness (0 … 1 of full scale) a unit of Eq. (3); same degree as `offset`.
    pub gain: Chebyshev2,
    /// Brightness where Eq. (3) is 0.
    pub offset: Chebyshev2,
    /// Duty cycle of Eq. (1), (2).
    pub duty: f64,
    /// Doublings m that narrow the sines, 0 (the original) … [`MAX_NARROWING`].
    pub narrowing: usize,
}

/// Narrowest lines: an eighth power, a full width at half depth of a sixth of the pitch.
pub const MAX_NARROWING: usize = 3;

/// phase_h, phase_v, gain, offset, duty.
pub(crate) const FIELDS: usize = 5;
impl GratingParameters {
    /// Number of scalars.
    pub fn len(&self) -> usize {
        2 * self.phase_h.coefficients.len() + 2 * self.gain.coefficients.len() + 1
    }

    /// Never: a polynomial has a constant at least.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Adds `step`, laid out as phase_h, phase_v, gain, offset, duty.
    pub fn add(&mut self, step: &DVector<f64>) {
        let fields = [&mut self.phase_h, &mut self.phase_v, &mut self.gain, &mut self.offset];
        let coefficients = fields.into_iter().flat_map(|f| f.coefficients.iter_mut()).chain([&mut self.duty]);
        for (value, step) in coefficients.zip(step.iter()) {
            *value += step;
        }
    }

    pub(crate) fn degrees(&self) -> [usize; FIELDS] {
        [self.phase_h.degree, self.phase_v.degree, self.gain.degree, self.offset.degree, 0]
    }
}

impl PhaseField for GratingParameters {
    fn phases(&self, pixel: Vector2<f64>) -> Vector2<f64> {
        Vector2::new(self.phase_h.value(pixel), self.phase_v.value(pixel))
    }

    fn phases_and_jacobian(&self, pixel: Vector2<f64>) -> (Vector2<f64>, Matrix2<f64>) {
        // Both are polynomials on the image's domain.
        let place = BasisValues::new(self.phase_h.domain, self.phase_h.degree.max(self.phase_v.degree), pixel);
        let ((h, by_h), (v, by_v)) = (self.phase_h.at(&place), self.phase_v.at(&place));
        (Vector2::new(h, v), Matrix2::new(by_h.x, by_h.y, by_v.x, by_v.y))
    }
}
