//! How the tool moves: limited speed, and an oscillation that decays after every move.
//!
//! The controller's set point runs straight to the target at limited speed. The tool hangs on it like a damped spring:
//! ```text
//! x'' = ω² (set point − x) − 2 ζ ω x',   ω = 2π f
//! ```

use nalgebra::Vector3;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use rand_distr::StandardNormal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// Parameters of the robot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RobotConfig {
    /// Largest speed of the set point (mm/s).
    #[schemars(range(min = 1e-3, max = 1e4))]
    pub max_speed_mm_s: f64,
    /// Frequency of the oscillation (Hz).
    #[schemars(range(min = 0.1, max = 1e3))]
    pub settling_frequency_hz: f64,
    /// Damping ratio of the oscillation (1).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub damping_ratio: f64,
    /// Standard deviation of each measured coordinate (mm).
    #[schemars(range(min = 0.0, max = 10.0))]
    pub encoder_noise_mm: f64,
}

impl Default for RobotConfig {
    fn default() -> Self {
        RobotConfig { max_speed_mm_s: 10.0, settling_frequency_hz: 12.0, damping_ratio: 0.25, encoder_noise_mm: 0.001 }
    }
}

/// The robot's state. Positions are displacements from h = 0 along the robot's axes, mm.
pub struct Robot {
    config: RobotConfig,
    target_mm: Vector3<f64>,
    set_point_mm: Vector3<f64>,
    position_mm: Vector3<f64>,
    velocity_mm_s: Vector3<f64>,
    rng: SmallRng,
}

impl Robot {
    /// A robot at rest at `position_mm`.
    pub fn new(config: RobotConfig, position_mm: Vector3<f64>, seed: u64) -> Self {
        Robot {
            config,
            target_mm: position_mm,
            set_point_mm: position_mm,
            position_mm,
            velocity_mm_s: Vector3::zeros(),
            rng: SmallRng::seed_from_u64(seed),
        }
    }

    /// Goes there from now on.
    pub fn set_target(&mut self, target_mm: Vector3<f64>) {
        self.target_mm = target_mm;
    }

    /// Where it was sent, mm.
    pub fn target_mm(&self) -> Vector3<f64> {
        self.target_mm
    }

    /// Where the tool really is.
    pub fn position_mm(&self) -> Vector3<f64> {
        self.position_mm
    }

    /// Where the encoders say it is.
    pub fn measure_mm(&mut self) -> Vector3<f64> {
        let sigma = self.config.encoder_noise_mm;
        self.position_mm + Vector3::from_fn(|_, _| sigma * self.rng.sample::<f64, _>(StandardNormal))
    }

    /// Lets `seconds` pass.
    pub fn advance(&mut self, seconds: f64) {
        let omega = TAU * self.config.settling_frequency_hz;
        // Semi-implicit Euler in steps that are short against the oscillation.
        let steps = (seconds * omega * 20.0).ceil().clamp(1.0, 1e6);
        let dt = seconds / steps;
        for _ in 0..steps as usize {
            let to_go = self.target_mm - self.set_point_mm;
            let reach = self.config.max_speed_mm_s * dt;
            self.set_point_mm =
                if to_go.norm() <= reach { self.target_mm } else { self.set_point_mm + to_go.normalize() * reach };
            let pull = (self.set_point_mm - self.position_mm) * (omega * omega);
            self.velocity_mm_s += (pull - self.velocity_mm_s * (2.0 * self.config.damping_ratio * omega)) * dt;
            self.position_mm += self.velocity_mm_s * dt;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_speed_overshoots_and_settles() {
        let mut robot = Robot::new(RobotConfig::default(), Vector3::zeros(), 1);
        robot.set_target(Vector3::new(0.0, 0.0, 5.0));
        let mut highest: f64 = 0.0;
        robot.advance(0.25);
        assert!(robot.position_mm().z < 2.6, "faster than 10 mm/s");
        for _ in 0..1000 {
            robot.advance(0.001);
            highest = highest.max(robot.position_mm().z);
        }
        assert!(highest > 5.01, "no overshoot: {highest}");
        robot.advance(1.0);
        assert!((robot.position_mm().z - 5.0).abs() < 1e-4);
    }
}
