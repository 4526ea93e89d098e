//! Where the robot may be sent: a box, a largest step, and how far it may be from where it should be.

use crate::setting::Setting;
use crate::statistics::exceeds;

/// Limits on commanded positions, mm in the robot's base frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Lowest x, y and z, mm.
    pub box_min_mm: [f64; 3],
    /// Highest x, y and z, mm.
    pub box_max_mm: [f64; 3],
    /// Longest way from the measured position to a new set point.
    pub max_step_mm: f64,
}

/// Why a set point is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LimitError {
    /// The set point is outside the box.
    #[error(
        "set point {axis} = {value:.3} mm lies outside the allowed {low:.3} … {high:.3} mm: widen {allowed} or move the robot",
        allowed = Setting::AllowedBox
    )]
    OutsideBox {
        /// The axis.
        axis: char,
        /// The set point along it, mm.
        value: f64,
        /// Lowest value, mm.
        low: f64,
        /// Highest value, mm.
        high: f64,
    },
    /// The way is too long.
    #[error(
        "set point is {step:.3} mm away, at most {limit:.3} mm are allowed at once: widen {largest} or take smaller steps",
        largest = Setting::StepLimit
    )]
    TooFar {
        /// Its length, mm.
        step: f64,
        /// Largest accepted length, mm.
        limit: f64,
    },
    /// The set point is not finite.
    #[error("set point {axis} is not a finite number: give a finite one")]
    NotFinite {
        /// The axis.
        axis: char,
    },
}

const AXES: [char; 3] = ['x', 'y', 'z'];

impl Limits {
    /// # Errors
    /// [`LimitError`] when `set_point_mm` is outside the box.
    pub fn check_box(&self, set_point_mm: [f64; 3]) -> Result<(), LimitError> {
        for i in 0..3 {
            let (axis, value, low, high) = (AXES[i], set_point_mm[i], self.box_min_mm[i], self.box_max_mm[i]);
            if !value.is_finite() {
                return Err(LimitError::NotFinite { axis });
            }
            if !(low..=high).contains(&value) {
                return Err(LimitError::OutsideBox { axis, value, low, high });
            }
        }
        Ok(())
    }

    /// # Errors
    /// [`LimitError`] when `set_point_mm` may not be commanded from `here_mm`.
    pub fn check_step(&self, here_mm: [f64; 3], set_point_mm: [f64; 3]) -> Result<(), LimitError> {
        self.check_box(set_point_mm)?;
        let step = (0..3).map(|i| (set_point_mm[i] - here_mm[i]).powi(2)).sum::<f64>().sqrt();
        if exceeds(step, self.max_step_mm) {
            return Err(LimitError::TooFar { step, limit: self.max_step_mm });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { box_min_mm: [-1.0; 3], box_max_mm: [1.0, 1.0, 21.0], max_step_mm: 5.0 };

    #[test]
    fn set_points_outside_the_box_or_too_far_or_nan_are_refused() {
        assert_eq!(LIMITS.check_step([0.0; 3], [0.5, -0.5, 4.0]), Ok(()));
        assert!(matches!(LIMITS.check_step([0.0; 3], [0.0, 1.1, 0.0]), Err(LimitError::OutsideBox { axis: 'y', .. })));
        assert!(matches!(LIMITS.check_step([0.0; 3], [0.0, 0.0, 6.0]), Err(LimitError::TooFar { .. })));
        assert!(matches!(LIMITS.check_box([0.0, 0.0, f64::NAN]), Err(LimitError::NotFinite { axis: 'z' })));
        assert!(LIMITS.check_step([f64::NAN, 0.0, 0.0], [0.0; 3]).is_err());
    }
}
