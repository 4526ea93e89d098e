//! The origin mark in an image: which intersection is the origin, how the camera is turned, what pitch is printed.
//!
//! The fitted phases say where every cell is. Each is compared with its own lines and its own paper, so that neither
//! glare nor a shadow matters:
//! ```text
//! darkness = (paper − centre) / (paper − lines)
//! ```
//! is about 1 for a dot, 0 for none; in between, or where the lines don't show, the cell counts as unread. The mark
//! ([`crate::lattice::origin_mark::mark`]) is then looked for around every intersection, in all eight orientations.

use crate::GrayImage;
use crate::grating::model::brightness;
use crate::grating::parameters::GratingParameters;
use crate::grating::phase_field::{LineNumbers, PhaseField};
use crate::lattice::intersections::{in_image, solve};
use crate::lattice::origin_mark::mark::{COLUMNS, Mark, ROWS, Reading};
use crate::setting::Setting;
use crate::statistics::falls_short;
use nalgebra::{Matrix2, Vector2};
use rustc_hash::FxHashMap;
use std::f64::consts::{PI, TAU};

/// The mark as one camera sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OriginMark {
    /// The intersection at the origin, in the fit's own numbers.
    pub origin: LineNumbers,
    /// Where the fit has it, px.
    pub pixel: Vector2<f64>,
    /// Takes the camera's numbers (n_v, −n_h) from the origin to the print's (x, y).
    pub turn: Matrix2<i32>,
    /// What it tells.
    pub mark: Mark,
}

impl OriginMark {
    /// Where the fit has the print's point `at` = (x, y), in pitches, near the mark.
    pub fn pixel_at(&self, fit: &GratingParameters, at: Vector2<f64>) -> Option<Vector2<f64>> {
        let seen = self.turn.transpose().map(f64::from) * at;
        let wanted = self.origin.phases() + Vector2::new(-seen.y, seen.x) * TAU;
        let mut pixel = self.pixel;
        for _ in 0..5 {
            let (phases, jacobian) = fit.phases_and_jacobian(pixel);
            pixel += jacobian.try_inverse()? * (wanted - phases);
        }
        Some(pixel)
    }
}

/// Why there is no origin.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum OriginError {
    /// Nothing looks like a mark.
    #[error(
        "no origin mark among the {cells} cells in view, {dark} of them dark: bring the mark into view, or give {origin}",
        origin = Setting::OriginPixels
    )]
    NotFound {
        /// Cells in view.
        cells: usize,
        /// Dark ones among them.
        dark: usize,
    },
    /// Two marks are in view.
    #[error(
        "two origin marks, at ({:.0}, {:.0}) and ({:.0}, {:.0}) px: leave one in view, or cover both and give {origin}",
        .pixels[0].x, .pixels[0].y, .pixels[1].x, .pixels[1].y, origin = Setting::OriginPixels
    )]
    Several {
        /// Their origins, px.
        pixels: [Vector2<f64>; 2],
    },
    /// A mark is in view but can't be read.
    #[error(
        "the origin mark at ({:.0}, {:.0}) px can't be read, {unread} of its 24 cells are covered, washed out or out of \
         sight, and {soiled} of the blank ones around it are dark: clean it and bring all of it into view, without \
         reflections, or give {origin}", .pixel.x, .pixel.y, origin = Setting::OriginPixels
    )]
    Unreadable {
        /// Its origin, px.
        pixel: Vector2<f64>,
        /// Cells of the mark that can't be read.
        unread: usize,
        /// Dark cells of its blank margin.
        soiled: usize,
    },
}

/// Cells as dark as that are dots; as light as that are none. These are fractions of the darkness of lines. Blur makes
/// lines lighter and the paper beside them darker, so blank cells are below 0.
const DARK: f64 = 0.6;
const LIGHT: f64 = 0.35;
const BRIGHT: f64 = -1.5;
/// Lines that show less than this share of what the fit expects are washed out.
const MIN_CONTRAST: f64 = 0.15;

