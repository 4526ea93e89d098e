//! One self-contained page about a finished calibration.

use crate::GrayImage;
use crate::camera::{Camera, Stereo};
use crate::mapping::CameraDataset;
use crate::mapping::calibration::{Calibration, CameraCalibration};
use crate::mapping::select::LadderEntry;
use crate::mapping::stereo_ladder;
use crate::report::overlay;
use crate::sweep::session::{CalibrationOutcome, PairReport};
use base64::Engine;
use nalgebra::Vector2;
use std::fmt::Write;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1d2733}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse}\
td,th{padding:.25rem .9rem;border-bottom:1px solid #d8dee6;text-align:right}td:first-child,th:first-child{text-align:left}\
.ok{color:#0a7a3d}.bad{color:#b3261e}.pair{display:flex;gap:1rem;flex-wrap:wrap}.pair>figure{flex:1 1 30rem;max-width:36rem;margin:0}\
img,svg{width:100%;height:auto;border:1px solid #d8dee6}figcaption{color:#5a6675;font-size:.9rem}.served{font-weight:600}";

/// The page. `last`: the images of the last pair, to draw the grid over.
pub fn html(outcome: &CalibrationOutcome, last: Option<Stereo<&GrayImage>>) -> String {
    let calibration = &outcome.calibration;
    let mut page = String::new();
    let class = if calibration.usable { "ok" } else { "bad" };
    let verdict = if calibration.usable { "usable" } else { "not usable" };
    let [x, y, z] = calibration.stereo.rms_mm.map(|rms| 1e3 * rms);
    // Correspondences from elsewhere have no pitch and were not tracked.
    let tracking = match outcome.pairs.is_empty() {
        true => String::new(),
        false => format!(
            "<tr><td>pitch<td>{} mm<tr><td>smallest phase margin<td>{:.2} pitches",
            calibration.pitch_mm, calibration.min_phase_margin
        ),
    };
    // Writing to a String does not fail.
    let _ = write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>Calibration report</title><style>{STYLE}</style><h1>Calibration: <span class={class}>{verdict}</span></h1>\
         <p>{}.</p><table><tr><td>fitted<td>{}<tr><td>method<td>{}<tr><td>heights<td>{} from {:.2} to {:.2} mm\
         <tr><td>correspondences<td>{} left, {} right{tracking}\
         <tr><td>points from {} pixel pairs, RMS<td>x {x:.2}, y {y:.2}, z {z:.2} µm\
         <tr><td>the worst of them<td>{:.1} µm</table>",
        calibration.reason,
        calibration.created,
        calibration.method,
        calibration.heights,
        calibration.height_range_mm[0],
        calibration.height_range_mm[1],
        calibration.left.correspondences,
        calibration.right.correspondences,
        calibration.stereo.pairs,
        1e3 * calibration.stereo.max_mm,
    );
    let known = calibration.stage.iter().flat_map(|stage| stage.sentences()).chain(calibration.checks.sentences());
    let checks: String = known.map(|sentence| format!("<li>{sentence}")).collect();
    let _ = write!(page, "<ul>{checks}</ul>");
    page += &ladder(calibration);
    page += "<h2>Where the residuals lie</h2><div class=pair>";
    for camera in Camera::BOTH {
        page += &residual_map(camera, calibration.camera(camera), &outcome.data[camera]);
    }
    page += "</div>";
    if let [_, tracked @ ..] = outcome.pairs.as_slice() {
        page += "<h2>From height to height</h2><div class=pair>";
        page += &both_cameras(&outcome.pairs, "residual of the grating fit, share of the signal", |p| p.residual);
        page += &both_cameras(tracked, "margin of the phase tracking, pitches", |p| p.phase_margin);
        if !outcome.pose_errors_mm.is_empty() {
            page += &pose_errors(outcome);
        }
        page += "</div>";
    }
    if let (Some(images), Some(pair)) = (last, outcome.pairs.last()) {
        let _ =
            write!(page, "<h2>The calibrated grid over the images at {:.2} mm</h2><div class=pair>", pair.height_mm);
        for camera in Camera::BOTH {
            let drawn = overlay::predicted(images[camera], calibration, camera, pair.height_mm);
            let mut png = std::io::Cursor::new(Vec::new());
            if drawn.write_to(&mut png, image::ImageFormat::Png).is_ok() {
                let data = base64::engine::general_purpose::STANDARD.encode(png.into_inner());
                let _ = write!(
                    page,
                    "<figure><img src=\"data:image/png;base64,{data}\" alt=\"grid over the {camera} image\">\
                     <figcaption>{camera}; the cross is the origin</figcaption></figure>"
                );
            }
        }
        page += "</div>";
    }
    page + "</html>\n"
}

fn ladder(calibration: &Calibration) -> String {
    let mut table = String::from(
        "<h2>Models</h2><table><tr><th>model<th>residual left<th>right<th>held-out left<th>right<th>border left<th>right, \
         px RMS per axis<th>held-out points x<th>y<th>z, µm RMS<th>served by",
    );
    let number = |value: Option<f64>, digits| value.map_or("–".into(), |value| format!("{value:.digits$}"));
    for row in stereo_ladder::rows(calibration) {
        let cameras = Camera::BOTH.into_iter().filter(|camera| row.served[*camera]);
        let served = cameras.map(|camera| camera.to_string()).collect::<Vec<_>>().join(", ");
        let class = if served.is_empty() { "" } else { "served" };
        let _ = write!(table, "<tr class=\"{class}\"><td>{}", row.model);
        let figures: [fn(&LadderEntry) -> f64; 3] =
            [|e| e.residual_rms_px, |e| e.cross_validation_rms_px, |e| e.border_rms_px];
        for figure in figures {
            for camera in Camera::BOTH {
                table += &format!("<td>{}", number(row.cameras[camera].as_ref().map(figure), 4));
            }
        }
        for axis in 0..3 {
            table += &format!("<td>{}", number(row.stereo.map(|stereo| 1e3 * stereo.rms_mm[axis]), 2));
        }
        let _ = write!(table, "<td>{served}");
    }
    table
        + "</table><p>Held-out: whole blocks of heights and image regions that the model has not seen; the points are \
           answers to pixel pairs there. Border: rims of the image and outermost heights that it has not seen. A model is \
           served for the larger of its held-out error and a third of its error at the border; one that is missing has \
           too many parameters for these data.</p>"
}

/// Mean residual in cells of the image, as arrows.
fn residual_map(camera: Camera, calibrated: &CameraCalibration, data: &CameraDataset) -> String {
    const CELLS: [usize; 2] = [24, 14];
    let size = data.image_size.map(f64::from);
    let mut cells = vec![(Vector2::zeros(), 0.0); CELLS[0] * CELLS[1]];
    for point in &data.correspondences {
        let cell = |axis: usize| ((point.pixel[axis] / size[axis] * CELLS[axis] as f64) as usize).min(CELLS[axis] - 1);
        let (sum, weight) = &mut cells[cell(1) * CELLS[0] + cell(0)];
        let miss = point.pixel - calibrated.model.pixel_and_jacobian(point.point_in_tool_mm).0;
        *sum += miss * point.weight();
        *weight += point.weight();
    }
    let means: Vec<Vector2<f64>> = cells.iter().map(|(sum, weight)| sum / f64::max(*weight, 1e-300)).collect();
    let longest = means.iter().map(|m| m.norm()).fold(1e-6, f64::max);
    let spacing = size[0] / CELLS[0] as f64;
    let mut svg = format!("<figure><svg viewBox=\"0 0 {} {}\" role=img>", size[0], size[1]);
    for (i, mean) in means.iter().enumerate() {
        let u = ((i % CELLS[0]) as f64 + 0.5) * size[0] / CELLS[0] as f64;
        let v = ((i / CELLS[0]) as f64 + 0.5) * size[1] / CELLS[1] as f64;
        let tip = mean * (0.9 * spacing / longest);
        let _ = write!(
            svg,
            "<circle cx={u:.0} cy={v:.0} r=3 fill=#7a8796 /><line x1={u:.0} y1={v:.0} x2={:.1} y2={:.1} stroke=#0b63c5 stroke-width=3 />",
            u + tip.x,
            v + tip.y
        );
    }
    let _ = write!(
        svg,
        "</svg><figcaption>{camera}: mean residual in each cell; the longest is {longest:.4} px</figcaption></figure>"
    );
    svg
}

/// A curve: its colour, and (height, value) points.
type Curve = (&'static str, Vec<[f64; 2]>);

const BLUE: &str = "#0b63c5";
const ORANGE: &str = "#d9730d";
const GREEN: &str = "#0a7a3d";

/// One value of both cameras against height.
fn both_cameras(pairs: &[PairReport], caption: &str, value: impl Fn(&PairReport) -> Stereo<f64>) -> String {
    let curve = |camera: Camera| pairs.iter().map(|p| [p.height_mm, value(p)[camera]]).collect();
    let curves = [(BLUE, curve(Camera::Left)), (ORANGE, curve(Camera::Right))];
    plot(&curves, &format!("{caption}; left blue, right orange"))
}

/// Estimated minus measured poses against height.
fn pose_errors(outcome: &CalibrationOutcome) -> String {
    let curve = |axis: usize| {
        let errors = outcome.pairs.iter().zip(&outcome.pose_errors_mm);
        errors.map(|(pair, error)| [pair.height_mm, 1e3 * error[axis]]).collect()
    };
    let curves = [(BLUE, curve(0)), (ORANGE, curve(1)), (GREEN, curve(2))];
    plot(&curves, "where the tool was minus where it was measured, µm; x blue, y orange, z green")
}

/// Curves over height, in ascending order of it.
fn plot(curves: &[Curve], caption: &str) -> String {
    const SIZE: [f64; 2] = [640.0, 240.0];
    const MARGIN: [f64; 2] = [60.0, 28.0];
    let values = || curves.iter().flat_map(|(_, points)| points).map(|p| p[1]).filter(|value| value.is_finite());
    let top = 1.1 * values().fold(1e-9, f64::max);
    let bottom = 1.1 * values().fold(0.0, f64::min);
    let last = curves.iter().flat_map(|(_, points)| points).map(|p| p[0]).fold(1e-9, f64::max);
    let x = |h: f64| MARGIN[0] + h / last * (SIZE[0] - MARGIN[0] - 12.0);
    let y = |v: f64| SIZE[1] - MARGIN[1] - (v - bottom) / (top - bottom) * (SIZE[1] - 2.0 * MARGIN[1]);
    let mut svg = format!("<figure><svg viewBox=\"0 0 {} {}\" font-size=13 role=img>", SIZE[0], SIZE[1]);
    for tick in 0..=4 {
        let level = bottom + (top - bottom) * f64::from(tick) / 4.0;
        let _ = write!(
            svg,
            "<line x1={:.0} x2={:.0} y1={at:.1} y2={at:.1} stroke=#e3e8ee /><text x={:.0} y={:.1} text-anchor=end>{level:.2}</text>",
            x(0.0),
            x(last),
            MARGIN[0] - 6.0,
            y(level) + 4.0,
            at = y(level)
        );
        let height = last * f64::from(tick) / 4.0;
        let _ = write!(
            svg,
            "<text x={:.0} y={:.0} text-anchor=middle>{height:.0} mm</text>",
            x(height).min(SIZE[0] - 22.0),
            SIZE[1] - 8.0
        );
    }
    for (colour, points) in curves {
        let points = points.iter().filter(|p| p[1].is_finite());
        let path: Vec<String> = points.map(|p| format!("{:.1},{:.1}", x(p[0]), y(p[1]))).collect();
        let _ = write!(svg, "<polyline points=\"{}\" fill=none stroke={colour} stroke-width=2 />", path.join(" "));
    }
    let _ = write!(svg, "</svg><figcaption>{caption}</figcaption></figure>");
    svg
}
