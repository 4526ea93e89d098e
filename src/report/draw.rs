//! Figures as SVG and PNG.

use crate::report::figure::{Across, Cells, Chart, Content, Figure, Map, Scale, Series, Style, Width};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

/// Text, axes and grid: on the page the style sheet replaces them by what suits a dark screen.
pub const INK: RGBColor = RGBColor(29, 39, 51);
/// Grid lines, replaced alike.
pub const FAINT: RGBColor = RGBColor(216, 222, 230);
/// Okabe and Ito's blue, vermilion and green: told apart by whoever does not see red or green, too.
pub const COLOURS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];
/// Of the cells of a map.
const LIGHT: RGBColor = RGBColor(238, 244, 250);
const DARK: RGBColor = RGBColor(60, 120, 180);
const ARROW: RGBColor = RGBColor(17, 17, 17);

const FONT: &str = "sans-serif";
/// Sizes of letters, in units of plotters: 1.24 to a pixel of the SVG. On A4 a full figure's pixel is 0.81 pt, half a page's
/// 0.59 pt (page.css), so the smallest letter is one of 7.1 pt.
const SMALL: f64 = 15.0;
const TITLE: f64 = 17.0;
/// Of a figure as pixels.
const IMAGE_WIDTH: u32 = 1280;

/// What plotters has to say; drawing into memory has no other errors.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the figure {name} could not be drawn: {message}")]
pub struct DrawError {
    name: String,
    message: String,
}

type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

impl Figure {
    /// Width and height, in pixels of the SVG.
    fn size(&self) -> [u32; 2] {
        let width = match self.width {
            Width::Full => 640,
            Width::Half => 420,
        };
        match &self.content {
            Content::Chart(_) => [width, 320],
            // The image's own shape, with room for title, axes and legend.
            Content::Map(map) => {
                [width, (f64::from(width - 80) * (map.size_px[1] / map.size_px[0]).min(1.5)) as u32 + 118]
            }
        }
    }

    /// The figure as an SVG element; `paper`: on white, as in a file of its own, or on whatever is below it.
    ///
    /// # Errors
    /// [`DrawError`].
    pub fn svg(&self, paper: bool) -> Result<String, DrawError> {
        use_font();
        let [width, height] = self.size();
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
            let filled = if paper { root.fill(&WHITE) } else { Ok(()) };
            filled.and_then(|()| self.draw(&root, 1.0)).and_then(|()| root.present()).map_err(|e| self.failed(&e))?;
        }
        Ok(svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{}\" ", self.title), 1))
    }

    /// The figure as an image, `IMAGE_WIDTH` px wide.
    ///
    /// # Errors
    /// [`DrawError`].
    pub fn image(&self) -> Result<image::RgbImage, DrawError> {
        use_font();
        let zoom = f64::from(IMAGE_WIDTH) / f64::from(self.size()[0]);
        let [width, height] = self.size().map(|side| (zoom * f64::from(side)).round() as u32);
        let mut bytes = vec![0; width as usize * height as usize * 3];
        {
            let root = BitMapBackend::with_buffer(&mut bytes, (width, height)).into_drawing_area();
            let filled = root.fill(&WHITE);
            filled.and_then(|()| self.draw(&root, zoom)).and_then(|()| root.present()).map_err(|e| self.failed(&e))?;
        }
        let wrong = DrawError { name: self.name.clone(), message: "its buffer has the wrong size".into() };
        image::RgbImage::from_raw(width, height, bytes).ok_or(wrong)
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> DrawError {
        DrawError { name: self.name.clone(), message: error.to_string() }
    }

    fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>, zoom: f64) -> Drawn<DB> {
        let canvas = Canvas { root, zoom };
        canvas.text(&self.title, [8.0, 6.0], TITLE, HPos::Left)?;
        match &self.content {
            Content::Chart(chart) => canvas.chart(chart),
            Content::Map(map) => canvas.map(map),
        }
    }
}

/// Sizes of text are measured with a font that comes along, so figures look the same on every machine.
fn use_font() {
    // The bytes are a font: the tests would see it if they were not.
    let _ = plotters::style::register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
}

/// Where to draw, and how large.
struct Canvas<'a, DB: DrawingBackend> {
    root: &'a DrawingArea<DB, Shift>,
    zoom: f64,
}