/// Looks for the mark in a fitted image.
///
/// # Errors
/// [`OriginError`].
pub fn find(image: &GrayImage, fit: &GratingParameters) -> Result<OriginMark, OriginError> {
    let cells = Cells::of(image, fit);
    let mut found = Vec::new();
    let mut damaged: Option<(Reading, LineNumbers)> = None;
    for origin in cells.possible_origins() {
        for turn in turns() {
            let Some(reading) = Mark::read(|cell| cells.dark(origin, turn, cell)) else { continue };
            match reading.mark {
                Some(mark) => found.push((origin, turn, mark)),
                None => {
                    let flaws = |reading: &Reading| reading.unread + reading.soiled;
                    if damaged.is_none_or(|(best, _)| flaws(&reading) < flaws(&best)) {
                        damaged = Some((reading, origin));
                    }
                }
            }
        }
    }
    let pixel = |origin: LineNumbers| cells.intersection(fit, origin);
    match (found.as_slice(), damaged) {
        (&[(origin, turn, mark)], _) => Ok(OriginMark { origin, pixel: pixel(origin), turn, mark }),
        (&[(one, ..), (other, ..), ..], _) => Err(OriginError::Several { pixels: [pixel(one), pixel(other)] }),
        ([], Some((Reading { unread, soiled, .. }, origin))) => {
            Err(OriginError::Unreadable { pixel: pixel(origin), unread, soiled })
        }
        ([], None) => {
            let dark = cells.dark.values().filter(|dark| **dark == Some(true)).count();
            Err(OriginError::NotFound { cells: cells.dark.len(), dark })
        }
    }
}

/// Quarter turns, with and without mirroring: those of [`OriginMark::turn`].
fn turns() -> impl Iterator<Item = Matrix2<i32>> {
    let straight = [[1, 1], [1, -1], [-1, 1], [-1, -1]];
    straight.into_iter().flat_map(|[a, b]| [Matrix2::new(a, 0, 0, b), Matrix2::new(0, a, b, 0)])
}

/// Phases that are those of line n half way between lines n and n + 1.
struct Between<'a>(&'a GratingParameters);

impl PhaseField for Between<'_> {
    fn phases(&self, pixel: Vector2<f64>) -> Vector2<f64> {
        self.0.phases(pixel).add_scalar(-PI)
    }

    fn phases_and_jacobian(&self, pixel: Vector2<f64>) -> (Vector2<f64>, Matrix2<f64>) {
        let (phases, jacobian) = self.0.phases_and_jacobian(pixel);
        (phases.add_scalar(-PI), jacobian)
    }
}

/// The cells of one image.
struct Cells {
    /// By the lines that they follow; `None`: neither light nor dark.
    dark: FxHashMap<LineNumbers, Option<bool>>,
    centre_px: FxHashMap<LineNumbers, Vector2<f64>>,
}

impl Cells {
    fn of(image: &GrayImage, fit: &GratingParameters) -> Self {
        let centre_px: FxHashMap<_, _> = in_image(&Between(fit), image.width(), image.height()).into_iter().collect();
        let dark = centre_px.iter().map(|(cell, centre)| (*cell, is_dark(image, fit, *centre)));
        Cells { dark: dark.collect(), centre_px }
    }

    /// Intersections around which the mark may lie, part of it out of sight.
    fn possible_origins(&self) -> impl Iterator<Item = LineNumbers> + use<> {
        let range = |number: fn(&LineNumbers) -> i32| {
            let reach = COLUMNS.end().max(ROWS.end()) + 1;
            let low = self.dark.keys().map(number).min().unwrap_or(0);
            let high = self.dark.keys().map(number).max().unwrap_or(0);
            low - reach..=high + reach
        };
        let (h, v) = (range(|lines| lines.h), range(|lines| lines.v));
        h.flat_map(move |h| v.clone().map(move |v| LineNumbers { h, v }))
    }

