//! When the tool stands still, from its measured poses as they come.
//!
//! ```text
//! on the way ──settled──► at rest ──a pose further than 3 tolerances from where it rests──► on the way
//! ```
//! After a swing or a noisy pose a tool may come to rest where it rested before: it is at the same place again. Its
//! interval begins anew, so that no mean holds poses of the swing.

use crate::pose::tool_pose::{StampedPose, ToolPose};
use crate::statistics::is_within;
use crate::sweep::motion::profile::distance;
use crate::sweep::motion::settle::{SettleSettings, Settled, Settling, Unsettled};
use nalgebra::{UnitQuaternion, Vector3};

/// A time span in which the tool is at rest; stamps in ns, base frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StationaryInterval {
    /// Counts the places that the tool rested at, or the stops that were asked for, from 0.
    pub place: u32,
    /// The last pose at the place before: what a camera showed by then is stale now, whatever its stamp says.
    /// `i64::MIN` for the first place.
    pub left_ns: i64,
    /// First pose at rest.
    pub from_ns: i64,
    /// Pose at which the tool was found to be at rest; images must be later.
    pub since_ns: i64,
    /// Last pose at rest so far.
    pub until_ns: i64,
    /// Mean over the window by which it was found, mm.
    pub position_mm: [f64; 3],
    /// At `since_ns`.
    pub orientation: UnitQuaternion<f64>,
}

/// The tool at rest, as a pose sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtRest {
    /// The interval up to this pose.
    pub interval: StationaryInterval,
    /// Mean position from the interval's beginning up to this pose, mm, with this pose's orientation.
    pub pose: ToolPose,
    sum_mm: Vector3<f64>,
    count: f64,
}

/// A tool has left its place when it is this many tolerances away along any axis.
const LEFT_TOLERANCES: f64 = 3.0;
/// A shorter way to a stop leaves the images as they are, mm: what a camera showed before is not stale.
const STALE_AFTER_MM: f64 = 0.02;

/// Finds stationary intervals, pose by pose.
#[derive(Clone, Debug)]
pub struct StationaryDetector {
    settings: SettleSettings,
    /// Where the tool is to stop; `None`: anywhere.
    set_point_mm: Option<[f64; 3]>,
    settling: Settling,
    state: Result<AtRest, Unsettled>,
    /// The interval that ended last, or lasts.
    last: Option<StationaryInterval>,
    /// Place and `left_ns` of the stop that was asked for.
    stop: Option<(u32, i64)>,
    next_place: u32,
}

impl StationaryDetector {
    /// Finds every place at which the tool rests; the reach of `settings` is not used.
    pub fn anywhere(settings: SettleSettings) -> Self {
        let settling = Settling::anywhere(settings);
        let state = Err(settings.unsettled());
        StationaryDetector { settings, set_point_mm: None, settling, state, last: None, stop: None, next_place: 0 }
    }

    /// From now on the tool counts as at rest near `set_point_mm` only, mm; `None`: anywhere. Poses so far, the latest of which
    /// was `here`, are of the way there.
    pub fn stop_at(&mut self, set_point_mm: Option<[f64; 3]>, here: Option<&StampedPose>) {
        let so_far = self.stop.map(|(_, left_ns)| left_ns).or(self.last.map(|last| last.left_ns));
        let moves =
            |here: &&StampedPose| set_point_mm.is_some_and(|to| distance(here.position_mm(), to) > STALE_AFTER_MM);
        let left_ns = here.filter(moves).map(|here| here.stamp_ns).or(so_far).unwrap_or(i64::MIN);
        self.set_point_mm = set_point_mm;
        self.stop = Some((self.new_place(), left_ns));
        self.settling = self.settling_anew();
        self.state = Err(self.settings.unsettled());
    }

    /// Forgets all poses: the clock was set back.
    pub fn restart(&mut self) {
        self.settling = self.settling_anew();
        self.state = Err(self.settings.unsettled());
        self.last = None;
        self.stop = self.stop.map(|(place, _)| (place, i64::MIN));
    }

    fn new_place(&mut self) -> u32 {
        self.next_place += 1;
        self.next_place - 1
    }

    fn settling_anew(&self) -> Settling {
        match self.set_point_mm {
            Some(set_point_mm) => Settling::towards(set_point_mm, self.settings),
            None => Settling::anywhere(self.settings),
        }
    }

