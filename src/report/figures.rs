//! The figures of a finished calibration.

use crate::camera::{Camera, Stereo};
use crate::lattice::tracking::MIN_MARGIN;
use crate::mapping::calibration::{Calibration, ladder_rows};
use crate::mapping::dataset::CameraDataset;
use crate::mapping::selection::stereo_ladder::shared_pairs;
use crate::report::figure::{Across, Cells, Chart, Content, Figure, Map, Scale, Series, Style, Width};
use crate::report::lens;
use crate::statistics::falls_short;
use crate::sweep::outcome::{CalibrationOutcome, PairReport};
use nalgebra::Vector2;

/// Cells of the maps, across and down.
const CELLS: [usize; 2] = [24, 14];
/// Bins of the histogram.
const BINS: usize = 41;
/// Pixel pairs that the histogram is made of: more change no bin that is seen.
const BINNED_PAIRS: usize = 5000;
/// Fewest points whose histogram has a shape.
const MIN_POINTS: usize = 50;
/// Half the width of the histogram, in RMS errors.
const HISTOGRAM_REACH: f64 = 3.5;

/// The figures of a page, in sections.
pub struct Figures {
    /// Accuracy of each model.
    pub models: Vec<Figure>,
    /// Errors of points, residuals and coverage over the images.
    pub errors: Vec<Figure>,
    /// What changes from height to height.
    pub heights: Vec<Figure>,
    /// What the lenses do to straight lines.
    pub lenses: Vec<Figure>,
}

impl Figures {
    /// All of them; those without anything to show are left out.
    pub fn of(outcome: &CalibrationOutcome) -> Self {
        let calibration = &outcome.calibration;
        let per_camera = |figure: fn(&CalibrationOutcome, Camera) -> Option<Figure>| {
            Camera::BOTH.into_iter().filter_map(move |camera| figure(outcome, camera))
        };
        Figures {
            models: models(calibration).into_iter().collect(),
            errors: histogram(outcome)
                .into_iter()
                .chain(per_camera(residual_map))
                .chain(per_camera(coverage))
                .collect(),
            heights: over_height(outcome),
            lenses: Camera::BOTH.into_iter().filter_map(|camera| distortion(calibration, camera)).collect(),
        }
    }

    /// All of them, in the order of the page.
    pub fn all(&self) -> impl Iterator<Item = &Figure> {
        self.models.iter().chain(&self.errors).chain(&self.heights).chain(&self.lenses)
    }
}

fn chart(name: &str, title: &str, caption: &str, width: Width, chart: Chart) -> Figure {
    let content = Content::Chart(chart);
    Figure { name: name.into(), title: title.into(), caption: caption.into(), width, content }
}

/// Error of stereo points that the models have not seen, model by model.
fn models(calibration: &Calibration) -> Option<Figure> {
    let rows: Vec<_> = ladder_rows::rows(calibration).into_iter().filter(|row| row.stereo.is_some()).collect();
    let series = |axis: usize| Series {
        name: ["x", "y", "z"][axis].into(),
        points: (0..)
            .zip(&rows)
            .filter_map(|(at, row)| Some([f64::from(at), 1e3 * row.stereo?.rms_mm[axis]]))
            .collect(),
        style: Style::Markers,
    };
    let name = |row: &ladder_rows::LadderRow| match row.served.left || row.served.right {
        true => format!("{} *", row.model),
        false => row.model.to_string(),
    };
    (!rows.is_empty()).then(|| {
        chart(
            "models",
            "Accuracy of each model: points not seen by it",
            "RMS error of points from pixel pairs in heights and image regions that the model was not fitted to. \
             * is served. Each line is ten times the one below it.",
            Width::Full,
            Chart {
                across: Across::Names(rows.iter().map(name).collect()),
                up: "RMS error, µm".into(),
                scale: Scale::Logarithmic,
                series: [0, 1, 2].map(series).into(),
                limit: None,
            },
        )
    })
}

/// How the errors of the dataset's own stereo points are spread.
fn histogram(outcome: &CalibrationOutcome) -> Option<Figure> {
    let shared = shared_pairs(outcome.data.as_ref());
    let answers = shared.iter().step_by(shared.len().div_ceil(BINNED_PAIRS).max(1)).filter_map(|(left, right)| {
        let answer = outcome.calibration.pixel_pair_to_point(left.pixel, right.pixel);
        let error_um = 1e3 * (answer.estimate.point_mm - left.point_in_tool_mm);
        (answer.status.is_answered() && error_um.norm().is_finite()).then_some(error_um)
    });
    let errors_um: Vec<_> = answers.collect();
    let count = errors_um.len() as f64;
    let rms = (0..3).map(|axis| (errors_um.iter().map(|m| m[axis] * m[axis]).sum::<f64>() / count).sqrt());
    let reach = HISTOGRAM_REACH * rms.fold(0.0, f64::max);
    if errors_um.len() < MIN_POINTS || falls_short(reach, f64::MIN_POSITIVE) {
        return None;
    }
    let width = 2.0 * reach / BINS as f64;
    let series = |axis: usize| {
        let mut bins = [0.0; BINS];
        for error in &errors_um {
            // What lies beyond counts in the outermost bins.
            let bin = ((error[axis] + reach) / width).clamp(0.0, BINS as f64 - 1.0);
            bins[bin as usize] += 100.0 / count;
        }
        let points = (0..).zip(bins).map(|(bin, share)| [(f64::from(bin) + 0.5) * width - reach, share]).collect();
        Series { name: ["x", "y", "z"][axis].into(), points, style: Style::Steps }
    };
    Some(chart(
        "error_histogram",
        "Errors of points from pixel pairs",
        "Bell-shaped about zero is noise; an axis that is shifted, or has two humps, is a systematic error. What lies \
         beyond the ends counts in the outermost bins.",
        Width::Full,
        Chart {
            across: Across::Number("error, µm".into()),
            up: "share of the points, %".into(),
            scale: Scale::Linear,
            series: [0, 1, 2].map(series).into(),
            limit: None,
        },
    ))
}

