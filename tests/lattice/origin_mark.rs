//! The origin mark: found in every light and orientation, or refused with the reason.

use crate::common::cell::{Cell, half_size};
use grating_calibration::GrayImage;
use grating_calibration::camera::Camera;
use grating_calibration::grating::fit::refine::{FitOptions, fit_cold};
use grating_calibration::lattice::local;
use grating_calibration::lattice::origin_mark::locate::{self, OriginError, OriginMark};
use grating_calibration::lattice::origin_mark::mark::Mark;
use grating_calibration::sim::config::{OriginMark as Printed, SceneConfig};
use grating_calibration::sim::preset::Preset;
use grating_calibration::sim::scene::Scene;
use image::imageops;
use nalgebra::{Matrix2, Vector2, Vector3};

fn marked(preset: Preset) -> SceneConfig {
    let mut config = preset.config();
    config.grid.mark = Printed::Pattern;
    config
}

fn find(image: &GrayImage) -> Result<OriginMark, OriginError> {
    locate::find(image, &fit_cold(image, &FitOptions::default()).unwrap().parameters)
}

/// The image of the left camera at h = 0, and where the origin is in it.
fn marked_image(config: SceneConfig) -> (GrayImage, Vector2<f64>) {
    let cell = Cell::new(config);
    (cell.image(Camera::Left, Vector3::zeros(), 0), cell.origin_px().left)
}

const STRAIGHT: Matrix2<i32> = Matrix2::new(1, 0, 0, 1);

#[test]
fn the_mark_is_found_in_every_light() {
    for preset in [
        Preset::Standard,
        Preset::Mild,
        Preset::Strong,
        Preset::Narrow,
        Preset::Noisy,
        Preset::Defocus,
        Preset::Glare,
        Preset::Laser,
    ] {
        for config in [marked(preset), half_size(marked(preset))] {
            // The full-size images of these only: time.
            if config.rig.width == 1280 && !matches!(preset, Preset::Strong | Preset::Glare) {
                continue;
            }
            let (image, at) = marked_image(config);
            let found = find(&image).unwrap_or_else(|error| panic!("{preset:?}, {} px: {error}", image.width()));
            println!("{preset:?} {}: {:.2} px off", image.width(), (found.pixel - at).norm());
            assert_eq!((found.turn, found.mark), (STRAIGHT, Mark::of_pitch_mm(1.1).unwrap()), "{preset:?}");
            assert!((found.pixel - at).norm() < 1.0, "{preset:?}: {} instead of {at}", found.pixel);
        }
    }
}

/// A quarter turn to the right, and a mirroring, in pixels and in camera numbers (n_v, −n_h).
#[test]
fn the_mark_tells_how_the_image_is_turned_and_mirrored() {
    let (mut image, mut at) = marked_image(half_size(marked(Preset::Strong)));
    let right = Matrix2::new(0, 1, -1, 0);
    let mirror = Matrix2::new(-1, 0, 0, 1);
    // Takes the numbers of the image as it is now to the print's.
    let mut turn = STRAIGHT;
    for (mirrored, quarters) in [(false, 3), (true, 2)] {
        for _ in 0..quarters {
            let found = find(&image).unwrap();
            assert_eq!((found.turn, found.mark.pitch_mm()), (turn, 1.1), "mirrored: {mirrored}");
            assert!((found.pixel - at).norm() < 1.0);
            at = Vector2::new(f64::from(image.height()) - 1.0 - at.y, at.x);
            image = imageops::rotate90(&image);
            // What was up is right now.
            turn *= right.transpose();
        }
        at.x = f64::from(image.width()) - 1.0 - at.x;
        image = imageops::flip_horizontal(&image);
        turn *= mirror;
    }
}

/// Covers the mark's cell (column, row) in an image of the left camera with paper or ink.
fn cover(image: &mut GrayImage, scene: &Scene, cell: [i32; 2], level: f32) {
    let robot_from_lines = scene.lines_from_robot().try_inverse().unwrap();
    let centre =
        robot_from_lines * Vector3::new(1.1 * (f64::from(cell[0]) + 0.5), 1.1 * (f64::from(cell[1]) + 0.5), 0.0);
    let pixel = scene.project(Camera::Left, centre).unwrap();
    for (u, v, value) in image.enumerate_pixels_mut() {
        if (Vector2::new(f64::from(u), f64::from(v)) - pixel).norm() < 7.0 {
            value.0[0] = level;
        }
    }
}

