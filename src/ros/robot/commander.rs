//! The only caller of [`Motion`]: within limits, at limited speed, in small set points.

use crate::ros::robot::motion::{Motion, MotionError, SetPoint};
use crate::sweep::motion::limits::{LimitError, Limits};
use crate::sweep::motion::profile::{Profile, distance};
use nalgebra::UnitQuaternion;
use std::sync::Arc;

/// Sends set points, within limits only.
pub(super) struct Commander {
    motion: Arc<dyn Motion>,
    limits: Limits,
    /// Orientation that is kept.
    rotation: UnitQuaternion<f64>,
    speed_mm_s: f64,
    /// Time between two set points, s.
    period_s: f64,
    leg: Option<Leg>,
    /// Where the tool was sent last; in the beginning where it stands.
    sent_mm: [f64; 3],
}

/// A move under way.
struct Leg {
    profile: Profile,
    /// Time on the path so far, s.
    elapsed_s: f64,
    last_ns: i64,
    arrived: bool,
}

/// Why the robot was not commanded.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// A limit forbids it.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The set point could not be sent.
    #[error(transparent)]
    Motion(#[from] MotionError),
}

/// Distance from the last set point within which the tool is there; the rest is noise of the encoders, which must not be
/// commanded.
const ENCODER_NOISE_MM: f64 = 0.02;
/// Most periods that count between two set points: a node that was held up continues where it was, at no higher speed.
const MAX_PERIODS: f64 = 2.0;

impl Commander {
    /// `speed_mm_s` and `period_s` are > 0; `here_mm` is where the tool stands.
    pub fn new(
        motion: Arc<dyn Motion>,
        limits: Limits,
        rotation: UnitQuaternion<f64>,
        speed_mm_s: f64,
        period_s: f64,
        here_mm: [f64; 3],
    ) -> Self {
        Commander { motion, limits, rotation, speed_mm_s, period_s, leg: None, sent_mm: here_mm }
    }

    /// Limits of the set points.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Orientation that is kept.
    pub fn rotation(&self) -> UnitQuaternion<f64> {
        self.rotation
    }

    /// Time that a move takes, s.
    pub fn duration_s(&self, from_mm: [f64; 3], to_mm: [f64; 3]) -> f64 {
        Profile::new(from_mm, to_mm, self.speed_mm_s).duration_s()
    }

    /// Starts a move from `here_mm` to `target_mm` with its first set point.
    ///
    /// # Errors
    /// [`CommandError`] when a limit forbids it.
    pub fn go_to(&mut self, here_mm: [f64; 3], target_mm: [f64; 3], stamp_ns: i64) -> Result<Profile, CommandError> {
        self.limits.check_step(here_mm, target_mm)?;
        let from_mm = if distance(here_mm, self.sent_mm) <= ENCODER_NOISE_MM { self.sent_mm } else { here_mm };
        let profile = Profile::new(from_mm, target_mm, self.speed_mm_s);
        self.leg = Some(Leg { profile, elapsed_s: 0.0, last_ns: stamp_ns, arrived: false });
        self.advance(stamp_ns)?;
        Ok(profile)
    }