/// Where a correspondence was seen minus where the model sees it, px, with its weight.
fn residuals(calibration: &Calibration, camera: Camera, data: &CameraDataset) -> Vec<(Vector2<f64>, f64)> {
    let model = &calibration.camera(camera).model;
    let residual = |p: &crate::mapping::dataset::Correspondence| {
        (p.pixel - model.pixel_and_jacobian(p.point_in_tool_mm).0, p.weight())
    };
    data.correspondences.iter().map(residual).collect()
}

/// Which cell of the maps a pixel lies in.
fn cell(pixel: Vector2<f64>, size: [f64; 2]) -> usize {
    let at = |axis: usize| ((pixel[axis].max(0.0) / size[axis] * CELLS[axis] as f64) as usize).min(CELLS[axis] - 1);
    at(1) * CELLS[0] + at(0)
}

fn residual_map(outcome: &CalibrationOutcome, camera: Camera) -> Option<Figure> {
    let data = &outcome.data[camera];
    let size = data.image_size.map(f64::from);
    let mut cells = vec![(Vector2::zeros(), 0.0, 0.0); CELLS[0] * CELLS[1]];
    for (point, (residual, weight)) in data.correspondences.iter().zip(residuals(&outcome.calibration, camera, data)) {
        let (sum, squares, weights) = &mut cells[cell(point.pixel, size)];
        *sum += residual * weight;
        *squares += 0.5 * residual.norm_squared() * weight;
        *weights += weight;
    }
    let seen = |(_, _, weight): &(Vector2<f64>, f64, f64)| *weight > 0.0;
    let values: Vec<Option<f64>> = cells.iter().map(|cell| seen(cell).then(|| (cell.1 / cell.2).sqrt())).collect();
    let longest = cells.iter().filter(|cell| seen(cell)).map(|(sum, _, w)| (sum / *w).norm()).fold(1e-6, f64::max);
    let side = [size[0] / CELLS[0] as f64, size[1] / CELLS[1] as f64];
    let arrow = |(i, (sum, _, weight)): (usize, &(Vector2<f64>, f64, f64))| {
        let start = [((i % CELLS[0]) as f64 + 0.5) * side[0], ((i / CELLS[0]) as f64 + 0.5) * side[1]];
        let mean = sum / *weight * (0.9 * side[0].min(side[1]) / longest);
        [start, [start[0] + mean.x, start[1] + mean.y]]
    };
    let most = values.iter().flatten().fold(0.0, |most: f64, value| most.max(*value));
    (most > 0.0).then(|| Figure {
        name: format!("residual_map_{camera}"),
        title: format!("Residuals over the {camera} image"),
        caption:
            "Colour: RMS residual per axis in each cell. Arrows: mean residual; where neighbours agree, the model or \
                  the print is at fault, not noise."
                .into(),
        width: Width::Half,
        content: Content::Map(Map {
            size_px: size,
            arrows: cells.iter().enumerate().filter(|(_, cell)| seen(cell)).map(arrow).collect(),
            cells: Some(Cells { across: CELLS[0], down: CELLS[1], values, most, what: "px RMS".into() }),
            legend: format!("longest arrow (dot to tip): mean residual of {longest:.4} px"),
            ..Map::default()
        }),
    })
}

fn coverage(outcome: &CalibrationOutcome, camera: Camera) -> Option<Figure> {
    let data = &outcome.data[camera];
    let size = data.image_size.map(f64::from);
    let mut counts = vec![0.0; CELLS[0] * CELLS[1]];
    for point in &data.correspondences {
        counts[cell(point.pixel, size)] += 1.0;
    }
    let most = counts.iter().copied().fold(0.0, f64::max);
    let filled = counts.iter().filter(|count| **count > 0.0).count();
    (most > 0.0).then(|| Figure {
        name: format!("coverage_{camera}"),
        title: format!("Where the {camera} camera saw intersections"),
        caption: "Cells without colour saw none: there the models extrapolate, and answers say so.".into(),
        width: Width::Half,
        content: Content::Map(Map {
            size_px: size,
            cells: Some(Cells {
                across: CELLS[0],
                down: CELLS[1],
                values: counts.iter().map(|count| (*count > 0.0).then_some(*count)).collect(),
                most,
                what: "intersections in a cell".into(),
            }),
            legend: format!(
                "{} intersections in {filled} of {} cells, all heights together",
                data.correspondences.len(),
                counts.len()
            ),
            ..Map::default()
        }),
    })
}

