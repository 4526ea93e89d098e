//! Has the measured pose come to rest near its target?

use crate::pose::tool_pose::StampedPose;
use crate::statistics::is_within;
use nalgebra::Vector3;
use std::collections::VecDeque;

/// When a tool counts as settled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SettleSettings {
    /// Every measurement within this time must agree, s.
    pub window_s: f64,
    /// They lie within this of their mean along each axis, mm.
    pub tolerance_mm: f64,
    /// And their mean this near to the target, mm.
    pub reach_mm: f64,
}

/// Collects measured poses.
#[derive(Clone, Debug)]
pub struct Settling {
    settings: SettleSettings,
    target_mm: Vector3<f64>,
    /// Oldest first.
    recent: VecDeque<StampedPose>,
}

/// The tool at rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settled {
    /// Mean over the window.
    pub position_mm: [f64; 3],
    /// First stamp of the window.
    pub from_ns: i64,
    /// Stamp at which it was found to be at rest; images must be later.
    pub since_ns: i64,
}

impl Settling {
    /// Starts with no measurements, on the way to `target_mm`.
    pub fn towards(target_mm: [f64; 3], settings: SettleSettings) -> Self {
        Settling { settings, target_mm: target_mm.into(), recent: VecDeque::new() }
    }

    /// Adds a measurement; says whether the tool is at rest now.
    pub fn add(&mut self, pose: StampedPose) -> Option<Settled> {
        // A clock that jumped back starts anew.
        if self.recent.back().is_some_and(|last| pose.stamp_ns < last.stamp_ns) {
            self.recent.clear();
        }
        self.recent.push_back(pose);
        // Nanoseconds, so that whoever counts a window of whole periods counts the same poses.
        let window_ns = (self.settings.window_s * 1e9).round() as i64;
        while self.recent.get(1).is_some_and(|second| pose.stamp_ns - second.stamp_ns >= window_ns) {
            self.recent.pop_front();
        }
        let from_ns = self.recent.front()?.stamp_ns;
        if pose.stamp_ns - from_ns < window_ns || self.recent.len() < 4 {
            return None;
        }
        let positions_mm = || self.recent.iter().map(|pose| pose.pose.translation.vector);
        let mean = positions_mm().sum::<Vector3<f64>>() / self.recent.len() as f64;
        let is_near =
            |p: Vector3<f64>, q: Vector3<f64>, limit_mm: f64| (p - q).iter().all(|d| is_within(d.abs(), limit_mm));
        let is_calm = positions_mm().all(|p| is_near(p, mean, self.settings.tolerance_mm));
        (is_calm && is_near(mean, self.target_mm, self.settings.reach_mm)).then_some(Settled {
            position_mm: mean.into(),
            from_ns,
            since_ns: pose.stamp_ns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: SettleSettings = SettleSettings { window_s: 0.1, tolerance_mm: 0.006, reach_mm: 0.05 };

    fn at(stamp_ns: i64, z_mm: f64) -> StampedPose {
        StampedPose::from_parts(stamp_ns, [0.0, 0.0, 1e-3 * z_mm], [0.0, 0.0, 0.0, 1.0]).unwrap()
    }

    /// A decaying oscillation about the target: settled only after its swing has shrunk to the tolerance.
    #[test]
    fn an_oscillation_is_waited_out() {
        let mut settling = Settling::towards([0.0, 0.0, 5.0], SETTINGS);
        let swing = |t: f64| 0.5 * (-8.0 * t).exp();
        let settled = (0..200).find_map(|i| {
            let t = 0.01 * i as f64;
            settling.add(at(10_000_000 * i, 5.0 + swing(t) * (70.0 * t).cos()))
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
            let settled = (0..100).find_map(|i| settling.add(at(begin_ns + 10_000_000 * i, 0.0))).unwrap();
            assert_eq!((settled.from_ns, settled.since_ns), (begin_ns, begin_ns + 150_000_000));
        }
    }

    #[test]
    fn rest_in_the_wrong_place_is_not_settled() {
        let mut settling = Settling::towards([0.0, 0.0, 5.0], SETTINGS);
        assert!((0..100).all(|i| settling.add(at(10_000_000 * i, 4.9)).is_none()));
    }
}