    /// Adds a pose, stamped later than those before; says whether the tool is at rest now.
    ///
    /// # Errors
    /// [`Unsettled`]: why it is not.
    pub fn add(&mut self, pose: StampedPose) -> Result<AtRest, Unsettled> {
        self.state = match self.state {
            Ok(at_rest) if self.is_near(at_rest.interval.position_mm, pose.position_mm()) => {
                let interval = StationaryInterval { until_ns: pose.stamp_ns, ..at_rest.interval };
                let sum_mm = at_rest.sum_mm + pose.pose.translation.vector;
                Ok(AtRest::new(interval, sum_mm, at_rest.count + 1.0, &pose))
            }
            Ok(_) => {
                self.settling = self.settling_anew();
                self.settle(pose)
            }
            Err(_) => self.settle(pose),
        };
        self.last = self.state.map_or(self.last, |at_rest| Some(at_rest.interval));
        self.state
    }

    fn settle(&mut self, pose: StampedPose) -> Result<AtRest, Unsettled> {
        let settled = self.settling.add(pose)?;
        let sum_mm = self.settling.window().map(|pose| pose.pose.translation.vector).sum();
        let count = self.settling.window().count() as f64;
        let interval = self.interval(&settled, &pose);
        Ok(AtRest::new(interval, sum_mm, count, &pose))
    }

    fn interval(&mut self, settled: &Settled, pose: &StampedPose) -> StationaryInterval {
        let (place, left_ns) = match (self.stop, self.last) {
            (Some(stop), _) => stop,
            (None, Some(last)) if self.is_near(last.position_mm, settled.position_mm) => (last.place, last.left_ns),
            (None, last) => (self.new_place(), last.map_or(i64::MIN, |last| last.until_ns)),
        };
        StationaryInterval {
            place,
            left_ns,
            from_ns: settled.from_ns,
            since_ns: settled.since_ns,
            until_ns: pose.stamp_ns,
            position_mm: settled.position_mm,
            orientation: pose.pose.rotation,
        }
    }

    fn is_near(&self, place_mm: [f64; 3], at_mm: [f64; 3]) -> bool {
        let limit_mm = LEFT_TOLERANCES * self.settings.tolerance_mm;
        (0..3).all(|i| is_within((at_mm[i] - place_mm[i]).abs(), limit_mm))
    }

    /// The tool at rest by its latest pose.
    ///
    /// # Errors
    /// [`Unsettled`]: why it is not.
    pub fn state(&self) -> Result<AtRest, Unsettled> {
        self.state
    }

    /// The interval that lasts, or that ended last.
    pub fn last(&self) -> Option<&StationaryInterval> {
        self.last.as_ref()
    }
}

impl AtRest {
    fn new(interval: StationaryInterval, sum_mm: Vector3<f64>, count: f64, pose: &StampedPose) -> Self {
        let rotation = Some(pose.pose.rotation.coords.into());
        let pose = ToolPose { rotation, ..ToolPose::at((sum_mm / count).into()) };
        AtRest { interval, pose, sum_mm, count }
    }
}