impl<DB: DrawingBackend> Canvas<'_, DB> {
    fn px(&self, size: f64) -> i32 {
        (size * self.zoom).round() as i32
    }

    fn font(&self, size: f64) -> TextStyle<'static> {
        (FONT, size * self.zoom).into_font().color(&INK)
    }

    fn text(&self, text: &str, [x, y]: [f64; 2], size: f64, side: HPos) -> Drawn<DB> {
        let style = self.font(size).pos(Pos::new(side, VPos::Top));
        self.root.draw(&Text::new(text.to_string(), (self.px(x), self.px(y)), style))
    }

    fn chart(&self, chart: &Chart) -> Drawn<DB> {
        let values = |axis: usize| {
            let points = chart.series.iter().flat_map(|series| &series.points);
            points.map(move |p| p[axis]).filter(|value| value.is_finite())
        };
        let span =
            |axis: usize| values(axis).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let ((left, right), (low, high)) = (span(0), span(1));
        let limit = chart.limit.as_ref().map_or(high, |(level, _)| *level);
        let high = high.max(limit);
        if !(left.is_finite() && high.is_finite()) {
            return self.text("nothing to show", [60.0, 60.0], SMALL, HPos::Left);
        }
        self.names(chart)?;
        let x = match &chart.across {
            Across::Number(_) if right > left => left - 0.01 * (right - left)..right + 0.01 * (right - left),
            Across::Number(_) => left - 0.5..left + 0.5,
            Across::Names(names) => -0.5..names.len() as f64 - 0.5,
        };
        match chart.scale {
            Scale::Linear => {
                let low = if low < 0.0 { 1.1 * low } else { 0.0 };
                self.axes(chart, x, low..if high > 0.0 { 1.1 * high } else { 1e-9 })
            }
            Scale::Logarithmic => {
                let least = values(1).filter(|value| *value > 0.0).fold(high.max(1e-12), f64::min);
                self.axes(chart, x, (0.7 * least..1.4 * high.max(1e-12)).log_scale())
            }
        }
    }

    fn width(&self) -> f64 {
        f64::from(self.root.dim_in_pixel().0) / self.zoom
    }

    /// The series' names on the right above the chart, below the title.
    fn names(&self, chart: &Chart) -> Drawn<DB> {
        let mut right = self.width() - 14.0;
        for (n, series) in chart.series.iter().enumerate().rev() {
            let (width, _) = self.root.estimate_text_size(&series.name, &self.font(SMALL))?;
            self.text(&series.name, [right, 28.0], SMALL, HPos::Right)?;
            right -= f64::from(width) / self.zoom + 10.0;
            let at = (self.px(right), self.px(36.0));
            match series.style {
                Style::Steps => {
                    let from = (at.0 - self.px(9.0), at.1);
                    self.root.draw(&PathElement::new([from, (at.0 + self.px(4.0), at.1)], self.stroke(n)))?;
                }
                Style::Line | Style::Markers => self.root.draw(&marker(at, n, self.px(4.0)))?,
            }
            right -= 24.0;
        }
        Ok(())
    }

    fn stroke(&self, n: usize) -> ShapeStyle {
        COLOURS[n % 3].stroke_width(self.px(1.5) as u32)
    }

    fn axes<Y>(&self, chart: &Chart, x: Range<f64>, y: Y) -> Drawn<DB>
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64> + Ranged<ValueType = f64>,
    {
        let [top, bottom, left] = [50.0, 46.0, 74.0].map(|side| self.px(side) as u32);
        let mut axes = ChartBuilder::on(self.root)
            .margin_top(top)
            .margin_right(self.px(14.0) as u32)
            .margin_left(self.px(6.0) as u32)
            .x_label_area_size(bottom)
            .y_label_area_size(left)
            .build_cartesian_2d(x.clone(), y)?;
        let named = |at: &f64| match &chart.across {
            Across::Number(_) => number(*at),
            Across::Names(names) => {
                let name = (at.fract() == 0.0 && *at >= 0.0).then(|| names.get(*at as usize)).flatten();
                name.cloned().unwrap_or_default()
            }
        };
        let count = match &chart.across {
            Across::Number(_) => (self.width() / 64.0) as usize,
            Across::Names(names) => names.len() + 1,
        };
        let mut mesh = axes.configure_mesh();
        if let Across::Number(what) = &chart.across {
            mesh.x_desc(what.clone());
        }
        mesh.disable_x_mesh()
            .y_desc(chart.up.clone())
            .x_labels(count)
            .y_labels(6)
            .x_label_formatter(&named)
            .y_label_formatter(&|value| number(*value))
            .label_style(self.font(SMALL))
            .axis_desc_style(self.font(SMALL))
            .axis_style(INK)
            .bold_line_style(FAINT)
            .light_line_style(TRANSPARENT)
            .draw()?;
        if let Some((level, what)) = &chart.limit {
            let dashes = self.px(6.0);
            let ends = [(x.start, *level), (x.end, *level)];
            axes.draw_series(DashedLineSeries::new(ends, dashes, dashes, INK.stroke_width(self.px(1.0) as u32)))?;
            let style = self.font(SMALL).pos(Pos::new(HPos::Left, VPos::Bottom));
            axes.draw_series([
                EmptyElement::at((x.start, *level)) + Text::new(what.clone(), (self.px(6.0), -self.px(2.0)), style)
            ])?;
        }
        for (n, series) in chart.series.iter().enumerate() {
            let Series { points, style, .. } = series;
            let points: Vec<(f64, f64)> = points.iter().filter(|p| p[1].is_finite()).map(|[x, y]| (*x, *y)).collect();
            let radius = self.px(if points.len() > 60 { 2.0 } else { 4.0 });
            if *style != Style::Markers {
                let path = if *style == Style::Steps { steps(&points) } else { points.clone() };
                axes.draw_series(LineSeries::new(path, self.stroke(n)))?;
            }
            if *style != Style::Steps {
                axes.draw_series(points.iter().map(|at| EmptyElement::at(*at) + marker((0, 0), n, radius)))?;
            }
        }
        Ok(())
    }

    fn map(&self, map: &Map) -> Drawn<DB> {
        let [width, height] = map.size_px;
        let legend = if map.cells.is_some() { 46.0 } else { 26.0 };
        let (area, below) = self.root.split_vertically(self.root.dim_in_pixel().1 as i32 - self.px(legend));
        let [top, bottom, left] = [30.0, 42.0, 62.0].map(|side| self.px(side) as u32);
        let mut axes = ChartBuilder::on(&area)
            .margin_top(top)
            .margin_right(self.px(12.0) as u32)
            .margin_left(self.px(6.0) as u32)
            .x_label_area_size(bottom)
            .y_label_area_size(left)
            // v points down.
            .build_cartesian_2d(0.0..width, height..0.0)?;
        axes.configure_mesh()
            .disable_mesh()
            .x_desc("u, px")
            .y_desc("v, px")
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|value| number(*value))
            .y_label_formatter(&|value| number(*value))
            .label_style(self.font(SMALL))
            .axis_desc_style(self.font(SMALL))
            .axis_style(INK)
            .draw()?;
        let line = |points: &[[f64; 2]], style: ShapeStyle| {
            PathElement::new(points.iter().map(|[u, v]| (*u, *v)).collect::<Vec<_>>(), style)
        };
        if let Some(cells) = &map.cells {
            let side = [width / cells.across as f64, height / cells.down as f64];
            let shaded = cells.values.iter().enumerate().filter_map(|(i, value)| Some((i, (*value)?)));
            axes.draw_series(shaded.map(|(i, value)| {
                let [u, v] = [(i % cells.across) as f64 * side[0], (i / cells.across) as f64 * side[1]];
                Rectangle::new([(u, v), (u + side[0], v + side[1])], shade(value / cells.most).filled())
            }))?;
            self.colours(&below, cells)?;
        }
        let (thin, strong) = (self.px(1.0) as u32, self.px(1.5) as u32);
        axes.draw_series(map.thin.iter().map(|points| line(points, INK.mix(0.5).stroke_width(thin))))?;
        axes.draw_series(map.strong.iter().map(|points| line(points, COLOURS[0].stroke_width(strong))))?;
        axes.draw_series(map.arrows.iter().map(|arrow| line(arrow, ARROW.stroke_width(strong))))?;
        let starts = map.arrows.iter().map(|[[u, v], _]| Circle::new((*u, *v), self.px(1.5), ARROW.filled()));
        axes.draw_series(starts)?;
        let style = self.font(SMALL).pos(Pos::new(HPos::Left, VPos::Top));
        let at = (self.px(8.0), self.px(legend - 20.0));
        below.draw(&Text::new(map.legend.clone(), at, style))
    }

    /// What the colours of the cells mean.
    fn colours(&self, area: &DrawingArea<DB, Shift>, cells: &Cells) -> Drawn<DB> {
        const STEPS: i32 = 24;
        let (left, top, step, height) = (self.px(8.0), self.px(4.0), self.px(5.0), self.px(14.0));
        for n in 0..STEPS {
            let corner = (left + n * step, top);
            let colour = shade((f64::from(n) + 0.5) / f64::from(STEPS));
            area.draw(&Rectangle::new([corner, (corner.0 + step, top + height)], colour.filled()))?;
        }
        let text = format!("0 … {} {}", number(cells.most), cells.what);
        let style = self.font(SMALL).pos(Pos::new(HPos::Left, VPos::Top));
        area.draw(&Text::new(text, (left + (STEPS + 2) * step, top), style))
    }
}