#[test]
fn one_cell_in_doubt_is_made_up_for_a_wrong_one_is_not() {
    let scene = Cell::new(half_size(marked(Preset::Standard)));
    let (paper, half, ink) = (0.8, 0.46, 0.12);
    let clean = scene.image(Camera::Left, Vector3::zeros(), 0);
    let fit = fit_cold(&clean, &FitOptions::default()).unwrap();
    let with = |changes: &[([i32; 2], f32)]| {
        let mut image = clean.clone();
        changes.iter().for_each(|(cell, level)| cover(&mut image, &scene, *cell, *level));
        locate::find(&image, &fit.parameters)
    };
    for cell in [[0, 0], [-3, 1], [1, 1], [2, -1], [-1, 0]] {
        assert_eq!(with(&[(cell, half)]).unwrap().mark.pitch_mm(), 1.1, "{cell:?}");
    }
    let origin = scene.origin_px().left;
    for (changes, flaws) in [
        (&[([1, 0], ink)][..], (0, 0)),
        (&[([0, 1], paper)], (0, 0)),
        (&[([1, 1], half), ([2, 0], paper)], (1, 0)),
        (&[([1, 1], half), ([2, 0], half)], (2, 0)),
        (&[([3, 0], ink)], (0, 1)),
    ] {
        match with(changes) {
            Err(OriginError::Unreadable { pixel, unread, soiled }) => {
                assert!((pixel - origin).norm() < 2.0, "{pixel} instead of {origin}");
                assert_eq!((unread, soiled), flaws, "{changes:?}");
            }
            other => panic!("{changes:?}: {other:?}"),
        }
    }
    // Without the dots that make it a mark it is none.
    let error = with(&[([0, 0], paper)]).unwrap_err();
    assert!(matches!(error, OriginError::NotFound { dark: 11, .. }), "{error}");
}

#[test]
fn no_mark_and_two_marks_and_half_a_mark_are_told_apart() {
    let (bare, _) = marked_image(half_size(SceneConfig::default()));
    assert!(matches!(find(&bare), Err(OriginError::NotFound { cells: 300.., dark: 0 })));
    let (image, at) = marked_image(half_size(marked(Preset::Mild)));
    let fit = fit_cold(&image, &FitOptions::default()).unwrap();
    // Its dots again, eight lines to the right.
    let found = locate::find(&image, &fit.parameters).unwrap();
    let mut two = image.clone();
    for [column, row] in found.mark.dots() {
        let centre = Vector2::new(f64::from(column) + 8.5, f64::from(row) + 0.5);
        let centre = found.pixel_at(&fit.parameters, centre).unwrap();
        for (u, v, value) in two.enumerate_pixels_mut() {
            if (Vector2::new(f64::from(u), f64::from(v)) - centre).norm() < 5.5 {
                value.0[0] = 0.12;
            }
        }
    }
    let error = locate::find(&two, &fit.parameters).unwrap_err();
    assert!(matches!(error, OriginError::Several { .. }), "{error}");
    // The left border runs through the mark.
    let left = (at.x - 25.0) as u32;
    let half = imageops::crop_imm(&image, left, 0, image.width() - left, image.height()).to_image();
    let error = find(&half).unwrap_err();
    assert!(matches!(error, OriginError::Unreadable { unread: 4.., .. }), "{error}");
}

/// Squared errors of the intersections in units of what they claim: those next to dots are bent, if not dropped, and are
/// what a session leaves out; the others are not.
#[test]
fn dots_bend_only_the_intersections_next_to_them() {
    let mut config = half_size(marked(Preset::Noisy));
    // So faint that what dots bend is not dropped before.
    (config.sensor.shot_noise, config.sensor.read_noise) = (0.032, 0.024);
    (config.light.paper, config.light.ink) = (0.5, 0.16);
    let scene = Cell::new(config);
    let robot_from_lines = scene.lines_from_robot().try_inverse().unwrap();
    // Next to dots, one line further, elsewhere.
    let mut errors: [Vec<f64>; 3] = Default::default();
    for frame in 0..3 {
        let image = scene.image(Camera::Left, Vector3::zeros(), frame);
        let fit = fit_cold(&image, &FitOptions::default()).unwrap();
        let found = locate::find(&image, &fit.parameters).unwrap();
        for i in local::measure(&image, &fit.parameters) {
            let lines = [i.lines.v - found.origin.v, found.origin.h - i.lines.h];
            let mut near = (-1..=1).flat_map(|x| (-1..=1).map(move |y| [lines[0] + x, lines[1] + y]));
            let class = match found.mark.touches(lines) {
                true => 0,
                false if near.any(|lines| found.mark.touches(lines)) => 1,
                false => 2,
            };
            let point = robot_from_lines * Vector3::new(1.1 * f64::from(lines[0]), 1.1 * f64::from(lines[1]), 0.0);
            let error = scene.project(Camera::Left, point).unwrap() - i.pixel;
            errors[class].push(0.5 * error.dot(&(i.covariance_px2.try_inverse().unwrap() * error)));
        }
    }
    let counts = errors.each_ref().map(Vec::len);
    let normalised = errors.map(|errors| errors.iter().sum::<f64>() / errors.len() as f64);
    println!("normalised squared error {normalised:.2?} of {counts:?} intersections");
    assert!(normalised[0] > 9.0, "{normalised:?}");
    assert!(counts[1] > 80 && normalised[1] < 1.3 && normalised[2] < 1.1, "{normalised:?}");
}
