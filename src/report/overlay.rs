//! Grids drawn over images.

use crate::GrayImage;
use crate::camera::Camera;
use crate::grating::normal_equations::GratingParameters;
use crate::lattice::intersections::{Intersection, PhaseField};
use crate::lattice::origin::OriginMark;
use crate::mapping::Calibration;
use image::{Rgb, RgbImage};
use nalgebra::{Vector2, Vector3};
use std::f64::consts::{PI, TAU};

const H_LINES: [f64; 3] = [0.0, 190.0, 255.0];
const V_LINES: [f64; 3] = [255.0, 150.0, 0.0];
const CROSS: [f64; 3] = [255.0, 40.0, 90.0];

fn canvas(image: &GrayImage) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |u, v| {
        // Lighter than the image, so that colours stand out on its dark lines.
        let value = (60.0 + 195.0 * image.get_pixel(u, v).0[0].clamp(0.0, 1.0)) as u8;
        Rgb([value; 3])
    })
}

/// Mixes `colour` into a pixel; nothing outside the image.
fn blend(canvas: &mut RgbImage, u: i64, v: i64, colour: [f64; 3], share: f64) {
    if u < 0 || v < 0 || u >= i64::from(canvas.width()) || v >= i64::from(canvas.height()) {
        return;
    }
    let pixel = canvas.get_pixel_mut(u as u32, v as u32);
    for (channel, colour) in pixel.0.iter_mut().zip(colour) {
        *channel = (f64::from(*channel) * (1.0 - share) + colour * share) as u8;
    }
}

fn cross(canvas: &mut RgbImage, at: Vector2<f64>, reach: i64) {
    let (u, v) = (at.x.round() as i64, at.y.round() as i64);
    for step in -reach..=reach {
        blend(canvas, u + step, v, CROSS, 0.9);
        blend(canvas, u, v + step, CROSS, 0.9);
    }
}

/// The fitted lines (h blue, v orange), the measured intersections, and the origin mark's axes: +x a long, +y a short line.
pub fn draw(
    image: &GrayImage,
    fit: &GratingParameters,
    intersections: &[Intersection],
    mark: Option<&OriginMark>,
) -> RgbImage {
    let mut canvas = canvas(image);
    for v in 0..image.height() {
        for u in 0..image.width() {
            let (phases, jacobian) = fit.phases_and_jacobian(Vector2::new(f64::from(u), f64::from(v)));
            for (axis, colour) in [H_LINES, V_LINES].into_iter().enumerate() {
                let from_line = (phases[axis] - 1.5 * PI + PI).rem_euclid(TAU) - PI;
                let distance_px = from_line.abs() / jacobian.row(axis).norm().max(1e-9);
                let share = (1.3 - distance_px).clamp(0.0, 1.0);
                blend(&mut canvas, i64::from(u), i64::from(v), colour, 0.8 * share);
            }
        }
    }
    for intersection in intersections {
        cross(&mut canvas, intersection.pixel, 4);
    }
    if let Some(mark) = mark {
        for (axis, pitches) in [(0, 3.0), (1, 2.0)] {
            for dot in 0..400 {
                let mut at = Vector2::zeros();
                at[axis] = pitches * f64::from(dot) / 400.0;
                if let Some(pixel) = mark.pixel_at(fit, at) {
                    dot_at(&mut canvas, pixel, CROSS);
                }
            }
        }
    }
    canvas
}

/// The grid where the calibration says that it is, at height `height_mm`, over the image of `camera`.
pub fn predicted(image: &GrayImage, calibration: &Calibration, camera: Camera, height_mm: f64) -> RgbImage {
    let mut canvas = canvas(image);
    let pitch = calibration.pitch_mm;
    let reach = |axis: usize| {
        let (low, high) = (calibration.volume.min_mm[axis] / pitch, calibration.volume.max_mm[axis] / pitch);
        low.floor() as i64..=high.ceil() as i64
    };
    // A third of a pixel or so between two dots of a line.
    let dots = 120_i64;
    for (across, along, colour) in [(1, 0, H_LINES), (0, 1, V_LINES)] {
        for line in reach(across) {
            let run = reach(along);
            for dot in run.start() * dots..=run.end() * dots {
                let mut point = Vector3::new(0.0, 0.0, -height_mm);
                point[across] = line as f64 * pitch;
                point[along] = dot as f64 * pitch / dots as f64;
                let answer = calibration.point_to_pixel(camera, point);
                if answer.status.is_answered() {
                    dot_at(&mut canvas, answer.pixel, colour);
                }
            }
        }
    }
    let origin = calibration.point_to_pixel(camera, Vector3::new(0.0, 0.0, -height_mm));
    if origin.status.is_answered() {
        cross(&mut canvas, origin.pixel, 14);
    }
    canvas
}

/// Spreads a dot over the four pixels around it.
fn dot_at(canvas: &mut RgbImage, at: Vector2<f64>, colour: [f64; 3]) {
    let (u, v) = (at.x.floor(), at.y.floor());
    let (x, y) = (at.x - u, at.y - v);
    for (du, dv, share) in [(0, 0, (1.0 - x) * (1.0 - y)), (1, 0, x * (1.0 - y)), (0, 1, (1.0 - x) * y), (1, 1, x * y)]
    {
        blend(canvas, u as i64 + du, v as i64 + dv, colour, 0.35 * share);
    }
}
