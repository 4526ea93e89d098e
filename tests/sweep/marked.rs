//! Whole sweeps over a sheet with an origin mark: nothing is clicked, however the cameras are turned.

use crate::common::cell::{Cell, half_size, pose, small};
use grating_calibration::GrayImage;
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::mapping::method::Method;
use grating_calibration::sim::config::OriginMark;
use grating_calibration::sim::preset::Preset;
use grating_calibration::sim::truth::{Axes, points_in_common_volume};
use grating_calibration::sweep::error::SweepError;
use grating_calibration::sweep::session::SweepSession;
use grating_calibration::sweep::settings::CalibrationSettings;
use image::imageops::flip_horizontal;
use nalgebra::Vector2;

/// Half-size images over a sheet with a mark.
fn marked(preset: Preset) -> Cell {
    let mut config = half_size(preset.config());
    config.grid.mark = OriginMark::Pattern;
    Cell::new(config)
}

/// What a first pair is answered with.
fn first(cell: &Cell, settings: &CalibrationSettings) -> Result<(), SweepError> {
    let mut session = SweepSession::new(settings.clone()).unwrap();
    session.add_pair(cell.pair_at(0.0, 0).as_ref(), pose(0.0)).map(|_| ())
}

#[test]
fn turned_and_mirrored_cameras_count_along_the_axes_of_the_print() {
    for (preset, mirror) in [(Preset::Turned, false), (Preset::Turned, true)] {
        let cell = marked(preset);
        let mut session = SweepSession::new(CalibrationSettings::by_mark()).unwrap();
        for step in 0..6_u32 {
            let height_mm = 3.0 * (f64::from(step) / 5.0).powf(1.5);
            let mut pair = cell.pair_at(height_mm, step.into());
            if mirror {
                pair.left = flip_horizontal(&pair.left);
            }
            session.add_pair(pair.as_ref(), pose(height_mm)).unwrap();
        }
        let calibration = session.finish().unwrap().calibration;
        assert!(calibration.usable && calibration.pitch_mm == 1.1, "{}", calibration.reason);
        let mut worst_mm = 0.0_f64;
        let points = points_in_common_volume(&cell, Axes::Lines, 3.0, 200, 1);
        assert_eq!(points.len(), 200);
        for point in points {
            let left = point.pixel.left;
            let left = if mirror { Vector2::new(639.0 - left.x, left.y) } else { left };
            let answer = calibration.pixel_pair_to_point(left, point.pixel.right);
            assert!(answer.status.is_answered(), "{:?}", answer.status);
            worst_mm = worst_mm.max((answer.estimate.point_mm - point.point_mm).norm());
        }
        println!("{preset:?}, mirrored: {mirror}: at most {:.1} µm", 1e3 * worst_mm);
        assert!(worst_mm < 0.15, "{worst_mm} mm");
    }
}

#[test]
fn what_contradicts_the_mark_is_named() {
    let cell = marked(Preset::Standard);
    let origin = cell.origin_px();
    assert_eq!(first(&cell, &CalibrationSettings::new(1.1, origin)), Ok(()));
    // A printer's scale is off by a percent.
    let stated = |pitch_mm| CalibrationSettings { pitch_mm: Some(pitch_mm), ..CalibrationSettings::by_mark() };
    assert_eq!(first(&cell, &stated(1.111)), Ok(()));
    let error = first(&cell, &stated(1.0)).unwrap_err().to_string();
    assert!(error.contains("1 mm") && error.contains("1.1 mm"), "{error}");
    // The next intersection was clicked.
    let mut clicked = origin;
    clicked.right.x += 24.0;
    let error = first(&cell, &CalibrationSettings::new(1.1, clicked)).unwrap_err();
    assert!(matches!(error, SweepError::OtherOrigin { camera: Camera::Right, .. }), "{error}");
    assert!(error.to_string().contains(&format!("{:.1}", clicked.right.x)), "{error}");
}

#[test]
fn marks_that_are_unlike_or_missing_are_named() {
    let [marked, other, bare] =
        [(1.1, OriginMark::Pattern), (1.12, OriginMark::Pattern), (1.1, OriginMark::None)].map(|(pitch_mm, mark)| {
            let mut config = small();
            (config.grid.pitch_mm, config.grid.mark) = (pitch_mm, mark);
            Cell::new(config)
        });
    let [images, others, bares] = [&marked, &other, &bare].map(|cell| cell.pair_at(0.0, 0));
    let add = |settings: &CalibrationSettings, left: &GrayImage, right: &GrayImage| {
        SweepSession::new(settings.clone()).unwrap().add_pair(Stereo { left, right }, pose(0.0)).map(|_| ())
    };
    let by_mark = CalibrationSettings::by_mark();
    let error = add(&by_mark, &images.left, &others.right).unwrap_err();
    assert_eq!(error, SweepError::OtherMarks { left_mm: 1.1, right_mm: 1.12 });
    let error = add(&by_mark, &images.left, &bares.right).unwrap_err();
    assert!(matches!(error, SweepError::Mark { camera: Camera::Right, .. }), "{error}");
    assert!(error.to_string().contains("or give the origin's pixels in both images"), "{error}");
    let origin_px = marked.origin_px().map(Some);
    // Clicks make up for marks, but not for the pitch, and one click not for the other camera's axes.
    let clicked = CalibrationSettings { origin_px, ..by_mark.clone() };
    assert_eq!(add(&clicked, &bares.left, &bares.right), Err(SweepError::PitchUnknown));
    assert_eq!(add(&clicked, &images.left, &bares.right), Ok(()));
    let origin_px = Stereo { left: None, ..origin_px };
    let half = CalibrationSettings { origin_px, ..by_mark };
    assert!(matches!(add(&half, &images.left, &bares.right), Err(SweepError::Mark { camera: Camera::Right, .. })));
    assert_eq!(add(&half, &images.left, &images.right), Ok(()));
}

#[test]
fn the_original_method_starts_from_the_mark_too() {
    let cell = marked(Preset::Standard);
    let mut settings = CalibrationSettings { method: Method::Original, ..CalibrationSettings::by_mark() };
    settings.original.draws = 1000;
    settings.original.stride = 3;
    let mut session = SweepSession::new(settings).unwrap();
    session.add_pair(cell.pair_at(0.0, 0).as_ref(), pose(0.0)).unwrap();
    for camera in Camera::BOTH {
        let origin = session.latest_lattice(camera).into_iter().find(|i| (i.lines.h, i.lines.v) == (0, 0)).unwrap();
        let miss = (origin.pixel - cell.origin_px()[camera]).norm();
        assert!(miss < 8.0, "{miss} px");
    }
}
