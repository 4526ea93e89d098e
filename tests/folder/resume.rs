//! A sweep that was killed and resumed ends with the very calibration of one that was left alone.

use crate::common::cell::Cell;
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::folder::image_file::{Counts, RawImage};
use grating_calibration::folder::recording::journal::{Header, JOURNAL};
use grating_calibration::folder::recording::record::Recorder;
use grating_calibration::folder::recording::recorded_session::{AddError, RecordedSession};
use grating_calibration::mapping::calibration::Calibration;
use grating_calibration::pose::tool_pose::ToolPose;
use grating_calibration::sweep::session::SweepSession;
use grating_calibration::sweep::settings::CalibrationSettings;
use nalgebra::{Vector2, Vector3};
use std::path::Path;

const HEIGHTS: usize = 7;

/// What robot and cameras deliver, the same to every run.
struct Sweep {
    origin_px: Stereo<Vector2<f64>>,
    pairs: Vec<(Stereo<Counts>, ToolPose)>,
    size: [u32; 2],
}

impl Sweep {
    fn new() -> Self {
        let cell = Cell::small();
        let pair = |index: usize| {
            let height_mm = 0.5 * index as f64;
            let counts = |camera| Counts::U8(cell.counts(camera, Vector3::z() * height_mm, index as u64));
            // No round numbers: poses must come back to the last bit.
            let pose = ToolPose {
                rotation: Some([1.0, 1e-4 / 3.0, 0.0, -0.0]),
                ..ToolPose::at([1e-3 / 3.0, -1e-4 * height_mm, 100.0 / 7.0 + height_mm])
            };
            (Stereo::from_fn(counts), pose)
        };
        let size = [cell.config().rig.width, cell.config().rig.height];
        Sweep { origin_px: cell.origin_px(), pairs: (0..HEIGHTS).map(pair).collect(), size }
    }

    fn header(&self) -> Header {
        let offsets_mm = (0..HEIGHTS).map(|i| [0.0, 0.0, 0.5 * i as f64]).collect();
        Header { offsets_mm, settings: self.settings(), start_mm: [0.0, 0.0, 100.0 / 7.0] }
    }

    fn settings(&self) -> CalibrationSettings {
        CalibrationSettings::new(1.1, self.origin_px)
    }

    fn session(&self) -> SweepSession {
        SweepSession::new(self.settings()).unwrap()
    }

    fn raw<'a>(&self, counts: &'a Stereo<Counts>) -> Stereo<RawImage<'a>> {
        let [width, height] = self.size;
        Stereo::from_fn(|camera| RawImage { width, height, counts: &counts[camera] })
    }

    /// Fits and records pairs `from` … `to`.
    fn go_on(&self, session: &mut RecordedSession, from: usize, to: usize) {
        for (counts, pose) in &self.pairs[from..to] {
            session.add(self.raw(counts), *pose).unwrap();
        }
    }

    /// From the beginning to the pair before `to`, recorded in `folder`.
    fn record(&self, folder: &Path, to: usize) -> RecordedSession {
        let mut session = RecordedSession::create(self.session(), folder, &self.header()).unwrap();
        self.go_on(&mut session, 0, to);
        session
    }

    /// From what is on disk to the end.
    fn resume(&self, folder: &Path) -> (usize, Calibration) {
        let header = self.header();
        let (recorder, found, pairs) = Recorder::resume(folder, &header.offsets_mm, &self.settings()).unwrap();
        assert_eq!(found, header);
        let mut told = 0;
        let mut session = RecordedSession::resume(self.session(), folder, recorder, &pairs, |_, _, pose| {
            assert_eq!(pose, pairs[told].pose);
            told += 1;
            Ok::<(), AddError>(())
        })
        .unwrap();
        assert_eq!(told, pairs.len());
        self.go_on(&mut session, pairs.len(), HEIGHTS);
        (pairs.len(), session.finish().unwrap().calibration)
    }
}

/// All but the moment at which it was written.
fn numbers(calibration: &Calibration) -> Calibration {
    Calibration { created: String::new(), ..calibration.clone() }
}

#[test]
fn whenever_it_was_killed_a_resumed_sweep_ends_with_the_same_numbers() {
    let sweep = Sweep::new();
    let alone = tempfile::tempdir().unwrap();
    let calibration = sweep.record(alone.path(), HEIGHTS).finish().unwrap().calibration;
    assert!(calibration.usable, "{}", calibration.reason);
    let wanted = numbers(&calibration);

    // Killed while the first or a later line was written, or right after the last one.
    for (reached, torn) in [(1, true), (4, true), (HEIGHTS, false)] {
        let killed = tempfile::tempdir().unwrap();
        drop(sweep.record(killed.path(), reached));
        let journal = killed.path().join(JOURNAL);
        if torn {
            let bytes = std::fs::read(&journal).unwrap();
            std::fs::write(&journal, &bytes[..bytes.len() - 20]).unwrap();
        }
        // What the next image's writing would have left behind.
        std::fs::write(killed.path().join("left/.tmpA1b2C3"), [0x89, b'P', b'N', b'G']).unwrap();
        let (found, resumed) = sweep.resume(killed.path());
        assert_eq!(found, reached - usize::from(torn));
        assert_eq!(numbers(&resumed), wanted, "killed at pair {reached}, torn: {torn}");
        let poses = |folder: &Path| std::fs::read_to_string(folder.join("poses.csv")).unwrap();
        assert_eq!(poses(killed.path()), poses(alone.path()));
        for camera in Camera::BOTH {
            let image = |folder: &Path| std::fs::read(folder.join(camera.to_string()).join("00004.png")).unwrap();
            assert_eq!(image(killed.path()), image(alone.path()));
        }
    }
}

/// What can't be fitted would end every resumed sweep; what was told of must be there after a crash.
#[test]
fn a_pair_that_can_not_be_fitted_is_not_in_the_record_and_all_others_are() {
    let sweep = Sweep::new();
    let folder = tempfile::tempdir().unwrap();
    let mut session = sweep.record(folder.path(), 3);
    let dark = Stereo::from_fn(|_| Counts::U8(vec![9; (sweep.size[0] * sweep.size[1]) as usize]));
    let refused = session.add(sweep.raw(&dark), sweep.pairs[3].1);
    assert!(matches!(refused, Err(AddError::Sweep(_))), "{refused:?}");
    // Right after the report, whatever becomes of the node: on disk, and whole.
    let on_disk = || Recorder::resume(folder.path(), &sweep.header().offsets_mm, &sweep.settings()).unwrap().2.len();
    assert_eq!(on_disk(), 3);
    drop(session);
    let (found, resumed) = sweep.resume(folder.path());
    assert_eq!((found, resumed.heights), (3, HEIGHTS));
    assert_eq!(on_disk(), HEIGHTS);
}
