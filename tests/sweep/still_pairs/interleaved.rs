//! The same pairs come out, with the same poses, however the streams of a cell are interleaved.

use super::{BEGIN_NS, MS, SETTINGS, Shot, pose};
use grating_calibration::camera::Camera;
use grating_calibration::pose::tool_pose::StampedPose;
use grating_calibration::sweep::images::chooser::StillPairChooser;
use grating_calibration::sweep::images::pairing::MAX_WAITING;
use grating_calibration::sweep::images::still_pair::{NotYet, StillPair};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    Pose(StampedPose),
    /// Stands in the stream of poses: what came before is of the way there.
    Stop(f64),
    Image(Camera, i64, Shot),
}

impl Event {
    fn feed(self, chooser: &mut StillPairChooser<Shot>) -> Result<StillPair<Shot>, NotYet> {
        match self {
            Event::Pose(pose) => chooser.on_pose(pose),
            Event::Image(camera, stamp_ns, shot) => chooser.on_image(camera, stamp_ns, shot),
            Event::Stop(height_mm) => {
                chooser.stop_at(Some([0.0, 0.0, height_mm]));
                Err(chooser.not_yet())
            }
        }
    }
}

/// The streams of poses (and stops), left and right images, each in its own order.
#[derive(Clone, Debug)]
struct Streams([Vec<(i64, Event)>; 3]);

/// A cell that steps from height to height.
#[derive(Clone, Debug)]
struct Cell {
    /// What happens at each height: time on the way, time at rest, ms; step, mm; whether the table shakes; which camera
    /// repeats its last image.
    heights: Vec<(i64, i64, f64, bool, Option<Camera>)>,
    pose_period_ms: i64,
    image_period_ms: i64,
    /// Right stamps minus left ones, ms.
    offset_ms: i64,
    /// Seeds noise, and what is lost.
    seed: u64,
    with_stops: bool,
}

fn cells() -> impl Strategy<Value = Cell> {
    let camera = prop_oneof![3 => Just(None), 1 => Just(Some(Camera::Left)), 1 => Just(Some(Camera::Right))];
    let step = prop_oneof![4 => Just(0.5), 1 => Just(0.1), 1 => Just(0.01), 1 => Just(0.0)];
    let height = (0..300_i64, 0..700_i64, step, proptest::bool::weighted(0.2), camera);
    let heights = prop::collection::vec(height, 1..6);
    let periods = (prop::sample::select(vec![4_i64, 10, 25]), prop::sample::select(vec![17_i64, 33, 66]));
    (heights, periods, -7..8_i64, any::<u64>(), any::<bool>()).prop_map(
        |(heights, (pose_period_ms, image_period_ms), offset_ms, seed, with_stops)| Cell {
            heights,
            pose_period_ms,
            image_period_ms,
            offset_ms,
            seed,
            with_stops,
        },
    )
}

impl Cell {
    /// 0 … 1, the same for the same place in a stream.
    fn random(&self, stream: u64, at: i64) -> f64 {
        let mut x =
            self.seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (at as u64).wrapping_mul(0xd6e8_feb8_6659_fd93);
        x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (x >> 40) as f64 / (1_u64 << 24) as f64
    }

    /// Height of the tool at `ms`, and the index of its target.
    fn height_mm(&self, ms: i64) -> (f64, usize) {
        let (mut begin, mut from_mm) = (0, 0.0);
        for (index, (way, rest, step_mm, ..)) in self.heights.iter().enumerate() {
            if ms < begin + way + rest {
                let share = ((ms - begin) as f64 / (*way).max(1) as f64).min(1.0);
                return (from_mm + share * step_mm, index);
            }
            (begin, from_mm) = (begin + way + rest, from_mm + step_mm);
        }
        (from_mm, self.heights.len() - 1)
    }

    fn streams(&self) -> Streams {
        let duration: i64 = self.heights.iter().map(|(way, rest, ..)| way + rest).sum::<i64>() + 200;
        let (mut poses, mut target) = (Vec::new(), None);
        for ms in (0..duration).step_by(self.pose_period_ms as usize) {
            let (height_mm, index) = self.height_mm(ms);
            let stamp_ns = BEGIN_NS + ms * MS;
            if self.with_stops && target != Some(index) {
                let target_mm = self.heights[..=index].iter().map(|(_, _, step_mm, ..)| step_mm).sum();
                poses.push((stamp_ns - 1, Event::Stop(target_mm)));
                target = Some(index);
            }
            // Some are lost, some are off.
            let noise_mm = if self.random(0, ms) < 0.01 { 0.03 } else { 0.004 * (self.random(1, ms) - 0.5) };
            if self.random(2, ms) > 0.02 {
                poses.push((stamp_ns, Event::Pose(pose(stamp_ns, height_mm + noise_mm))));
            }
        }
        let images = |camera: Camera, stream: u64, offset_ms: i64| {
            let mut last = Shot { checksum: 0, shift_px: 0.0 };
            let mut images = Vec::new();
            for (n, ms) in (20..duration).step_by(self.image_period_ms as usize).enumerate() {
                let (height_mm, index) = self.height_mm(ms);
                let (_, _, _, shakes, repeats) = self.heights[index];
                if repeats != Some(camera) || self.random(stream, -ms) < 0.5 {
                    let shake_px =
                        if shakes { self.random(stream + 1, ms) } else { 0.05 * self.random(stream + 1, ms) };
                    last = Shot { checksum: 2 * n as u32 + stream as u32 % 2, shift_px: 3.0 * height_mm + shake_px };
                }
                if self.random(stream + 2, ms) > 0.05 {
                    let stamp_ns = BEGIN_NS + (ms + offset_ms) * MS;
                    images.push((stamp_ns, Event::Image(camera, stamp_ns, last)));
                }
            }
            images
        };
        Streams([poses, images(Camera::Left, 10, 0), images(Camera::Right, 21, self.offset_ms)])
    }
}

