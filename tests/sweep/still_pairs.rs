//! Which still pairs are chosen: the same, with the same poses, however the streams of a cell are interleaved; and why none.

use grating_calibration::GrayImage;
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::pose::tool_pose::StampedPose;
use grating_calibration::sweep::images::chooser::StillPairChooser;
use grating_calibration::sweep::images::pairing::MAX_WAITING;
use grating_calibration::sweep::images::still_pair::{CameraImage, NotYet, StillPair, StillPairSettings};
use grating_calibration::sweep::motion::settle::{SettleSettings, Unsettled};
use nalgebra::Isometry3;
use proptest::prelude::*;

const BEGIN_NS: i64 = 1_700_000_000_000_000_000;
const MS: i64 = 1_000_000;

const SETTINGS: StillPairSettings = StillPairSettings {
    settle: Some(SettleSettings { window_s: 0.15, tolerance_mm: 0.006, reach_mm: 0.05 }),
    sync_tolerance_ns: 5 * MS,
    image_tolerance_px: 0.15,
};

/// A pattern, as far aside as the tool and whatever shakes it put it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shot {
    checksum: u32,
    shift_px: f64,
}

impl CameraImage for Shot {
    fn checksum(&self) -> u32 {
        self.checksum
    }

    fn to_gray(&self) -> GrayImage {
        GrayImage::from_fn(32, 24, |u, v| {
            let (x, y) = (f64::from(u) - self.shift_px, f64::from(v));
            image::Luma([(0.5 + 0.2 * (0.5 * x).sin() + 0.2 * (0.4 * y).cos()) as f32])
        })
    }
}

fn pose(stamp_ns: i64, height_mm: f64) -> StampedPose {
    StampedPose { stamp_ns, pose: Isometry3::translation(0.0, 0.0, height_mm) }
}

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

/// Poses at 100 Hz and images at 20 Hz of a tool at `height_mm`, from `from_ms` to `to_ms`; `shot` by the image's number.
fn at_rest(
    chooser: &mut StillPairChooser<Shot>,
    height_mm: f64,
    [from_ms, to_ms]: [i64; 2],
    shot: impl Fn(i64) -> Stereo<Shot>,
) -> Result<StillPair<Shot>, NotYet> {
    let mut last = Err(NotYet::NoPose);
    for ms in (from_ms..to_ms).step_by(10) {
        let stamp_ns = BEGIN_NS + ms * MS;
        let mut found = vec![chooser.on_pose(pose(stamp_ns, height_mm))];
        if ms % 50 == 20 {
            let shots = shot(ms / 50);
            found.push(chooser.on_image(Camera::Left, stamp_ns - MS, shots.left));
            found.push(chooser.on_image(Camera::Right, stamp_ns, shots.right));
        }
        for found in found {
            if found.is_ok() {
                return found;
            }
            last = found;
        }
    }
    last
}

/// Images that differ by their noise only.
fn fresh(n: i64) -> Stereo<Shot> {
    Stereo::from_fn(|camera| Shot { checksum: 2 * n as u32 + u32::from(camera == Camera::Right), shift_px: 0.0 })
}

#[test]
fn the_second_pair_after_the_tool_came_to_rest_is_chosen_with_the_mean_pose() {
    let mut chooser = StillPairChooser::new(SETTINGS);
    let pair = at_rest(&mut chooser, 1.0, [0, 400], fresh).unwrap();
    // Found at rest at 150 ms; pairs at 20, 70, 120, 170 ms: the one before tells that the image does not move.
    assert_eq!(pair.stamps_ns.map(|stamp_ns| (stamp_ns - BEGIN_NS) / MS), Stereo { left: 169, right: 170 });
    let rest = pair.at_rest.unwrap();
    assert_eq!((rest.interval.place, rest.interval.from_ns, rest.pose.z_mm), (0, BEGIN_NS, 1.0));
    assert_eq!(chooser.not_yet(), NotYet::Given);
}

#[test]
fn a_tool_that_stays_gives_a_pair_for_every_stop_and_none_unasked() {
    let mut chooser = StillPairChooser::new(SETTINGS);
    assert!(at_rest(&mut chooser, 1.0, [0, 400], fresh).is_ok());
    assert_eq!(at_rest(&mut chooser, 1.0, [400, 900], fresh), Err(NotYet::Given));
    chooser.stop_at(Some([0.0, 0.0, 1.0]));
    assert!(matches!(chooser.not_yet(), NotYet::NotAtRest(Unsettled::TooShort { poses: 0, .. })));
    let pair = at_rest(&mut chooser, 1.0, [900, 1400], fresh).unwrap();
    assert!(pair.at_rest.unwrap().interval.from_ns >= BEGIN_NS + 900 * MS);
    chooser.stop_at(Some([0.0, 0.0, 2.0]));
    let elsewhere = at_rest(&mut chooser, 1.0, [1400, 1900], fresh);
    assert!(matches!(elsewhere, Err(NotYet::NotAtRest(Unsettled::OffTarget { .. }))), "{elsewhere:?}");
}

