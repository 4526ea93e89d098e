//! Which poses a calibration goes through: heights from the lowest up.

/// Heights above the pose at which the calibration starts, mm.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub heights_mm: Vec<f64>,
}

/// Why there is no such plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    #[error("height_{name} = {value_mm} mm is not a finite number")]
    NotFinite { name: &'static str, value_mm: f64 },
    #[error(
        "height_start = {start_mm} mm, height_stop = {stop_mm} mm: 0 ≤ start < stop is needed, heights count from the first pose"
    )]
    NoRange { start_mm: f64, stop_mm: f64 },
    #[error(
        "height_step = {step_mm} mm: it must be above 0 and not above {longest_mm} mm, the longest the phase tracking can follow"
    )]
    Step { step_mm: f64, longest_mm: f64 },
    #[error("{heights} heights are asked for, {least} … {most} are possible: change height_step")]
    Count { heights: usize, least: usize, most: usize },
}

const LONGEST_STEP_MM: f64 = 2.0;
const LEAST: usize = 5;
const MOST: usize = 5000;

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
        if step_mm <= 0.0 || step_mm > LONGEST_STEP_MM {
            return Err(PlanError::Step { step_mm, longest_mm: LONGEST_STEP_MM });
        }
        // 20 / 0.1 is a little less than 200 in binary.
        let steps = ((stop_mm - start_mm) / step_mm + 1e-6).floor();
        if steps + 1.0 < LEAST as f64 || steps + 1.0 > MOST as f64 {
            return Err(PlanError::Count { heights: steps as usize + 1, least: LEAST, most: MOST });
        }
        Ok(Plan { heights_mm: (0..=steps as usize).map(|i| start_mm + step_mm * i as f64).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sweep_has_201_heights() {
        let plan = Plan::new(0.0, 20.0, 0.1).unwrap();
        assert_eq!(plan.heights_mm.len(), 201);
        assert!((plan.heights_mm[200] - 20.0).abs() < 1e-9);
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
