//! Has the measured pose come to rest near its set point?

use crate::pose::tool_pose::StampedPose;
use crate::statistics::is_within;
use nalgebra::Vector3;
use std::collections::VecDeque;

/// When a tool counts as settled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SettleSettings {
    /// Every measurement within this time must agree, s.
    pub window_s: f64,
    /// Largest distance of a pose from the mean of the window, per axis, mm.
    pub tolerance_mm: f64,
    /// Largest distance of that mean from the set point, per axis, mm.
    pub reach_mm: f64,
}

/// Fewest poses that a window must hold.
const MIN_POSES: usize = 4;

/// Collects measured poses.
#[derive(Clone, Debug)]
pub struct Settling {
    settings: SettleSettings,
    /// Anywhere without.
    set_point_mm: Option<Vector3<f64>>,
    /// Oldest first.
    recent: VecDeque<StampedPose>,
}

/// The tool at rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settled {
    /// Mean over the window, mm.
    pub position_mm: [f64; 3],
    /// First stamp of the window, ns.
    pub from_ns: i64,
    /// Stamp at which it was found to be at rest, ns; images must be later.
    pub since_ns: i64,
}

/// Why the tool is not at rest.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Unsettled {
    /// The poses so far say nothing yet.
    #[error("{poses} poses within {covered_s:.3} s are known, {MIN_POSES} within {window_s} s are needed")]
    TooShort {
        /// Poses so far.
        poses: usize,
        /// Time from the first to the last of them, s.
        covered_s: f64,
        /// Time that they must cover, s.
        window_s: f64,
    },
    /// The poses of the window disagree.
    #[error(
        "its pose moves by {:.1} µm from the mean of {window_s} s, at most {:.1} µm are at rest", 1e3 * .deviation_mm,
        1e3 * .tolerance_mm
    )]
    Moving {
        /// Largest distance of a pose from the window's mean along any axis, mm.
        deviation_mm: f64,
        /// Largest accepted distance, mm.
        tolerance_mm: f64,
        /// Length of the window, s.
        window_s: f64,
    },
    /// It is at rest, but elsewhere.
    #[error("it rests {distance_mm:.3} mm from its set point, at most {reach_mm:.3} mm are accepted")]
    OffTarget {
        /// Distance from the set point along the worst axis, mm.
        distance_mm: f64,
        /// Largest accepted distance, mm.
        reach_mm: f64,
    },
}

impl SettleSettings {
    /// Of a tool whose pose is not known.
    pub fn unsettled(&self) -> Unsettled {
        Unsettled::TooShort { poses: 0, covered_s: 0.0, window_s: self.window_s }
    }
}

impl Settling {
    /// Starts with no measurements, on the way to `set_point_mm`.
    pub fn towards(set_point_mm: [f64; 3], settings: SettleSettings) -> Self {
        Settling { settings, set_point_mm: Some(set_point_mm.into()), recent: VecDeque::new() }
    }

    /// As [`Self::towards`], wherever the tool comes to rest; the reach of `settings` is not used.
    pub fn anywhere(settings: SettleSettings) -> Self {
        Settling { settings, set_point_mm: None, recent: VecDeque::new() }
    }

    /// Adds a measurement; says whether the tool is at rest now.
    ///
    /// # Errors
    /// [`Unsettled`]: why it is not.
    pub fn add(&mut self, pose: StampedPose) -> Result<Settled, Unsettled> {
        // A clock that jumped back starts anew.
        if self.recent.back().is_some_and(|last| pose.stamp_ns < last.stamp_ns) {
            self.recent.clear();
        }
        self.recent.push_back(pose);
        let window_ns = self.window_ns();
        while self.recent.get(1).is_some_and(|second| pose.stamp_ns - second.stamp_ns >= window_ns) {
            self.recent.pop_front();
        }
        self.settled()
    }

    /// The poses of the window, oldest first.
    pub fn window(&self) -> impl Iterator<Item = &StampedPose> {
        self.recent.iter()
    }

    /// Nanoseconds, so that whoever counts a window of whole periods counts the same poses.
    fn window_ns(&self) -> i64 {
        (self.settings.window_s * 1e9).round() as i64
    }

