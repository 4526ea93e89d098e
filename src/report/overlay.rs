//! Grids drawn over images.

use crate::GrayImage;
use crate::camera::Camera;
use crate::grating::parameters::GratingParameters;
use crate::grating::phase_field::PhaseField;
use crate::lattice::intersections::Intersection;
use crate::lattice::origin_mark::locate::OriginMark;
use crate::mapping::calibration::Calibration;
use crate::report::canvas::{Canvas, Colour};
use crate::report::lattice::{self, GridPoint, segments};
use image::RgbImage;
use nalgebra::{Vector2, Vector3};
use std::f64::consts::{PI, TAU};

const H_LINES: Colour = [0.0, 190.0, 255.0];
const V_LINES: Colour = [255.0, 150.0, 0.0];
const CROSS: Colour = [255.0, 40.0, 90.0];
const X_AXIS: Colour = [255.0, 70.0, 60.0];
const Y_AXIS: Colour = [60.0, 230.0, 90.0];
const WORST: Colour = [255.0, 60.0, 255.0];
const TEXT: Colour = [255.0, 255.0, 255.0];
/// Black of the image below the drawing: lighter, so that colours stand out on its dark lines.
const BLACK_LEVEL: f64 = 60.0 / 255.0;
/// Intersections that are called the worst.
const WORST_COUNT: usize = 6;
/// Least distance between two line numbers, px: they stay readable.
const MIN_LABEL_DISTANCE_PX: f64 = 46.0;

/// The fitted lines (h blue, v orange), the measured intersections, and the origin mark's axes: +x a long, +y a short line.
pub fn draw(
    image: &GrayImage,
    fit: &GratingParameters,
    intersections: &[Intersection],
    mark: Option<&OriginMark>,
) -> RgbImage {
    let mut canvas = Canvas::with(image, BLACK_LEVEL);
    for v in 0..image.height() {
        for u in 0..image.width() {
            let (phases, jacobian) = fit.phases_and_jacobian(Vector2::new(f64::from(u), f64::from(v)));
            for (axis, colour) in [H_LINES, V_LINES].into_iter().enumerate() {
                let from_line = (phases[axis] - 1.5 * PI + PI).rem_euclid(TAU) - PI;
                let distance_px = from_line.abs() / jacobian.row(axis).norm().max(1e-9);
                let share = (1.3 - distance_px).clamp(0.0, 1.0);
                canvas.blend(i64::from(u), i64::from(v), colour, 0.8 * share);
            }
        }
    }
    for intersection in intersections {
        canvas.cross(intersection.pixel, 4, CROSS);
    }
    if let Some(mark) = mark {
        for (axis, pitches) in [(0, 3.0), (1, 2.0)] {
            for dot in 0..400 {
                let mut at = Vector2::zeros();
                at[axis] = pitches * f64::from(dot) / 400.0;
                if let Some(pixel) = mark.pixel_at(fit, at) {
                    canvas.dot(pixel, CROSS, 0.35);
                }
            }
        }
    }
    canvas.0
}

/// The grid where the calibration says that it is, at height `height_mm`, over the image of `camera`.
pub fn predicted(image: &GrayImage, calibration: &Calibration, camera: Camera, height_mm: f64) -> RgbImage {
    let points = lattice::predicted(calibration, camera, Vector3::new(0.0, 0.0, height_mm));
    grid(Canvas::with(image, BLACK_LEVEL), &points, None)
}

/// The same over a live image, with a line of text about it.
pub fn live(image: &GrayImage, points: &[GridPoint], caption: &str) -> RgbImage {
    grid(Canvas::of(image), points, Some(caption))
}

/// Lines with their numbers (x and y in pitches), origin, axes and the worst intersections.
fn grid(mut canvas: Canvas, points: &[GridPoint], caption: Option<&str>) -> RgbImage {
    for (from, to, along) in segments(points) {
        canvas.line(points[from].pixel, points[to].pixel, [H_LINES, V_LINES][along]);
    }
    let origin = points.iter().find(|point| point.lines == [0, 0]);
    if let Some(origin) = origin {
        for (axis, colour, name) in [(0, X_AXIS, "x"), (1, Y_AXIS, "y")] {
            let along = |steps: i32| {
                let lines = if axis == 0 { [steps, 0] } else { [0, steps] };
                points.iter().find(|point| point.lines == lines)
            };
            if let Some(tip) = (1..=3).rev().find_map(along) {
                canvas.bold_line(origin.pixel, tip.pixel, colour);
                let beyond = tip.pixel + (tip.pixel - origin.pixel).try_normalize(1e-9).unwrap_or_default() * 14.0;
                canvas.label(name, beyond, colour);
            }
        }
        canvas.ring(origin.pixel, 9.0, CROSS);
    }
    numbers(&mut canvas, points, 0, V_LINES);
    numbers(&mut canvas, points, 1, H_LINES);
    let mut missing: Vec<&GridPoint> = points.iter().filter(|point| point.error_um.is_finite()).collect();
    missing.sort_by(|a, b| b.error_um.total_cmp(&a.error_um));
    for (rank, point) in missing.iter().take(WORST_COUNT).enumerate().rev() {
        canvas.ring(point.pixel, 13.0, WORST);
        if rank == 0 {
            let text = format!("{:.1} µm", point.error_um);
            canvas.label(&text, point.pixel + Vector2::new(0.0, 26.0), WORST);
        }
    }
    if let Some(caption) = caption {
        let below = Vector2::new(0.5 * f64::from(canvas.0.width()), f64::from(canvas.0.height()));
        canvas.label(caption, below, TEXT);
    }
    canvas.0
}

/// Numbers of the lines that cross `axis`, each where its line begins: at the top, or on the left.
fn numbers(canvas: &mut Canvas, points: &[GridPoint], axis: usize, colour: Colour) {
    let mut ends = std::collections::BTreeMap::<i32, Vector2<f64>>::new();
    for point in points {
        let end = ends.entry(point.lines[axis]).or_insert(point.pixel);
        // The line crosses `axis`: it begins where the other coordinate of the pixel is smallest.
        if point.pixel[1 - axis] < end[1 - axis] {
            *end = point.pixel;
        }
    }
    let (Some(first), Some(last)) = (ends.first_key_value(), ends.last_key_value()) else { return };
    let spacing = (last.1 - first.1).norm() / f64::from((last.0 - first.0).max(1));
    let every = [1, 2, 5, 10, 20].into_iter().find(|n| f64::from(*n) * spacing >= MIN_LABEL_DISTANCE_PX).unwrap_or(50);
    let size = [canvas.0.width(), canvas.0.height()].map(f64::from);
    for (number, end) in ends.into_iter().filter(|(number, _)| number % every == 0) {
        let mut at = end;
        at[1 - axis] -= 16.0;
        // The corner belongs to both.
        let free = at[axis] > 40.0 && at[axis] < size[axis] - 24.0;
        if free {
            canvas.label(&number.to_string(), at, colour);
        }
    }
}
