//! Which poses a calibration goes through: the lowest height, jogs from there if wanted, then heights from the lowest up.

use crate::statistics::exceeds;

/// Displacements from the pose at which the calibration starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// (x, y, height) of each pose, mm, along the robot's axes.
    pub offsets_mm: Vec<[f64; 3]>,
}

/// Why there is no such plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A height is not finite.
    #[error("height_{name} = {value_mm} mm is not a finite number: give a number")]
    NotFinite {
        /// Which one.
        name: &'static str,
        /// Its value, mm.
        value_mm: f64,
    },
    /// The range of heights is empty.
    #[error(
        "height_start = {start_mm} mm, height_stop = {stop_mm} mm: 0 ≤ start < stop is needed, heights count from the first pose"
    )]
    NoRange {
        /// Lowest height, mm.
        start_mm: f64,
        /// Highest height, mm.
        stop_mm: f64,
    },
    /// The step is not possible.
    #[error(
        "height_step = {step_mm} mm: it must be above 0 and not above {longest_mm} mm, the longest the phase tracking can follow"
    )]
    Step {
        /// The step, mm.
        step_mm: f64,
        /// Longest possible step, mm.
        longest_mm: f64,
    },
    /// A jog is not possible.
    #[error(
        "jog ({x_mm}, {y_mm}) mm is not finite, or further than {farthest_mm} mm: give small displacements along x and y"
    )]
    Jog {
        /// Its displacement along x, mm.
        x_mm: f64,
        /// Its displacement along y, mm.
        y_mm: f64,
        /// Longest possible displacement, mm.
        farthest_mm: f64,
    },
    /// Jogs along one direction don't tell the other.
    #[error("jogs lead along one direction only: give jogs along x and along y, or none")]
    JogsCollinear,
    /// Too few or too many heights.
    #[error("{heights} heights are asked for, {least} … {most} are possible: change height_step")]
    Count {
        /// How many.
        heights: usize,
        /// Fewest possible.
        least: usize,
        /// Most possible.
        most: usize,
    },
}

/// Longest step between heights, mm: the tracking predicts each height from those before.
const MAX_STEP_MM: f64 = 2.0;
/// Longest jog, mm.
const MAX_JOG_MM: f64 = 50.0;
/// Longest step on the way to a jog, pitches: the tracking tells lines apart up to a third of the pitch.
const JOG_STEP_PITCHES: f64 = 0.27;
/// Fewest heights: the cross-validation leaves out a fifth of them at a time.
const MIN_HEIGHTS: usize = 5;
/// Most heights: a journal holds so many pairs.
const MAX_HEIGHTS: usize = 5000;

impl Plan {
    /// Every `step_mm` from `start_mm` to `stop_mm`, both included where the step fits.
    ///
    /// # Errors
    /// [`PlanError`] naming the value and what is possible.
    pub fn new(start_mm: f64, stop_mm: f64, step_mm: f64) -> Result<Self, PlanError> {
        for (name, value_mm) in [("start", start_mm), ("stop", stop_mm), ("step", step_mm)] {
            if !value_mm.is_finite() {
                return Err(PlanError::NotFinite { name, value_mm });
            }
        }
        if !(0.0..stop_mm).contains(&start_mm) {
            return Err(PlanError::NoRange { start_mm, stop_mm });
        }
        if step_mm <= 0.0 || step_mm > MAX_STEP_MM {
            return Err(PlanError::Step { step_mm, longest_mm: MAX_STEP_MM });
        }
        // 20 / 0.1 is a little less than 200 in binary.
        let steps = ((stop_mm - start_mm) / step_mm + 1e-6).floor();
        if steps + 1.0 < MIN_HEIGHTS as f64 || steps + 1.0 > MAX_HEIGHTS as f64 {
            return Err(PlanError::Count { heights: steps as usize + 1, least: MIN_HEIGHTS, most: MAX_HEIGHTS });
        }
        let heights_mm = (0..=steps as usize).map(|i| start_mm + step_mm * i as f64);
        Ok(Plan { offsets_mm: heights_mm.map(|height| [0.0, 0.0, height]).collect() })
    }

    /// The same with `jogs_mm` (x, y) at the lowest height, each approached in steps that the tracking can follow.
    ///
    /// # Errors
    /// [`PlanError`] when a jog is impossible, or all lead along one direction.
    pub fn with_jogs(mut self, jogs_mm: &[[f64; 2]], pitch_mm: f64) -> Result<Self, PlanError> {
        let Some(&[_, _, height]) = self.offsets_mm.first() else { return Ok(self) };
        let mut way = Vec::new();
        for &[x_mm, y_mm] in jogs_mm {
            let length = x_mm.hypot(y_mm);
            if exceeds(length, MAX_JOG_MM) {
                return Err(PlanError::Jog { x_mm, y_mm, farthest_mm: MAX_JOG_MM });
            }
            let steps = (length / (JOG_STEP_PITCHES * pitch_mm)).ceil().max(1.0);
            way.extend((1..=steps as usize).map(|i| {
                let share = i as f64 / steps;
                [share * x_mm, share * y_mm, height]
            }));
        }
        let spread = |axis: usize| jogs_mm.iter().map(|jog| jog[axis].abs()).fold(0.0, f64::max);
        if !jogs_mm.is_empty() && spread(0).min(spread(1)) < 0.1 * spread(0).max(spread(1)) {
            return Err(PlanError::JogsCollinear);
        }
        self.offsets_mm.splice(1..1, way);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sweep_has_201_heights() {
        let plan = Plan::new(0.0, 20.0, 0.1).unwrap();
        assert_eq!(plan.offsets_mm.len(), 201);
        assert!((plan.offsets_mm[200][2] - 20.0).abs() < 1e-9);
    }

    #[test]
    fn jogs_follow_the_first_pose_in_small_steps() {
        let plan = Plan::new(0.0, 20.0, 1.0).unwrap().with_jogs(&[[1.0, 0.0], [0.0, -0.5]], 1.1).unwrap();
        assert_eq!(plan.offsets_mm[0], [0.0; 3]);
        assert_eq!(plan.offsets_mm[4], [1.0, 0.0, 0.0]);
        assert_eq!(plan.offsets_mm[6], [0.0, -0.5, 0.0]);
        assert_eq!(plan.offsets_mm.len(), 21 + 4 + 2);
        let jogged = |jogs: &[[f64; 2]]| Plan::new(0.0, 20.0, 1.0).unwrap().with_jogs(jogs, 1.1);
        assert_eq!(jogged(&[[1.0, 0.0]]), Err(PlanError::JogsCollinear));
        assert!(jogged(&[[f64::NAN, 0.0]]).unwrap_err().to_string().contains("NaN"));
    }

    #[test]
    fn impossible_plans_name_the_value() {
        assert!(Plan::new(0.0, 20.0, 0.0).unwrap_err().to_string().contains("height_step = 0 mm"));
        assert!(Plan::new(5.0, 5.0, 0.1).unwrap_err().to_string().contains("height_start = 5 mm"));
        assert!(matches!(Plan::new(0.0, f64::NAN, 0.1), Err(PlanError::NotFinite { name: "stop", .. })));
        assert!(matches!(Plan::new(0.0, 1.0, 0.5), Err(PlanError::Count { heights: 3, .. })));
        assert!(matches!(Plan::new(0.0, 1e9, 0.1), Err(PlanError::Count { .. })));
    }
}