impl Streams {
    /// All events in an order that `choices` pick, as far as the chooser can keep what it waits with.
    fn interleaved(&self, choices: &[u8]) -> Vec<Event> {
        let mut sent = [0; 3];
        let mut events = Vec::new();
        let next_ns =
            |stream: usize, sent: &[usize; 3]| self.0[stream].get(sent[stream]).map(|(stamp_ns, _)| *stamp_ns);
        // Images that wait, once the stream's next one has come, for what follows `of_ns`.
        let waiting = |stream: usize, sent: &[usize; 3], of_ns: i64| {
            let first_ns = of_ns.saturating_sub(SETTINGS.sync_tolerance_ns);
            self.0[stream][..sent[stream] + 1].iter().filter(|(stamp_ns, _)| *stamp_ns >= first_ns).count()
        };
        while events.len() < self.0.iter().map(Vec::len).sum() {
            let choice = usize::from(choices[events.len() % choices.len()]);
            // Poses decide up to the latest one, unless there are no more.
            let latest_pose_ns = self.0[0][..sent[0]].last().map_or(i64::MIN, |(stamp_ns, _)| *stamp_ns);
            let decided_ns = next_ns(0, &sent).map(|_| latest_pose_ns);
            let may_come = |stream: &usize| {
                let others = match stream {
                    0 => [None, None],
                    image => [next_ns(3 - image, &sent), decided_ns],
                };
                next_ns(*stream, &sent).is_some()
                    && others.iter().flatten().all(|of_ns| waiting(*stream, &sent, *of_ns) <= MAX_WAITING)
            };
            let stream = (0..3).map(|n| (choice + n) % 3).find(may_come).expect("the oldest may always come");
            events.push(self.0[stream][sent[stream]].1);
            sent[stream] += 1;
        }
        events
    }

    fn by_stamp(&self) -> Vec<Event> {
        let mut all: Vec<(i64, Event)> = self.0.iter().flatten().copied().collect();
        all.sort_by_key(|(stamp_ns, _)| *stamp_ns);
        all.into_iter().map(|(_, event)| event).collect()
    }
}

fn chosen(events: &[Event]) -> Vec<StillPair<Shot>> {
    let mut chooser = StillPairChooser::new(SETTINGS);
    events.iter().filter_map(|event| event.feed(&mut chooser).ok()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_pairs_come_out_however_the_streams_are_interleaved(
        cell in cells(),
        choices in prop::collection::vec(0..3_u8, 1..60),
    ) {
        let streams = cell.streams();
        prop_assert_eq!(chosen(&streams.interleaved(&choices)), chosen(&streams.by_stamp()));
    }

    /// Every pair that is chosen is what it is said to be, told from the streams themselves.
    #[test]
    fn every_chosen_pair_is_fresh_and_at_rest(cell in cells()) {
        let streams = cell.streams();
        let pairs = chosen(&streams.by_stamp());
        let poses = || streams.0[0].iter().filter_map(|(_, event)| match event {
            Event::Pose(pose) => Some(pose),
            _ => None,
        });
        for pair in &pairs {
            let at_rest = pair.at_rest.unwrap();
            let (first_ns, last_ns) = (pair.stamps_ns.left.min(pair.stamps_ns.right), pair.stamps_ns.left.max(pair.stamps_ns.right));
            prop_assert!(last_ns - first_ns <= SETTINGS.sync_tolerance_ns);
            prop_assert!(first_ns > at_rest.interval.since_ns && pair.moved_px <= SETTINGS.image_tolerance_px);
            let within = poses().filter(|pose| (at_rest.interval.from_ns..=last_ns).contains(&pose.stamp_ns));
            let heights: Vec<f64> = within.map(|pose| pose.position_mm()[2]).collect();
            let mean = heights.iter().sum::<f64>() / heights.len() as f64;
            prop_assert!((mean - at_rest.pose.z_mm).abs() < 1e-12);
            prop_assert!(heights.iter().all(|z_mm| (z_mm - mean).abs() < 0.03), "{heights:?}");
            // What the camera sent before the tool left its last place is nowhere among them.
            for (stream, camera) in [(1, Camera::Left), (2, Camera::Right)] {
                let old = streams.0[stream].iter().filter(|(stamp_ns, _)| *stamp_ns < at_rest.interval.left_ns);
                let is_same = |event: &Event| matches!(event, Event::Image(_, _, shot) if shot.checksum == pair.images[camera].checksum);
                prop_assert!(!old.clone().any(|(_, event)| is_same(event)));
            }
        }
        let places: Vec<u32> = pairs.iter().map(|pair| pair.at_rest.unwrap().interval.place).collect();
        prop_assert!(places.windows(2).all(|two| two[0] < two[1]), "one pair a place: {places:?}");
    }
}
