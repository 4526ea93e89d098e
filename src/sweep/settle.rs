//! Has the measured pose come to rest near its target?

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

/// Collects measured positions; times in s of whatever clock stamps the poses.
#[derive(Clone, Debug)]
pub struct Settling {
    settings: SettleSettings,
    target_mm: [f64; 3],
    /// (stamp, position), oldest first.
    recent: VecDeque<(f64, [f64; 3])>,
}

/// The tool at rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settled {
    /// Mean over the window.
    pub position_mm: [f64; 3],
    /// First stamp of the window.
    pub from_s: f64,
    /// Stamp at which it was found to be at rest; images must be later.
    pub since_s: f64,
}

impl Settling {
    /// Starts with no measurements, on the way to `target_mm`.
    pub fn towards(target_mm: [f64; 3], settings: SettleSettings) -> Self {
        Settling { settings, target_mm, recent: VecDeque::new() }
    }

    /// Adds a measurement; says whether the tool is at rest now.
    pub fn add(&mut self, stamp_s: f64, position_mm: [f64; 3]) -> Option<Settled> {
        // A clock that jumped back starts anew.
        if self.recent.back().is_some_and(|(last, _)| stamp_s < *last) {
            self.recent.clear();
        }
        self.recent.push_back((stamp_s, position_mm));
        // Rounded as below: with windows of a whole number of periods, one may hold where the other does not.
        while self.recent.get(1).is_some_and(|(second, _)| stamp_s - *second >= self.settings.window_s) {
            self.recent.pop_front();
        }
        let (oldest, _) = *self.recent.front()?;
        if stamp_s - oldest < self.settings.window_s || self.recent.len() < 4 {
            return None;
        }
        let count = self.recent.len() as f64;
        let mean = [0, 1, 2].map(|i| self.recent.iter().map(|(_, p)| p[i]).sum::<f64>() / count);
        let near = |p: &[f64; 3], q: &[f64; 3], limit: f64| (0..3).all(|i| (p[i] - q[i]).abs() <= limit);
        let calm = self.recent.iter().all(|(_, p)| near(p, &mean, self.settings.tolerance_mm));
        (calm && near(&mean, &self.target_mm, self.settings.reach_mm)).then_some(Settled {
            position_mm: mean,
            from_s: oldest,
            since_s: stamp_s,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: SettleSettings = SettleSettings { window_s: 0.1, tolerance_mm: 0.006, reach_mm: 0.05 };

    /// A decaying oscillation about the target: settled only after its swing has shrunk to the tolerance.
    #[test]
    fn an_oscillation_is_waited_out() {
        let mut settling = Settling::towards([0.0, 0.0, 5.0], SETTINGS);
        let swing = |t: f64| 0.5 * (-8.0 * t).exp();
        let settled = (0..200).find_map(|i| {
            let t = f64::from(i) * 0.01;
            settling.add(t, [0.0, 0.0, 5.0 + swing(t) * (70.0 * t).cos()])
        });
        let settled = settled.unwrap();
        assert!(swing(settled.from_s) < 0.02, "from {}", settled.from_s);
        assert!(settled.since_s - settled.from_s >= SETTINGS.window_s);
        assert!((settled.position_mm[2] - 5.0).abs() < 0.006);
    }

    /// However the stamps are rounded, a tool that stands still is settled after the window, not some periods later.
    #[test]
    fn a_window_of_whole_periods_is_not_missed() {
        for begin in 0..1000 {
            let mut settling = Settling::towards([0.0; 3], SettleSettings { window_s: 0.15, ..SETTINGS });
            let settled = (begin..).take(100).find_map(|i| settling.add(f64::from(i) * 1e7 * 1e-9, [0.0; 3]));
            let waited = settled.unwrap().since_s - f64::from(begin) * 1e7 * 1e-9;
            assert!(waited < 0.165, "{waited} s from {begin}");
        }
    }

    #[test]
    fn rest_in_the_wrong_place_is_not_settled() {
        let mut settling = Settling::towards([0.0, 0.0, 5.0], SETTINGS);
        assert!((0..100).all(|i| settling.add(f64::from(i) * 0.01, [0.0, 0.0, 4.9]).is_none()));
    }
}