fn distortion(calibration: &Calibration, camera: Camera) -> Option<Figure> {
    let seen = lens::distortion(calibration, camera)?;
    Some(Figure {
        name: format!("distortion_{camera}"),
        title: format!("What the {camera} lens does to straight lines"),
        caption:
            "Grey: an even grid as a camera without distortion would see it that agrees with this one in the middle. \
                  Blue: as this camera sees it, at true scale."
                .into(),
        width: Width::Half,
        content: Content::Map(Map {
            size_px: calibration.camera(camera).image_size.map(f64::from),
            thin: seen.pinhole,
            strong: seen.camera,
            legend: format!("largest distance between the two: {:.1} px", seen.most_px),
            ..Map::default()
        }),
    })
}

/// What changes from height to height.
fn over_height(outcome: &CalibrationOutcome) -> Vec<Figure> {
    let residuals = Stereo::from_fn(|camera| residual_over_height(outcome, camera));
    let mut figures = vec![height_chart(
        "residual_over_height",
        "Residual over height",
        "Of the served models. A height that sticks out was bumped or shaken; a slope at the ends, a model that can't follow.",
        "residual, px RMS per axis",
        residuals,
        None,
    )];
    let pairs = &outcome.pairs;
    let both = |value: fn(&PairReport) -> Stereo<f64>| {
        Stereo::from_fn(|camera| by_height(pairs.iter().map(|pair| [pair.height_mm, value(pair)[camera]])))
    };
    // Correspondences from elsewhere were not tracked.
    if pairs.len() > 1 {
        figures.push(height_chart(
            "phase_margin_over_height",
            "Margin of the phase tracking over height",
            "How much worse the next best numbering of the lines is. Half a pitch and more is safe; what sinks towards the \
             bound wants smaller height steps.",
            "margin, pitches",
            both(|pair| pair.phase_margin),
            Some((MIN_MARGIN, "least accepted".into())),
        ));
        figures.push(height_chart(
            "grating_residual_over_height",
            "Residual of the grating fit over height",
            "What of the image the fitted lines don't explain: noise, dirt, glare, blur. It rises where the grid leaves \
             the depth of focus.",
            "residual, share of the signal",
            both(|pair| pair.residual),
            None,
        ));
    }
    if outcome.pose_errors_mm.len() == pairs.len() && pairs.len() > 1 {
        let series = |axis: usize| Series {
            name: ["x", "y", "z"][axis].into(),
            points: by_height(
                pairs.iter().zip(&outcome.pose_errors_mm).map(|(pair, error)| [pair.height_mm, 1e3 * error[axis]]),
            ),
            style: Style::Line,
        };
        figures.push(chart(
            "pose_errors_over_height",
            "Errors of the measured poses over height",
            "Where the tool was, as the images see it, minus where the robot measured it. Noise is the encoders'; steps are \
             bumps or a pose taken too early.",
            Width::Half,
            Chart {
                across: Across::Number("height, mm".into()),
                up: "error, µm".into(),
                scale: Scale::Linear,
                series: [0, 1, 2].map(series).into(),
                limit: None,
            },
        ));
    }
    figures
}

fn height_chart(
    name: &str,
    title: &str,
    caption: &str,
    up: &str,
    points: Stereo<Vec<[f64; 2]>>,
    limit: Option<(f64, String)>,
) -> Figure {
    let Stereo { left, right } = points;
    let series = [("left", left), ("right", right)].map(|(name, points)| Series {
        name: name.into(),
        points,
        style: Style::Line,
    });
    let across = Across::Number("height, mm".into());
    chart(
        name,
        title,
        caption,
        Width::Half,
        Chart { across, up: up.into(), scale: Scale::Linear, series: series.into(), limit },
    )
}

/// Finite values, lowest first; jogs lie above each other.
fn by_height(points: impl Iterator<Item = [f64; 2]>) -> Vec<[f64; 2]> {
    let mut points: Vec<_> = points.filter(|[_, value]| value.is_finite()).collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    points
}

fn residual_over_height(outcome: &CalibrationOutcome, camera: Camera) -> Vec<[f64; 2]> {
    let data = &outcome.data[camera];
    // Height, squares and weights of each view.
    let mut views = std::collections::BTreeMap::<u32, [f64; 3]>::new();
    for (point, (residual, weight)) in data.correspondences.iter().zip(residuals(&outcome.calibration, camera, data)) {
        let sums = views.entry(point.view).or_default();
        let terms = [-point.point_in_tool_mm.z * weight, 0.5 * residual.norm_squared() * weight, weight];
        sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    }
    by_height(views.values().map(|[height, squares, weight]| [height / weight, (squares / weight).sqrt()]))
}