fn shade(share: f64) -> RGBColor {
    let share = share.clamp(0.0, 1.0);
    let mix = |light: u8, dark: u8| (f64::from(light) + share * (f64::from(dark) - f64::from(light))).round() as u8;
    RGBColor(mix(LIGHT.0, DARK.0), mix(LIGHT.1, DARK.1), mix(LIGHT.2, DARK.2))
}

/// A dot, a triangle or a cross.
fn marker<DB: DrawingBackend>(at: (i32, i32), n: usize, radius: i32) -> DynElement<'static, DB, (i32, i32)> {
    let colour = COLOURS[n % 3];
    match n % 3 {
        0 => Circle::new(at, radius, colour.filled()).into_dyn(),
        1 => TriangleMarker::new(at, radius + 1, colour.filled()).into_dyn(),
        _ => Cross::new(at, radius, colour.stroke_width(2)).into_dyn(),
    }
}

/// The outline of bins of one width about their centres.
fn steps(centres: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let half = centres.windows(2).next().map_or(0.5, |two| 0.5 * (two[1].0 - two[0].0));
    centres.iter().flat_map(|(x, y)| [(x - half, *y), (x + half, *y)]).collect()
}

/// Short, and without a tail of zeros.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 | 100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        _ => 5,
    };
    let text = format!("{value:.digits$}");
    let trimmed = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if trimmed == "-0" { "0".into() } else { trimmed.into() }
}
