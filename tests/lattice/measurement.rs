//! Measured intersections against the simulator's truth: as accurate as they claim, in every light.

use crate::common::cell::Cell;
use grating_calibration::GrayImage;
use grating_calibration::camera::Camera;
use grating_calibration::grating::fit::refine::{FitOptions, fit_cold};
use grating_calibration::lattice::local;
use grating_calibration::sim::preset::Preset;
use nalgebra::{Vector2, Vector3};

/// Errors of all intersections in images of `preset` at a few heights.
struct Judged {
    found: usize,
    /// Of the intersections that are well within the image.
    seen: f64,
    rms_px: f64,
    worst_px: f64,
    /// Mean of eᵀ C⁻¹ e / 2; 1 where the covariance is right.
    normalised_squared_error: f64,
}

fn judge(preset: Preset, retouch: impl Fn(&mut GrayImage)) -> Judged {
    let scene = Cell::new(preset.config());
    let robot_from_lines = scene.lines_from_robot().try_inverse().unwrap();
    let pitch = scene.config().grid.pitch_mm;
    let (mut found, mut inside, mut squares, mut normalised, mut worst) = (0, 0, 0.0, 0.0, 0.0_f64);
    for (frame, height_mm) in [0.0, 7.3, 20.0].into_iter().enumerate() {
        let displacement = Vector3::new(0.0, 0.0, height_mm);
        let mut image = scene.image(Camera::Left, displacement, frame as u64);
        retouch(&mut image);
        let fit = fit_cold(&image, &FitOptions::default()).unwrap();
        let (width, height) = (f64::from(image.width()), f64::from(image.height()));
        let mut truth = Vec::new();
        for h in -40..=40 {
            for v in -60..=60 {
                let point =
                    robot_from_lines * Vector3::new(f64::from(v) * pitch, f64::from(h) * pitch, 0.0) - displacement;
                truth.extend(scene.project(Camera::Left, point));
            }
        }
        let margin = 0.03 * width;
        inside += truth
            .iter()
            .filter(|p| p.x > margin && p.y > margin && p.x < width - margin && p.y < height - margin)
            .count();
        for intersection in local::measure(&image, &fit.parameters) {
            let miss = |p: &&Vector2<f64>| (*p - intersection.pixel).norm();
            let nearest = truth.iter().min_by(|a, b| miss(a).total_cmp(&miss(b))).unwrap();
            let error = nearest - intersection.pixel;
            squares += error.norm_squared();
            normalised += 0.5 * error.dot(&(intersection.covariance_px2.try_inverse().unwrap() * error));
            worst = worst.max(error.norm());
            found += 1;
        }
    }
    let per = 1.0 / f64::from(found);
    let judged = Judged {
        found: found as usize,
        seen: f64::from(found) / inside as f64,
        rms_px: (0.5 * squares * per).sqrt(),
        worst_px: worst,
        normalised_squared_error: normalised * per,
    };
    let Judged { found, seen, rms_px, worst_px, normalised_squared_error } = judged;
    println!(
        "{preset:?}: {found} found ({seen:.2}), {rms_px:.4} px rms an axis, at most {worst_px:.3} px, normalised {normalised_squared_error:.3}"
    );
    judged
}

#[test]
fn claimed_covariance_is_the_measured_one() {
    for (preset, limit_px) in [
        (Preset::Standard, 0.02),
        (Preset::Mild, 0.02),
        (Preset::Strong, 0.02),
        (Preset::Narrow, 0.02),
        (Preset::Noisy, 0.15),
        (Preset::Defocus, 0.05),
        (Preset::Glare, 0.05),
    ] {
        let judged = judge(preset, |_| {});
        assert!(judged.rms_px < limit_px, "{preset:?}");
        // Windows that touch what the glare saturates are left out.
        let seen = if preset == Preset::Glare { 0.8 } else { 0.9 };
        assert!(judged.seen > seen, "{preset:?}");
        assert!((0.9..1.1).contains(&judged.normalised_squared_error), "{preset:?}");
    }
}

/// Specks of dust of 6 … 14 px, and ink missing over 30 × 12 px, all over the image.
#[test]
fn dust_and_missing_ink_are_measured_around_or_dropped() {
    let clean = judge(Preset::Standard, |_| {});
    let dirty = judge(Preset::Standard, |image| {
        let mut random = 12_345_u32;
        let mut below = |n: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % n
        };
        for n in 0..80 {
            let (width, height) = if n % 4 == 0 { (30, 12) } else { (6 + below(8), 6 + below(8)) };
            let level = if n % 4 == 0 { 0.75 } else { 0.15 };
            let (left, top) = (below(image.width() - width), below(image.height() - height));
            for (u, v) in (0..width).flat_map(|u| (0..height).map(move |v| (left + u, top + v))) {
                image.put_pixel(u, v, image::Luma([level]));
            }
        }
    });
    assert!(dirty.found as f64 > 0.7 * clean.found as f64);
    // What is left at the border, where neighbours say little, is for the mapping's own outlier test.
    assert!(dirty.rms_px < 5.0 * clean.rms_px && dirty.worst_px < 0.8);
}