    fn settled(&self) -> Result<Settled, Unsettled> {
        let SettleSettings { window_s, tolerance_mm, reach_mm } = self.settings;
        let poses = self.recent.len();
        let (Some(first), Some(last)) = (self.recent.front(), self.recent.back()) else {
            return Err(self.settings.unsettled());
        };
        let (from_ns, since_ns) = (first.stamp_ns, last.stamp_ns);
        if since_ns - from_ns < self.window_ns() || poses < MIN_POSES {
            return Err(Unsettled::TooShort { poses, covered_s: (since_ns - from_ns) as f64 * 1e-9, window_s });
        }
        let positions_mm = || self.recent.iter().map(|pose| pose.pose.translation.vector);
        let mean = positions_mm().sum::<Vector3<f64>>() / poses as f64;
        // `amax` would pass over NaN.
        let is_near = |offset: Vector3<f64>, limit_mm| offset.iter().all(|d| is_within(d.abs(), limit_mm));
        if !positions_mm().all(|position| is_near(position - mean, tolerance_mm)) {
            let deviation_mm = positions_mm().map(|position| (position - mean).amax()).fold(0.0, f64::max);
            return Err(Unsettled::Moving { deviation_mm, tolerance_mm, window_s });
        }
        match self.set_point_mm.map(|set_point_mm| mean - set_point_mm) {
            Some(offset) if !is_near(offset, reach_mm) => {
                Err(Unsettled::OffTarget { distance_mm: offset.amax(), reach_mm })
            }
            _ => Ok(Settled { position_mm: mean.into(), from_ns, since_ns }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: SettleSettings = SettleSettings { window_s: 0.1, tolerance_mm: 0.006, reach_mm: 0.05 };

    fn at(stamp_ns: i64, z_mm: f64) -> StampedPose {
        StampedPose::from_parts(stamp_ns, [0.0, 0.0, 1e-3 * z_mm], [0.0, 0.0, 0.0, 1.0]).unwrap()
    }

    /// A decaying oscillation about the set point: settled only after its swing has shrunk to the tolerance.
    #[test]
    fn an_oscillation_is_waited_out() {
        let mut settling = Settling::towards([0.0, 0.0, 5.0], SETTINGS);
        let swing = |t: f64| 0.5 * (-8.0 * t).exp();
        let settled = (0..200).find_map(|i| {
            let t = 0.01 * i as f64;
            settling.add(at(10_000_000 * i, 5.0 + swing(t) * (70.0 * t).cos())).ok()
        });
        let settled = settled.unwrap();
        assert!(swing(1e-9 * settled.from_ns as f64) < 0.02, "{settled:?}");
        assert_eq!(settled.since_ns - settled.from_ns, 100_000_000);
        assert!((settled.position_mm[2] - 5.0).abs() < 0.006);
    }

    /// Whatever the clock says, a tool that stands still is settled after the window, not some periods later.
    #[test]
    fn a_window_of_whole_periods_is_not_missed() {
        for begin_ns in (0..1000).map(|i| 1_700_000_000_123_456_789 + 10_000_019 * i) {
            let mut settling = Settling::towards([0.0; 3], SettleSettings { window_s: 0.15, ..SETTINGS });
            let settled = (0..100).find_map(|i| settling.add(at(begin_ns + 10_000_000 * i, 0.0)).ok()).unwrap();
            assert_eq!((settled.from_ns, settled.since_ns), (begin_ns, begin_ns + 150_000_000));
        }
    }

    #[test]
    fn rest_in_the_wrong_place_is_not_settled() {
        let mut settling = Settling::towards([0.0, 0.0, 5.0], SETTINGS);
        let found: Vec<_> = (0..100).map(|i| settling.add(at(10_000_000 * i, 4.9))).collect();
        assert!(found.iter().all(Result::is_err));
        let is_told = |why: &Unsettled| matches!(why, Unsettled::OffTarget { distance_mm, .. } if (distance_mm - 0.1).abs() < 1e-9);
        assert!(found[99].is_err_and(|why| is_told(&why)), "{:?}", found[99]);
        let mut settling = Settling::anywhere(SETTINGS);
        assert!((0..100).any(|i| settling.add(at(10_000_000 * i, 4.9)).is_ok()));
    }

    #[test]
    fn why_the_tool_is_not_at_rest_is_told_with_values() {
        let mut settling = Settling::anywhere(SETTINGS);
        let why = (0..10).map(|i| settling.add(at(10_000_000 * i, 0.0)).unwrap_err().to_string()).last();
        assert!(why.unwrap().starts_with("10 poses within 0.090 s"));
        let why = settling.add(at(100_000_000, 0.022)).unwrap_err().to_string();
        assert!(why.starts_with("its pose moves by 20.0 µm"), "{why}");
    }

    #[test]
    fn motion_and_distance_along_any_axis_count() {
        for axis in 0..3 {
            let last = |rest_mm: f64, swing_mm: f64| {
                let mut settling = Settling::towards([0.0; 3], SETTINGS);
                let mut latest = Err(SETTINGS.unsettled());
                for step in 0..30_i64 {
                    let mut position_m = [0.0; 3];
                    position_m[axis] = 1e-3 * (rest_mm + if step % 2 == 0 { swing_mm } else { -swing_mm });
                    let pose = StampedPose::from_parts(step * 10_000_000, position_m, [0.0, 0.0, 0.0, 1.0]);
                    latest = settling.add(pose.unwrap());
                }
                latest
            };
            assert!(last(0.04, 0.004).is_ok(), "axis {axis}");
            assert!(matches!(last(0.0, 0.008), Err(Unsettled::Moving { .. })), "axis {axis}");
            assert!(matches!(last(0.06, 0.0), Err(Unsettled::OffTarget { .. })), "axis {axis}");
        }
    }
}