    /// Whether the mark's cell (column, row) is dark.
    fn dark(&self, origin: LineNumbers, turn: Matrix2<i32>, cell: [i32; 2]) -> Option<bool> {
        // Twice the cell's centre, in the print's numbers and in the camera's.
        let centre2 = turn.transpose() * Vector2::new(2 * cell[0] + 1, 2 * cell[1] + 1);
        let lines = origin.shifted((-centre2.y - 1) / 2, (centre2.x - 1) / 2);
        self.dark.get(&lines).copied().flatten()
    }

    fn intersection(&self, fit: &GratingParameters, lines: LineNumbers) -> Vector2<f64> {
        let near = |(cell, _): &(&LineNumbers, _)| ((cell.h - lines.h).abs() + (cell.v - lines.v).abs(), **cell);
        let start = self.centre_px.iter().min_by_key(near).map_or(Vector2::zeros(), |(_, centre)| *centre);
        solve(fit, lines, start).unwrap_or(start)
    }
}

/// Whether the cell at `centre` holds a dot; `None` where that can't be told.
fn is_dark(image: &GrayImage, fit: &GratingParameters, centre: Vector2<f64>) -> Option<bool> {
    let (_, jacobian) = fit.phases_and_jacobian(centre);
    let px_per_pitch = jacobian.try_inverse()? * TAU;
    // Brightness at (h, v) pitches from the centre.
    let at = |h: f64, v: f64| bilinear(image, centre + px_per_pitch * Vector2::new(h, v));
    let mean = |places: &[[f64; 2]]| {
        let sum: Option<f64> = places.iter().map(|[h, v]| at(*h, *v)).sum();
        sum.map(|sum| sum / places.len() as f64)
    };
    let around = |[h, v]: [f64; 2], r: f64| mean(&[[h, v], [h + r, v], [h - r, v], [h, v + r], [h, v - r]]);
    let middle = around([0.0, 0.0], 0.1)?;
    // Half way between dot and lines along the diagonals.
    let mut corners = [0.0; 4];
    for (corner, place) in corners.iter_mut().zip([[0.29, 0.29], [0.29, -0.29], [-0.29, 0.29], [-0.29, -0.29]]) {
        *corner = around(place, 0.03)?;
    }
    corners.sort_by(f64::total_cmp);
    let paper = 0.5 * (corners[1] + corners[2]);
    // The phases may be off by a part of a line's width.
    let line = |axis: usize, side: f64| -> Option<f64> {
        let across = [-0.08, -0.04, 0.0, 0.04, 0.08].map(|off| {
            let place = |along: f64| if axis == 0 { [side + off, along] } else { [along, side + off] };
            mean(&[-0.2, -0.1, 0.0, 0.1, 0.2].map(place))
        });
        across.into_iter().try_fold(f64::INFINITY, |least, value| value.map(|value| least.min(value)))
    };
    let mut lines = [line(0, -0.5)?, line(0, 0.5)?, line(1, -0.5)?, line(1, 0.5)?];
    lines.sort_by(f64::total_cmp);
    let contrast = paper - 0.5 * (lines[1] + lines[2]);
    let expected = fit.gain.value(centre) * f64::from(brightness(1.0, 1.0, fit.duty as f32));
    if falls_short(contrast, MIN_CONTRAST * expected) {
        return None;
    }
    match (paper - middle) / contrast {
        darkness if darkness > DARK => Some(true),
        darkness if (BRIGHT..LIGHT).contains(&darkness) => Some(false),
        _ => None,
    }
}

/// Brightness between pixels; `None` outside.
fn bilinear(image: &GrayImage, pixel: Vector2<f64>) -> Option<f64> {
    let (u, v) = (pixel.x.floor(), pixel.y.floor());
    let inside = |low: f64, size: u32| low >= 0.0 && low + 1.0 < f64::from(size);
    if !inside(u, image.width()) || !inside(v, image.height()) {
        return None;
    }
    let (x, y) = (pixel.x - u, pixel.y - v);
    let value = |du: u32, dv: u32| f64::from(image.get_pixel(u as u32 + du, v as u32 + dv).0[0]);
    Some((1.0 - y) * ((1.0 - x) * value(0, 0) + x * value(1, 0)) + y * ((1.0 - x) * value(0, 1) + x * value(1, 1)))
}
