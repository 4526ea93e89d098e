//! The printed target: what the SVG file says, seen by a camera straight above it.

use grating_calibration::GrayImage;
use grating_calibration::grating::refine::{FitOptions, fit_cold};
use grating_calibration::lattice::{local, origin};
use grating_calibration::target::{Paper, Target, TargetError};
use nalgebra::Matrix2;

/// The numbers of an element's attributes; `None` where one is missing.
fn numbers<const N: usize>(element: &str, names: [&str; N]) -> Option<[f64; N]> {
    let mut values = [0.0; N];
    for (value, name) in values.iter_mut().zip(names) {
        let (_, rest) = element.split_once(&format!(" {name}=\""))?;
        *value = rest.split_once('"')?.0.parse().ok()?;
    }
    Some(values)
}

/// Black at (x, y) mm of the page.
struct Page {
    rects: Vec<[f64; 4]>,
    circles: Vec<[f64; 3]>,
}

impl Page {
    fn read(svg: &str) -> Self {
        let elements = || svg.split('<');
        let is = |name: &'static str| elements().filter(move |element| element.starts_with(name));
        Page {
            rects: is("rect ").filter_map(|e| numbers(e, ["x", "y", "width", "height"])).collect(),
            circles: is("circle ").filter_map(|e| numbers(e, ["cx", "cy", "r"])).collect(),
        }
    }

    fn is_black(&self, x: f64, y: f64) -> bool {
        let in_rect = |[left, top, w, h]: &[f64; 4]| (*left..left + w).contains(&x) && (*top..top + h).contains(&y);
        let in_circle = |[cx, cy, r]: &[f64; 3]| (x - cx).hypot(y - cy) < *r;
        self.rects.iter().any(in_rect) || self.circles.iter().any(in_circle)
    }

    /// `width` × `height` px around a place, 5 × 5 samples a pixel.
    fn image(&self, [cx, cy]: [f64; 2], px_per_mm: f64, width: u32, height: u32) -> GrayImage {
        let (w, h) = (f64::from(width), f64::from(height));
        let (reach_x, reach_y) = (w / px_per_mm, h / px_per_mm);
        let near_rect = |[x, y, w, h]: &[f64; 4]| {
            x - cx < reach_x && y - cy < reach_y && cx - (x + w) < reach_x && cy - (y + h) < reach_y
        };
        let rects = self.rects.iter().copied().filter(near_rect).collect();
        let near = Page { rects, circles: self.circles.clone() };
        GrayImage::from_fn(width, height, |u, v| {
            let sample = |n: u32| {
                let (i, j) = (f64::from(n % 5) / 5.0 - 0.4, f64::from(n / 5) / 5.0 - 0.4);
                let x = cx + (f64::from(u) + i - 0.5 * (w - 1.0)) / px_per_mm;
                let y = cy + (f64::from(v) + j - 0.5 * (h - 1.0)) / px_per_mm;
                f32::from(u8::from(near.is_black(x, y)))
            };
            image::Luma([0.85 - 0.7 * (0..25).map(sample).sum::<f32>() / 25.0])
        })
    }
}

#[test]
fn the_printed_file_shows_grid_and_mark() {
    for (pitch_mm, line_mm, paper) in [(1.1, 0.2, Paper::A4), (2.54, 0.5, Paper::Letter)] {
        let target = Target::new(pitch_mm, line_mm, paper, true).unwrap();
        let svg = target.svg();
        let [width, height] = paper.size_mm();
        assert!(svg.contains(&format!("width=\"{width}mm\" height=\"{height}mm\" viewBox=\"0 0 {width} {height}\"")));
        let page = Page::read(&svg);
        assert!(svg.contains(&format!("the pitch is {pitch_mm} mm × L / 100.")));
        // Inside what printers reach.
        assert!(
            page.rects.iter().all(|[x, y, w, h]| *x > 9.9 && *y > 9.9 && x + w < width - 9.9 && y + h < height - 9.9)
        );
        // The bar: 100 mm from end to end.
        assert!(page.rects.iter().any(|[x, _, w, h]| (*x, *w) == (10.0, 100.0) && *h < 1.0));
        // The origin is 17.5 px right of and 7.5 px below the image's centre.
        let px_per_mm = 16.0 / pitch_mm;
        let centre = [target.origin_mm[0] - 17.5 / px_per_mm, target.origin_mm[1] - 7.5 / px_per_mm];
        let image = page.image(centre, px_per_mm, 400, 240);
        let fit = fit_cold(&image, &FitOptions::default()).unwrap();
        let found = origin::find(&image, &fit.parameters).unwrap();
        assert_eq!((found.mark.pitch_mm(), found.turn), (pitch_mm, Matrix2::identity()));
        let at = found.pixel - nalgebra::Vector2::new(199.5 + 17.5, 119.5 + 7.5);
        assert!(at.norm() < 0.3, "{at}");
        let intersections = local::measure(&image, &fit.parameters);
        assert!(intersections.len() > 150);
        for i in intersections {
            // Away from the dots each is where it was drawn.
            let lines = [i.lines.v - found.origin.v, found.origin.h - i.lines.h];
            let drawn = [199.5 + 17.5 + 16.0 * f64::from(lines[0]), 119.5 + 7.5 - 16.0 * f64::from(lines[1])];
            let miss = (i.pixel.x - drawn[0]).hypot(i.pixel.y - drawn[1]);
            assert!(miss < 0.05 || found.mark.touches(lines), "{miss} px at {lines:?}");
        }
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
    assert!(Page::read(&bare).circles.is_empty());
}
