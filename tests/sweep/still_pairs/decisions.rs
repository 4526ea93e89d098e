//! What is decided about single pairs: which is chosen, and why the others are not.

use super::{BEGIN_NS, MS, SETTINGS, Shot, pose};
use grating_calibration::GrayImage;
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::sweep::images::chooser::StillPairChooser;
use grating_calibration::sweep::images::pairing::MAX_WAITING;
use grating_calibration::sweep::images::still_pair::{CameraImage, NotYet, StillPair, StillPairSettings};
use grating_calibration::sweep::motion::settle::Unsettled;

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
    // A pair that waits for its pose does not hide why the one before was refused.
    assert!(shaken.on_image(Camera::Left, BEGIN_NS + 420 * MS, fresh(8).left).is_err());
    let waiting = shaken.on_image(Camera::Right, BEGIN_NS + 420 * MS, fresh(8).right);
    assert_eq!((waiting, shaken.refusal()), (Err(NotYet::PoseMissing { ahead_ns: 30 * MS }), moving.err()));
}

#[test]
fn an_image_of_one_camera_that_moves_is_enough_to_refuse_a_pair() {
    for shaken in Camera::BOTH {
        let shake = |n: i64| {
            let mut shots = fresh(n);
            shots[shaken].shift_px = 0.4 * (n % 2) as f64;
            shots
        };
        let moving = at_rest(&mut StillPairChooser::new(SETTINGS), 0.0, [0, 400], shake);
        assert!(
            matches!(moving, Err(NotYet::Moving { moved_px, .. }) if (moved_px - 0.4).abs() < 0.05),
            "{shaken}: {moving:?}"
        );
    }
}

#[test]
fn a_pair_from_before_the_interval_does_not_show_that_the_image_is_still() {
    let mut chooser = StillPairChooser::new(SETTINGS);
    let mut add_pair = |ms: i64, shots: Stereo<Shot>| {
        let _ = chooser.on_image(Camera::Left, BEGIN_NS + ms * MS, shots.left);
        chooser.on_image(Camera::Right, BEGIN_NS + ms * MS, shots.right)
    };
    // Images wait for poses.
    for (n, ms) in [150, 400, 450].into_iter().enumerate() {
        assert!(add_pair(ms, fresh(n as i64)).is_err());
    }
    // The tool climbs for 200 ms, then rests: no pair is of the time in which it was found to be at rest.
    let mut add_poses = |span_ms: std::ops::Range<i64>| {
        let poses = span_ms.step_by(10).map(|ms| pose(BEGIN_NS + ms * MS, 0.01 * ms.min(200) as f64));
        poses.map(|pose| chooser.on_pose(pose)).last().unwrap()
    };
    assert_eq!(add_poses(0..200), Err(NotYet::PoseMissing { ahead_ns: 210 * MS }));
    assert_eq!(add_poses(200..410), Err(NotYet::PoseMissing { ahead_ns: 50 * MS }));
    let pair = add_poses(410..460).unwrap();
    assert_eq!(pair.stamps_ns.left, BEGIN_NS + 450 * MS);
    assert!(pair.at_rest.unwrap().interval.from_ns >= BEGIN_NS + 190 * MS);
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
    let add = |chooser: &mut StillPairChooser<Shot>, ms: i64| {
        let shots = fresh(ms);
        let _ = chooser.on_image(Camera::Left, BEGIN_NS + ms * MS, shots.left);
        chooser.on_image(Camera::Right, BEGIN_NS + ms * MS, shots.right)
    };
    assert_eq!(add(&mut chooser, 50), Err(NotYet::OlderThanRest { by_ns: 50 * MS }));
    assert_eq!(add(&mut chooser, 150), Err(NotYet::OnePair));
    let pair = add(&mut chooser, 200).unwrap();
    assert_eq!((pair.at_rest, pair.stamps_ns.left), (None, BEGIN_NS + 200 * MS));
    assert_eq!(add(&mut chooser, 250), Err(NotYet::Given));
    chooser.take_after(BEGIN_NS + 300 * MS);
    assert_eq!(add(&mut chooser, 350), Err(NotYet::OnePair));
    assert_eq!(add(&mut chooser, 400).unwrap().stamps_ns.left, BEGIN_NS + 400 * MS);
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
