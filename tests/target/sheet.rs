//! The printed target: its files, rasterised by others, seen by a camera straight above the sheet.

use crate::common::skip::skipped;
use grating_calibration::GrayImage;
use grating_calibration::grating::fit::refine::{FitOptions, fit_cold};
use grating_calibration::lattice::local;
use grating_calibration::lattice::origin_mark::locate;
use grating_calibration::target::{Paper, Shape, Target, TargetError};
use nalgebra::{Matrix2, Vector2};
use resvg::{tiny_skia, usvg};
use std::process::Command;
use strum::VariantArray;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 400;
/// Pixels a pitch.
const PITCH_PX: f64 = 16.0;

/// What part of the sheet is looked at, from `corner` on, whole pixels of `per_mm` a millimetre.
struct Window {
    corner: [i32; 2],
    per_mm: f64,
}

impl Window {
    /// Around the origin, which is neither in its middle nor on a whole pixel.
    fn around(target: &Target, pitch_mm: f64) -> Self {
        let per_mm = PITCH_PX / pitch_mm;
        let corner = |axis: usize, side: u32, off: f64| {
            (target.origin_mm[axis] * per_mm - 0.5 * f64::from(side) - off * PITCH_PX) as i32
        };
        Window { corner: [corner(0, WIDTH, 1.3), corner(1, HEIGHT, 0.6)], per_mm }
    }

    /// Pixel of a place on the sheet; integer coordinates are pixel centres.
    fn pixel(&self, [x, y]: [f64; 2]) -> Vector2<f64> {
        let at = |mm: f64, corner: i32| mm * self.per_mm - f64::from(corner) - 0.5;
        Vector2::new(at(x, self.corner[0]), at(y, self.corner[1]))
    }

    fn svg(&self, svg: &str, size_mm: [f64; 2]) -> GrayImage {
        let tree = usvg::Tree::from_str(svg, &usvg::Options::default()).unwrap();
        // True scale: a CSS pixel is 1/96 of an inch.
        let css_mm = 25.4 / 96.0;
        for (side, mm) in [tree.size().width(), tree.size().height()].into_iter().zip(size_mm) {
            assert!((f64::from(side) * css_mm - mm).abs() < 1e-3, "{side} px are not {mm} mm");
        }
        let scale = (self.per_mm * css_mm) as f32;
        let [left, top] = self.corner.map(|corner| -(corner as f32));
        let mut map = tiny_skia::Pixmap::new(WIDTH, HEIGHT).unwrap();
        resvg::render(&tree, tiny_skia::Transform::from_row(scale, 0.0, 0.0, scale, left, top), &mut map.as_mut());
        let brightness = |u, v| f32::from(map.pixel(u, v).unwrap().green()) / 255.0;
        GrayImage::from_fn(WIDTH, HEIGHT, |u, v| image::Luma([0.1 + 0.8 * brightness(u, v)]))
    }

    /// `None` where poppler is not installed; scripts/setup/run.sh does.
    fn pdf(&self, pdf: &[u8]) -> Option<GrayImage> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("target.pdf");
        std::fs::write(&file, pdf).unwrap();
        let [left, top] = self.corner.map(|corner| corner.to_string());
        let (width, height, dpi) = (WIDTH.to_string(), HEIGHT.to_string(), (25.4 * self.per_mm).to_string());
        let window = ["-r", &dpi, "-x", &left, "-y", &top, "-W", &width, "-H", &height, "-gray", "-singlefile"];
        let Ok(drawn) = Command::new("pdftoppm").args(window).arg(&file).output() else {
            skipped("pdftoppm is missing, the PDF is not looked at: apt-get install poppler-utils");
            return None;
        };
        assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
        let image = image::load_from_memory(&drawn.stdout).unwrap().to_luma8();
        Some(GrayImage::from_fn(WIDTH, HEIGHT, |u, v| {
            image::Luma([0.1 + 0.8 * f32::from(image.get_pixel(u, v).0[0]) / 255.0])
        }))
    }
}

/// Right end of every word, mm; `None` where poppler is not installed.
fn ends_of_words(pdf: &[u8]) -> Option<Vec<f64>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, pdf).unwrap();
    let Ok(read) = Command::new("pdftotext").arg("-bbox").arg(file.path()).arg("-").output() else {
        skipped("pdftotext is missing, the text is not looked at: apt-get install poppler-utils");
        return None;
    };
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let text = String::from_utf8(read.stdout).unwrap();
    let points = text.split("xMax=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0.parse::<f64>().unwrap());
    Some(points.map(|points| points * 25.4 / 72.0).collect())
}