    /// Sends the next set point of the move under way; nothing once the target has been sent.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn advance(&mut self, stamp_ns: i64) -> Result<(), CommandError> {
        let Some(leg) = self.leg.as_mut().filter(|leg| !leg.arrived) else { return Ok(()) };
        let passed_s = (stamp_ns - leg.last_ns) as f64 * 1e-9;
        leg.elapsed_s += passed_s.clamp(0.0, MAX_PERIODS * self.period_s);
        leg.last_ns = stamp_ns;
        // Where the robot is to be when the next set point comes.
        let ahead_s = leg.elapsed_s + self.period_s;
        leg.arrived = ahead_s >= leg.profile.duration_s();
        let position_mm = leg.profile.at_mm(ahead_s);
        self.limits.check_box(position_mm)?;
        self.send(position_mm, stamp_ns)
    }

    /// Stops the tool where it is.
    pub fn hold(&mut self, here_mm: [f64; 3], stamp_ns: i64) {
        self.leg = None;
        // Staying is always allowed.
        if let Err(error) = self.send(here_mm, stamp_ns) {
            tracing::error!("the robot could not be told to hold: {error}");
        }
    }

    fn send(&mut self, position_mm: [f64; 3], stamp_ns: i64) -> Result<(), CommandError> {
        let set_point = SetPoint { position_mm, rotation: self.rotation, stamp_ns, within_s: self.period_s };
        self.motion.send(&set_point)?;
        self.sent_mm = position_mm;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Written(Mutex<Vec<SetPoint>>);

    impl Motion for Written {
        fn send(&self, set_point: &SetPoint) -> Result<(), MotionError> {
            self.0.lock().unwrap().push(*set_point);
            Ok(())
        }
        fn listeners(&self) -> Option<usize> {
            None
        }
        fn topic(&self) -> &'static str {
            "nowhere"
        }
    }

    fn commander(motion: &Arc<Written>) -> Commander {
        let limits = Limits { box_min_mm: [-1.0; 3], box_max_mm: [1.0, 1.0, 9.0], max_step_mm: 3.0 };
        Commander::new(motion.clone(), limits, UnitQuaternion::identity(), 10.0, 0.02, [0.0; 3])
    }

    #[test]
    fn moves_are_sent_in_steps_no_faster_than_allowed_even_after_a_stall() {
        let motion = Arc::new(Written::default());
        let mut commander = commander(&motion);
        commander.go_to([0.0; 3], [0.0, 0.0, 3.0], 0).unwrap();
        let mut now = 0;
        for step in 1..200 {
            // Every tenth time the node is held up for half a second.
            now += if step % 10 == 0 { 500_000_000 } else { 20_000_000 };
            commander.advance(now).unwrap();
        }
        let sent = motion.0.lock().unwrap();
        assert_eq!(sent.last().unwrap().position_mm, [0.0, 0.0, 3.0]);
        assert!(sent.len() > 20 && sent.len() < 60, "{} set points", sent.len());
        for two in sent.windows(2) {
            assert!(distance(two[0].position_mm, two[1].position_mm) <= 10.0 * 0.02 * MAX_PERIODS + 1e-9);
        }
    }

    #[test]
    fn noise_of_the_encoders_is_not_commanded_but_a_real_way_back_is() {
        let motion = Arc::new(Written::default());
        let mut commander = commander(&motion);
        let mut first_from = |here: [f64; 3]| {
            motion.0.lock().unwrap().clear();
            commander.go_to(here, [0.0, 0.0, 1.0], 0).unwrap();
            motion.0.lock().unwrap()[0].position_mm
        };
        assert_eq!(first_from([0.002, 0.0, -0.003])[0], 0.0);
        assert!(first_from([0.1, 0.0, 0.0])[0] > 0.05);
    }

    #[test]
    fn nothing_outside_the_limits_is_sent_and_holding_ends_a_move() {
        let motion = Arc::new(Written::default());
        let mut commander = commander(&motion);
        assert!(commander.go_to([0.0; 3], [0.0, 0.0, 4.0], 0).is_err());
        assert!(commander.go_to([0.0; 3], [0.0, 2.0, 0.0], 0).is_err());
        assert!(motion.0.lock().unwrap().is_empty());
        commander.go_to([0.0; 3], [0.0, 0.0, 2.0], 0).unwrap();
        commander.hold([0.0, 0.0, 0.1], 20_000_000);
        commander.advance(40_000_000).unwrap();
        let sent = motion.0.lock().unwrap();
        assert_eq!(sent.last().unwrap().position_mm, [0.0, 0.0, 0.1]);
        assert_eq!(sent.len(), 2);
    }
}