#[test]
fn every_reason_against_a_pair_is_told_with_its_values() {
    let chooser = || StillPairChooser::<Shot>::new(SETTINGS);
    assert_eq!(chooser().not_yet(), NotYet::NoPose);

    let climbing = &mut chooser();
    let moving = (0..40).map(|i| climbing.on_pose(pose(BEGIN_NS + 10 * MS * i, 0.01 * i as f64))).last().unwrap();
    assert!(matches!(moving, Err(NotYet::NotAtRest(Unsettled::Moving { .. }))), "{moving:?}");

    let blind = &mut chooser();
    let none = (0..40).map(|i| blind.on_pose(pose(BEGIN_NS + 10 * MS * i, 0.0))).last().unwrap();
    assert_eq!(none, Err(NotYet::NoImage { camera: Camera::Left }));
    assert_eq!(
        blind.on_image(Camera::Left, BEGIN_NS + 300 * MS, fresh(0).left),
        Err(NotYet::NoImage { camera: Camera::Right })
    );
    let apart = blind.on_image(Camera::Right, BEGIN_NS + 320 * MS, fresh(0).right);
    assert_eq!(apart, Err(NotYet::NoPartner { gap_ns: 20 * MS, tolerance_ns: 5 * MS }));
    let ahead = BEGIN_NS + 700 * MS;
    assert!(blind.on_image(Camera::Left, ahead, fresh(1).left).is_err());
    let missing = blind.on_image(Camera::Right, ahead, fresh(1).right);
    assert_eq!(missing, Err(NotYet::PoseMissing { ahead_ns: 310 * MS }));

    let early = &mut chooser();
    assert!((0..30).all(|i| early.on_pose(pose(BEGIN_NS + 10 * MS * i, 0.0)).is_err()));
    assert!(early.on_image(Camera::Left, BEGIN_NS + 100 * MS, fresh(0).left).is_err());
    // The first pose that is not older found the tool still on its way to rest.
    assert!(early.on_image(Camera::Right, BEGIN_NS + 100 * MS, fresh(0).right).is_err());
    assert!(early.on_image(Camera::Left, BEGIN_NS + 148 * MS, fresh(1).left).is_err());
    let older = early.on_image(Camera::Right, BEGIN_NS + 149 * MS, fresh(1).right);
    assert_eq!(older, Err(NotYet::OlderThanRest { by_ns: 2 * MS }));

    let shaken = &mut chooser();
    let shake = |n: i64| fresh(n).map(|shot| Shot { shift_px: 0.4 * (n % 2) as f64, ..shot });
    let moving = at_rest(shaken, 0.0, [0, 400], shake);
    assert!(
        matches!(moving, Err(NotYet::Moving { moved_px, limit_px: 0.15 }) if (moved_px - 0.4).abs() < 0.05),
        "{moving:?}"
    );
    assert!(shaken.passed_over() > 1);
}

#[test]
fn a_camera_that_repeats_what_it_showed_before_the_move_is_waited_for() {
    let mut chooser = StillPairChooser::new(SETTINGS);
    let first = at_rest(&mut chooser, 0.0, [0, 400], fresh).unwrap();
    let frozen = |n: i64| Stereo { left: first.images.left, ..fresh(n) };
    assert_eq!(at_rest(&mut chooser, 0.5, [410, 900], frozen), Err(NotYet::Repeated { camera: Camera::Left }));
    let pair = at_rest(&mut chooser, 0.5, [900, 1200], fresh).unwrap();
    assert_eq!(pair.at_rest.unwrap().interval.place, 1);
    assert!(pair.images.left != first.images.left);
}

#[test]
fn without_poses_two_pairs_of_a_still_image_are_enough() {
    let mut chooser = StillPairChooser::new(StillPairSettings { settle: None, ..SETTINGS });
    chooser.take_after(BEGIN_NS + 100 * MS);
    let mut add = |ms: i64| {
        let shots = fresh(ms);
        let _ = chooser.on_image(Camera::Left, BEGIN_NS + ms * MS, shots.left);
        chooser.on_image(Camera::Right, BEGIN_NS + ms * MS, shots.right)
    };
    assert_eq!(add(50), Err(NotYet::OlderThanRest { by_ns: 50 * MS }));
    assert_eq!(add(150), Err(NotYet::OnePair));
    let pair = add(200).unwrap();
    assert_eq!((pair.at_rest, pair.stamps_ns.left), (None, BEGIN_NS + 200 * MS));
    assert_eq!(add(250), Err(NotYet::Given));
}

#[test]
fn a_clock_that_is_set_back_begins_anew() {
    let mut chooser = StillPairChooser::new(SETTINGS);
    assert!(at_rest(&mut chooser, 0.0, [10_000, 10_400], fresh).is_ok());
    let pair = at_rest(&mut chooser, 0.5, [0, 400], fresh).unwrap();
    assert_eq!(pair.at_rest.unwrap().interval.from_ns, BEGIN_NS);
}

/// Whatever comes, and whatever does not: no stream fills the memory.
#[test]
fn silent_streams_do_not_fill_the_memory() {
    use std::rc::Rc;
    #[derive(Clone)]
    struct Counted {
        _held: Rc<()>,
        checksum: u32,
    }
    impl CameraImage for Counted {
        fn checksum(&self) -> u32 {
            self.checksum
        }
        fn to_gray(&self) -> GrayImage {
            GrayImage::new(8, 8)
        }
    }
    let held = Rc::new(());
    let mut chooser = StillPairChooser::new(SETTINGS);
    for n in 0..1000 {
        for camera in Camera::BOTH {
            // No poses; then the right camera falls silent.
            if camera == Camera::Left || n < 500 {
                let _ = chooser.on_image(
                    camera,
                    BEGIN_NS + 50 * MS * n,
                    Counted { _held: held.clone(), checksum: n as u32 },
                );
            }
        }
        assert!(Rc::strong_count(&held) <= 1 + 3 * MAX_WAITING + 2, "{}", Rc::strong_count(&held));
    }
}
