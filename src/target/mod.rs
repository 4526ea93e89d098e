//! The sheet to print: grid, origin mark, a bar to check the printer with, and how to print it. SVG or PDF at true scale.
//!
//! Page coordinates in mm, x to the right and y **down** from the upper left corner, as in SVG; the print's own +y points up.

use crate::lattice::origin_mark::mark::{DOT_PITCHES, Mark, NoMark};
use std::fmt::Write;

mod pdf;

/// Size of the sheet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[derive(strum::Display, strum::EnumMessage, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Paper {
    /// 210 × 297 mm.
    #[default]
    A4,
    /// 297 × 420 mm.
    A3,
    /// 215.9 × 279.4 mm.
    Letter,
}

impl Paper {
    /// Width and height, mm.
    pub fn size_mm(self) -> [f64; 2] {
        match self {
            Paper::A4 => [210.0, 297.0],
            Paper::A3 => [297.0, 420.0],
            Paper::Letter => [215.9, 279.4],
        }
    }
}

/// Why there is no such target.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum TargetError {
    /// No such pitch can be printed.
    #[error("the pitch is {pitch_mm} mm, {MIN_PITCH_MM} … {MAX_PITCH_MM} mm are possible on such a sheet")]
    Pitch {
        /// The pitch, mm.
        pitch_mm: f64,
    },
    /// No such lines can be printed.
    #[error(
        "lines are {line_mm} mm wide, {MIN_LINE_MM} … {most_mm:.3} mm are possible: paper must be left between them and the \
         mark's dots"
    )]
    Line {
        /// Width of a line, mm.
        line_mm: f64,
        /// Widest line, mm.
        most_mm: f64,
    },
    /// The mark can't tell the pitch.
    #[error(transparent)]
    Mark(#[from] NoMark),
}

/// Finest pitch that an office printer resolves, mm.
const MIN_PITCH_MM: f64 = 0.2;
/// Coarsest pitch, mm: a sheet must hold enough lines.
const MAX_PITCH_MM: f64 = 15.0;
/// Finest line, mm: about a dot of a printer of 1200 dots per inch.
const MIN_LINE_MM: f64 = 0.02;
/// Widest line, pitches: paper must be left between lines and the mark's dots.
const MAX_LINE_PITCHES: f64 = 0.3;
/// Printers leave a border blank.
const BORDER_MM: f64 = 10.0;
/// Below the grid: bar and text.
const FOOT_MM: f64 = 30.0;
/// Height of the letters.
const TEXT_MM: f64 = 2.8;
/// Length of the bar.
const BAR_MM: f64 = 100.0;

/// A black shape, mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Upper left corner and size.
    Rect {
        /// Upper left corner.
        at: [f64; 2],
        /// Width and height.
        size: [f64; 2],
    },
    /// A filled circle.
    Circle {
        /// Centre.
        centre: [f64; 2],
        /// Radius.
        radius: f64,
    },
}

/// What is on the sheet.
///
/// ```
/// use grating_calibration::target::{Paper, Target};
///
/// // Lines 0.2 mm wide every 1.1 mm, with the mark that tells origin, axes and pitch.
/// let target = Target::new(1.1, 0.2, Paper::A4, true)?;
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("target.svg"), target.svg())?;
/// std::fs::write(folder.path().join("target.pdf"), target.pdf())?;
/// assert_eq!(target.size_mm, [210.0, 297.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Width and height of the sheet, mm.
    pub size_mm: [f64; 2],
    /// The origin.
    pub origin_mm: [f64; 2],
    /// Everything black, but the text.
    pub shapes: Vec<Shape>,
    /// Lower left corner of each line, mm, and what it says.
    pub text: Vec<([f64; 2], String)>,
}

