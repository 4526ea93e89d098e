//! Where the tool stood still, from its measured poses; the same test as the node's.

use crate::pose::tool_pose::StampedPose;
use crate::sweep::motion::settle::{SettleSettings, Settling};
use nalgebra::UnitQuaternion;

/// A rest of the tool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rest {
    /// When the tool left its last place: what a camera showed before that is stale now. The distant past for the first.
    pub left_ns: i64,
    /// All poses from here on lie together.
    pub from_ns: i64,
    /// When it was found to be at rest; images must be later.
    pub since_ns: i64,
    /// Its last pose.
    pub until_ns: i64,
    /// Mean over the window that it was found by.
    pub position_mm: [f64; 3],
    pub orientation: UnitQuaternion<f64>,
}

/// A tool has left when it is this many tolerances from where it rested.
const LEFT: f64 = 3.0;

/// All rests in `poses`, in ascending order of their stamps.
pub fn rests(poses: &[StampedPose], settings: SettleSettings) -> Vec<Rest> {
    // Where the tool was sent is not known: anywhere will do.
    let anywhere = || Settling::towards([0.0; 3], SettleSettings { reach_mm: f64::INFINITY, ..settings });
    let is_near =
        |rest: &Rest, at: [f64; 3]| (0..3).all(|i| (at[i] - rest.position_mm[i]).abs() <= LEFT * settings.tolerance_mm);
    let mut found: Vec<Rest> = Vec::new();
    let (mut is_resting, mut settling) = (false, anywhere());
    for pose in poses {
        let at = pose.position_mm();
        if let Some(rest) = found.last_mut().filter(|_| is_resting) {
            if is_near(rest, at) {
                rest.until_ns = pose.stamp_ns;
                continue;
            }
            (is_resting, settling) = (false, anywhere());
        }
        let Some(settled) = settling.add(*pose) else { continue };
        is_resting = true;
        match found.last_mut() {
            // It swung, or a pose was noisy.
            Some(rest) if is_near(rest, settled.position_mm) => rest.until_ns = pose.stamp_ns,
            last => {
                let left_ns = last.map_or(i64::MIN, |rest| rest.until_ns);
                found.push(Rest {
                    left_ns,
                    from_ns: settled.from_ns,
                    since_ns: settled.since_ns,
                    until_ns: pose.stamp_ns,
                    position_mm: settled.position_mm,
                    orientation: pose.pose.rotation,
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pose::tool_pose::ToolPose;
    use nalgebra::Isometry3;

    const SETTINGS: SettleSettings = SettleSettings { window_s: 0.1, tolerance_mm: 0.006, reach_mm: 0.0 };

    /// Three plateaus 0.1 mm apart with noise and an overshoot; each is found once, after the swing is over.
    #[test]
    fn every_plateau_is_one_rest() {
        let height = |t: f64| {
            let (step, since) = ((t / 1.0).floor(), t.fract());
            0.1 * step - 0.05 * (-20.0 * since).exp() * (60.0 * since).cos() * f64::from(step > 0.0)
        };
        let pose = |i: i64| {
            let noise = 0.001 * ((i * 7919 % 97) as f64 / 48.0 - 1.0);
            let pose = Isometry3::translation(0.0, 0.0, height(i as f64 * 0.01) + noise);
            StampedPose { stamp_ns: 1_700_000_000_000_000_000 + i * 10_000_000, pose }
        };
        let poses: Vec<StampedPose> = (0..300).map(pose).collect();
        let found = rests(&poses, SETTINGS);
        assert_eq!(found.len(), 3, "{found:?}");
        for (step, rest) in (0..).zip(&found) {
            assert!((rest.position_mm[2] - 0.1 * f64::from(step)).abs() < 0.004);
            assert!(rest.since_ns - rest.from_ns >= 90_000_000 && rest.until_ns > rest.since_ns);
            let mean = ToolPose::at_rest(&poses, [rest.from_ns, rest.until_ns]).unwrap();
            assert!((mean.z_mm - 0.1 * f64::from(step)).abs() < 0.001, "{mean:?}");
        }
        assert_eq!((found[0].left_ns, found[1].left_ns), (i64::MIN, found[0].until_ns));
        assert!(rests(&[], SETTINGS).is_empty());
    }
}