/// The mark says where the origin is, what the pitch is and which way is up; every intersection is where it belongs.
fn check(image: &GrayImage, window: &Window, target: &Target, pitch_mm: f64) {
    let fit = fit_cold(image, &FitOptions::default()).unwrap();
    let found = locate::find(image, &fit.parameters).unwrap();
    assert_eq!((found.mark.pitch_mm(), found.turn), (pitch_mm, Matrix2::identity()));
    assert!((found.pixel - window.pixel(target.origin_mm)).norm() < 0.3);
    let (mut numbers, mut pixels) = (Vec::new(), Vec::new());
    for i in local::measure(image, &fit.parameters) {
        let lines = [i.lines.v - found.origin.v, found.origin.h - i.lines.h];
        // Away from the dots.
        if !found.mark.touches(lines) {
            numbers.push(Vector2::new(f64::from(lines[0]), -f64::from(lines[1])));
            pixels.push(i.pixel);
        }
    }
    assert!(numbers.len() > 400, "{} intersections", numbers.len());
    for axis in 0..2 {
        // Place and distance of the lines by least squares.
        let count = numbers.len() as f64;
        let mean = numbers.iter().map(|n| n[axis]).sum::<f64>() / count;
        let spread: f64 = numbers.iter().map(|n| (n[axis] - mean).powi(2)).sum();
        let pitch_px = numbers.iter().zip(&pixels).map(|(n, p)| (n[axis] - mean) * p[axis]).sum::<f64>() / spread;
        assert!((pitch_px / PITCH_PX - 1.0).abs() < 1e-3, "{pitch_px} px, {PITCH_PX} px were drawn");
        let origin_px = pixels.iter().map(|p| p[axis]).sum::<f64>() / count - mean * pitch_px;
        let miss = origin_px - window.pixel(target.origin_mm)[axis];
        // Both rasterise edges to a quarter of a pixel.
        assert!(miss.abs() < 0.13, "the origin is off by {miss} px");
    }
}

#[test]
fn svg_and_pdf_show_grid_and_mark_at_true_scale() {
    for (&paper, (pitch_mm, line_mm)) in
        Paper::VARIANTS.iter().zip([(1.1, 0.2), (0.85, 0.15), (2.54, 0.5)].into_iter().cycle())
    {
        let target = Target::new(pitch_mm, line_mm, paper, true).unwrap();
        let window = Window::around(&target, pitch_mm);
        check(&window.svg(&target.svg(), paper.size_mm()), &window, &target, pitch_mm);
        if let Some(image) = window.pdf(&target.pdf()) {
            check(&image, &window, &target, pitch_mm);
        }
    }
}

#[test]
fn the_sheet_fits_the_printer_and_says_how_to_check_it() {
    for (&paper, pitch_mm) in Paper::VARIANTS.iter().zip([1.1, 0.2, 2.54].into_iter().cycle()) {
        let target = Target::new(pitch_mm, 0.05, paper, true).unwrap();
        let [width, height] = target.size_mm;
        let mut bar = false;
        for shape in &target.shapes {
            if let Shape::Rect { at: [x, y], size: [w, h] } = *shape {
                // Inside what printers reach.
                assert!(x > 9.9 && y > 9.9 && x + w < width - 9.9 && y + h < height - 9.9, "{shape:?}");
                bar |= (x, w) == (10.0, 100.0) && h < 1.0;
            }
        }
        assert!(bar, "100 mm from end to end");
        let text: String = target.text.iter().map(|(_, line)| line.as_str()).collect();
        assert!(text.contains("Print at 100 %") && text.contains(&format!("the pitch is {pitch_mm} mm × L / 100.")));
        // What the PDF's font can't write would be a question mark.
        assert!(text.chars().all(|letter| u8::try_from(letter).is_ok()), "{text}");
        for ([_, y], line) in &target.text {
            assert!(*y < height - 9.0, "'{line}' is in the printer's margin");
        }
        let Some(ends_mm) = ends_of_words(&target.pdf()) else { continue };
        let words = target.text.iter().flat_map(|(_, line)| line.split_whitespace()).count();
        assert_eq!(ends_mm.len(), words, "{paper}: words lie beyond the sheet");
        let end_mm = ends_mm.into_iter().fold(0.0, f64::max);
        assert!(
            end_mm < width - 9.9,
            "{paper}: the text ends at {end_mm} mm, in the printer's margin or beyond the sheet"
        );
    }
}

#[test]
fn impossible_targets_are_refused() {
    let error = |pitch_mm: f64, line_mm: f64| Target::new(pitch_mm, line_mm, Paper::A4, true).unwrap_err();
    assert!(matches!(error(f64::NAN, 0.2), TargetError::Pitch { .. }));
    assert!(matches!(error(100.0, 0.2), TargetError::Pitch { .. }));
    assert!(error(1.1, 0.5).to_string().contains("0.02 … 0.330 mm"));
    assert!(error(1.105, 0.2).to_string().contains("1.105"));
    let bare = Target::new(1.105, 0.2, Paper::A4, false).unwrap().svg();
    assert!(!bare.contains("<circle"));
}