/// Every place at which the tool rested in `poses`, in ascending order of stamps. Each has its first interval, extended
/// to its last pose there.
pub fn stationary_intervals(poses: &[StampedPose], settings: SettleSettings) -> Vec<StationaryInterval> {
    let mut detector = StationaryDetector::anywhere(settings);
    let mut found: Vec<StationaryInterval> = Vec::new();
    for at_rest in poses.iter().filter_map(|pose| detector.add(*pose).ok()) {
        match found.last_mut().filter(|last| last.place == at_rest.interval.place) {
            Some(last) => last.until_ns = at_rest.interval.until_ns,
            None => found.push(at_rest.interval),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Isometry3;

    const SETTINGS: SettleSettings = SettleSettings { window_s: 0.1, tolerance_mm: 0.006, reach_mm: 0.05 };
    const BEGIN_NS: i64 = 1_700_000_000_000_000_000;

    fn at(i: i64, z_mm: f64) -> StampedPose {
        StampedPose { stamp_ns: BEGIN_NS + i * 10_000_000, pose: Isometry3::translation(0.0, 0.0, z_mm) }
    }

    /// Three plateaus 0.1 mm apart with noise and an overshoot; each is found once, after the swing is over.
    #[test]
    fn every_plateau_is_one_place() {
        let height = |t: f64| {
            let (step, since) = ((t / 1.0).floor(), t.fract());
            0.1 * step - 0.05 * (-20.0 * since).exp() * (60.0 * since).cos() * f64::from(step > 0.0)
        };
        let pose = |i: i64| at(i, height(i as f64 * 0.01) + 0.001 * ((i * 7919 % 97) as f64 / 48.0 - 1.0));
        let poses: Vec<StampedPose> = (0..300).map(pose).collect();
        let found = stationary_intervals(&poses, SETTINGS);
        assert_eq!(found.len(), 3, "{found:?}");
        for (step, interval) in (0..).zip(&found) {
            assert_eq!(interval.place, step);
            assert!((interval.position_mm[2] - 0.1 * f64::from(step)).abs() < 0.004);
            assert!(interval.since_ns - interval.from_ns >= 90_000_000 && interval.until_ns > interval.since_ns);
        }
        assert_eq!((found[0].left_ns, found[1].left_ns), (i64::MIN, found[0].until_ns));
        assert!(stationary_intervals(&[], SETTINGS).is_empty());
    }

    #[test]
    fn the_pose_at_rest_is_the_mean_since_the_interval_began() {
        let poses: Vec<StampedPose> = (0..60).map(|i| at(i, 1e-4 * (i * 7919 % 97) as f64)).collect();
        let mut detector = StationaryDetector::anywhere(SETTINGS);
        for (n, pose) in poses.iter().enumerate() {
            let Ok(at_rest) = detector.add(*pose) else { continue };
            // The very sum of ToolPose::at_rest, to the last bit.
            let mean = ToolPose::at_rest(&poses[..=n], [at_rest.interval.from_ns, pose.stamp_ns]);
            assert_eq!(Some(at_rest.pose), mean);
        }
        assert!(detector.state().is_ok());
    }

    #[test]
    fn a_noisy_pose_begins_a_new_interval_at_the_same_place() {
        let poses: Vec<StampedPose> = (0..60).map(|i| at(i, if i == 30 { 0.1 } else { 0.0 })).collect();
        let mut detector = StationaryDetector::anywhere(SETTINGS);
        let found: Vec<_> = poses.iter().map(|pose| detector.add(*pose)).collect();
        assert!(found[29].is_ok() && found[30].is_err() && found[40].is_err());
        let again = found[41].unwrap();
        assert_eq!((again.interval.place, again.interval.left_ns), (0, i64::MIN));
        assert_eq!(again.interval.from_ns, poses[31].stamp_ns);
        assert_eq!(again.pose.z_mm, 0.0);
        let merged = stationary_intervals(&poses, SETTINGS);
        assert_eq!(merged.len(), 1);
        assert_eq!((merged[0].from_ns, merged[0].until_ns), (poses[0].stamp_ns, poses[59].stamp_ns));
    }

    #[test]
    fn a_stop_is_found_near_its_set_point_only_and_counts_anew_even_where_the_tool_stays() {
        let mut detector = StationaryDetector::anywhere(SETTINGS);
        let mut i = 0;
        let mut rest = |detector: &mut StationaryDetector, z_mm: f64| {
            let poses = (0..30).map(|n| at(i + n, z_mm));
            let found = poses.map(|pose| detector.add(pose)).last().unwrap();
            i += 30;
            (found.map(|at_rest| at_rest.interval), at(i - 1, z_mm))
        };
        let (found, here) = rest(&mut detector, 0.0);
        assert_eq!(found.unwrap().place, 0);
        detector.stop_at(Some([0.0, 0.0, 1.0]), Some(&here));
        let (found, here) = rest(&mut detector, 0.5);
        assert!(matches!(found, Err(Unsettled::OffTarget { .. })), "{found:?}");
        let (found, there) = rest(&mut detector, 1.0);
        let at_set_point = found.unwrap();
        assert_eq!(at_set_point.place, 1);
        assert!(at_set_point.left_ns < here.stamp_ns && at_set_point.from_ns > here.stamp_ns);
        // It is sent to where it is: what the cameras show stays right.
        detector.stop_at(Some([0.0, 0.0, 1.0]), Some(&there));
        let (found, _) = rest(&mut detector, 1.0);
        let again = found.unwrap();
        assert_eq!((again.place, again.left_ns), (2, at_set_point.left_ns));
        assert!(again.from_ns > at_set_point.since_ns);
    }
}