impl Target {
    /// A grid of lines `line_mm` wide every `pitch_mm`, the origin in its middle.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn new(pitch_mm: f64, line_mm: f64, paper: Paper, with_mark: bool) -> Result<Self, TargetError> {
        if !(MIN_PITCH_MM..=MAX_PITCH_MM).contains(&pitch_mm) {
            return Err(TargetError::Pitch { pitch_mm });
        }
        let most_mm = MAX_LINE_PITCHES * pitch_mm;
        if !(MIN_LINE_MM..=most_mm).contains(&line_mm) {
            return Err(TargetError::Line { line_mm, most_mm });
        }
        let size_mm = paper.size_mm();
        let half_mm = [0.5 * size_mm[0] - BORDER_MM, 0.5 * (size_mm[1] - BORDER_MM - FOOT_MM)];
        let origin_mm = [0.5 * size_mm[0], BORDER_MM + half_mm[1]];
        // Lines on either side of the origin.
        let reach = half_mm.map(|half| ((half - 0.5 * line_mm) / pitch_mm) as i32);
        let mut shapes = Vec::new();
        for axis in 0..2 {
            for n in -reach[axis]..=reach[axis] {
                let (mut at, mut size) = ([0.0; 2], [line_mm; 2]);
                at[axis] = origin_mm[axis] + f64::from(n) * pitch_mm - 0.5 * line_mm;
                at[1 - axis] = origin_mm[1 - axis] - f64::from(reach[1 - axis]) * pitch_mm - 0.5 * line_mm;
                size[1 - axis] += 2.0 * f64::from(reach[1 - axis]) * pitch_mm;
                shapes.push(Shape::Rect { at, size });
            }
        }
        if with_mark {
            shapes.extend(Mark::of_pitch_mm(pitch_mm)?.dots().map(|[column, row]| Shape::Circle {
                centre: [
                    origin_mm[0] + (f64::from(column) + 0.5) * pitch_mm,
                    origin_mm[1] - (f64::from(row) + 0.5) * pitch_mm,
                ],
                radius: 0.5 * DOT_PITCHES * pitch_mm,
            }));
        }
        let (left, top) = (BORDER_MM, size_mm[1] - FOOT_MM + 5.0);
        shapes.push(Shape::Rect { at: [left, top], size: [BAR_MM, 0.3] });
        shapes.extend([left, left + BAR_MM - 0.2].map(|x| Shape::Rect { at: [x, top - 1.0], size: [0.2, 2.3] }));
        let mut lines = vec![
            "Print at 100 % (actual size, no fitting to the page), at the best quality, on matt paper; glue it onto something flat."
                .to_string(),
            format!("The bar must be {BAR_MM} mm long. If it is L mm, the pitch is {pitch_mm} mm × L / {BAR_MM}."),
            format!(
                "From the first to the last line the grid is {:.1} mm wide and {:.1} mm high: measure both, printers stretch the \
                 paper along its way.",
                2.0 * f64::from(reach[0]) * pitch_mm,
                2.0 * f64::from(reach[1]) * pitch_mm
            ),
        ];
        if with_mark {
            lines.push(
                "The dots in the middle mark the origin: both cameras must see all of them at the first height.".into(),
            );
        }
        let place = |(n, line)| ([left, top + 5.0 + 3.4 * n as f64], line);
        let mut text: Vec<_> = lines.into_iter().enumerate().map(place).collect();
        text.push((
            [left + BAR_MM + 4.0, top + 1.0],
            format!("{BAR_MM} mm · pitch {pitch_mm} mm, lines {line_mm} mm · x to the right, y up"),
        ));
        Ok(Target { size_mm, origin_mm, shapes, text })
    }

    /// The sheet as SVG, one unit a millimetre.
    pub fn svg(&self) -> String {
        let [width, height] = self.size_mm;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}mm\" height=\"{height}mm\" \
             viewBox=\"0 0 {width} {height}\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        for shape in &self.shapes {
            // Writing to a String can't fail. A tenth of a micrometre is finer than any printer.
            let _ = match shape {
                Shape::Rect { at: [x, y], size: [w, h] } => {
                    writeln!(svg, "<rect x=\"{x:.4}\" y=\"{y:.4}\" width=\"{w:.4}\" height=\"{h:.4}\"/>")
                }
                Shape::Circle { centre: [x, y], radius } => {
                    writeln!(svg, "<circle cx=\"{x:.4}\" cy=\"{y:.4}\" r=\"{radius:.4}\"/>")
                }
            };
        }
        let _ = writeln!(svg, "<g font-family=\"Helvetica,Arial,sans-serif\" font-size=\"{TEXT_MM}\">");
        for ([x, y], line) in &self.text {
            let _ = writeln!(svg, "<text x=\"{x:.2}\" y=\"{y:.2}\">{line}</text>");
        }
        svg.push_str("</g>\n</svg>\n");
        svg
    }
}
