//! One self-contained page about a finished calibration, and its figures beside it.

use crate::GrayImage;
use crate::camera::{Camera, Stereo};
use crate::folder::calibration_file::NEWEST_VERSION;
use crate::mapping::calibration::{Calibration, UNITS, ladder_rows};
use crate::mapping::checks::finding::remarks;
use crate::mapping::selection::ladder::LadderEntry;
use crate::report::draw::DrawError;
use crate::report::figure::Figure;
use crate::report::figures::Figures;
use crate::report::overlay;
use crate::sweep::outcome::CalibrationOutcome;
use base64::Engine;
use image::codecs::jpeg::JpegEncoder;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const STYLE: &str = include_str!("page.css");

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file or folder could not be written.
    #[error("{path}: {cause}: is the disk full, may this program write there?")]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A figure's pixels could not be written.
    #[error("{path}: {cause}: is the disk full, may this program write there?")]
    Image {
        /// Its file.
        path: PathBuf,
        /// What the encoder said.
        cause: image::ImageError,
    },
    /// A figure could not be drawn.
    #[error(transparent)]
    Draw(#[from] DrawError),
}

/// What a report is about.
pub struct Report<'a> {
    /// The calibration with the data that it was made of, or of another sweep.
    pub outcome: &'a CalibrationOutcome,
    /// The images of the last pair, to draw the grid over.
    pub last: Option<Stereo<&'a GrayImage>>,
    /// Names and values, for people.
    pub settings: Vec<(String, String)>,
}

impl Report<'_> {
    /// Writes the page to `path`, and each figure as SVG and PNG into the folder beside it: `report.html` has `report_plots/`.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let io = |path: &Path, cause| ReportError::Io { path: path.into(), cause };
        let figures = Figures::of(self.outcome);
        let folder = path.with_file_name(format!("{}_plots", path.file_stem().unwrap_or_default().display()));
        std::fs::create_dir_all(&folder).map_err(|cause| io(&folder, cause))?;
        for figure in figures.all() {
            let svg = folder.join(format!("{}.svg", figure.name));
            std::fs::write(&svg, figure.svg(true)?).map_err(|cause| io(&svg, cause))?;
            let png = svg.with_extension("png");
            figure.image()?.save(&png).map_err(|cause| ReportError::Image { path: png, cause })?;
        }
        std::fs::write(path, self.html(&figures)?).map_err(|cause| io(path, cause))
    }

    /// The page; it needs no other file.
    ///
    /// # Errors
    /// [`DrawError`].
    pub fn html(&self, figures: &Figures) -> Result<String, DrawError> {
        let calibration = &self.outcome.calibration;
        let mut page = String::from(
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
             <meta name=color-scheme content=\"light dark\"><title>Calibration report</title><style>",
        );
        page += STYLE;
        page += "</style><main>";
        page += &self.verdict();
        page += "<h2>Accuracy of the models</h2>";
        page += &figures_html(&figures.models, "wide")?;
        page += &ladder(calibration);
        page += "<h2>Errors and where they lie</h2>";
        if let Some((histogram, maps)) =
            figures.errors.split_first().filter(|(first, _)| first.name.contains("histogram"))
        {
            page += &figures_html(std::slice::from_ref(histogram), "wide")?;
            page += &figures_html(maps, "")?;
        } else {
            page += &figures_html(&figures.errors, "")?;
        }
        page += "<h2>From height to height</h2>";
        page += &figures_html(&figures.heights, "")?;
        page += "<h2>Lenses</h2>";
        page += &figures_html(&figures.lenses, "")?;
        page += &self.overlays();
        page += &self.settings();
        Ok(page + "</main></html>\n")
    }

    fn verdict(&self) -> String {
        let calibration = &self.outcome.calibration;
        let (class, verdict) = if calibration.usable { ("ok", "usable") } else { ("bad", "not usable") };
        let sign = if calibration.usable { "✓" } else { "✗" };
        let [x, y, z] = calibration.stereo.rms_mm.map(|rms| 1e3 * rms);
        let mut page = format!(
            "<h1>Calibration: <span class={class}>{sign} {verdict}</span></h1><p class=reason>{}.</p><table class=facts>\
             <tr><td>points from {} pixel pairs, RMS<td>x {x:.2} µm, y {y:.2} µm, z {z:.2} µm; the worst {:.1} µm\
             <tr><td>models served<td>left {}, right {}",
            text(&calibration.reason),
            calibration.stereo.pairs,
            1e3 * calibration.stereo.max_mm,
            calibration.left.model.kind(),
            calibration.right.model.kind(),
        );
        // Correspondences from elsewhere have no pitch and were not tracked.
        let pitch = match self.outcome.pairs.is_empty() {
            true => String::new(),
            false => format!(
                "<tr><td>pitch<td>{} mm<tr><td>smallest phase margin<td>{:.2} pitches",
                calibration.pitch_mm, calibration.min_phase_margin
            ),
        };
        let [low, high] = [calibration.volume.min_mm, calibration.volume.max_mm];
        // Writing to a String does not fail.
        let _ = write!(
            page,
            "<tr><td>heights<td>{} from {:.2} to {:.2} mm<tr><td>calibrated volume<td>x {:.1} … {:.1}, y {:.1} … {:.1}, \
             z {:.1} … {:.1} mm<tr><td>correspondences<td>{} left, {} right{pitch}<tr><td>fitted<td>{}</table>",
            calibration.heights,
            calibration.height_range_mm[0],
            calibration.height_range_mm[1],
            low[0],
            high[0],
            low[1],
            high[1],
            low[2],
            high[2],
            calibration.left.correspondences,
            calibration.right.correspondences,
            calibration.created,
        );
        let known = calibration.stage.iter().flat_map(|stage| stage.sentences()).chain(remarks(&calibration.findings));
        let checks: String = known.map(|sentence| format!("<li>{}", text(&sentence))).collect();
        if !checks.is_empty() {
            let _ = write!(
                page,
                "<h2>What the images say about robot and print, and what they can't</h2><ul>{checks}</ul>"
            );
        }
        page
    }

    fn overlays(&self) -> String {
        let (Some(images), Some(pair)) = (self.last, self.outcome.pairs.last()) else { return String::new() };
        let mut page =
            format!("<h2>The calibrated grid over the images at {:.2} mm</h2><div class=figures>", pair.height_mm);
        for camera in Camera::BOTH {
            let drawn = overlay::predicted(images[camera], &self.outcome.calibration, camera, pair.height_mm);
            let mut jpeg = Vec::new();
            if drawn.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, 85)).is_ok() {
                let data = base64::engine::general_purpose::STANDARD.encode(jpeg);
                let _ = write!(
                    page,
                    "<figure><img src=\"data:image/jpeg;base64,{data}\" alt=\"grid over the {camera} image\">\
                     <figcaption>{camera}; the cross is the origin</figcaption></figure>"
                );
            }
        }
        page + "</div>"
    }

    fn settings(&self) -> String {
        let calibration = &self.outcome.calibration;
        let mut rows: Vec<(String, String)> = vec![
            ("method".into(), calibration.method.to_string()),
            ("frame".into(), calibration.frame.clone()),
            ("units".into(), UNITS.into()),
        ];
        for camera in Camera::BOTH {
            let [width, height] = calibration.camera(camera).image_size;
            rows.push((format!("{camera} image"), format!("{width} × {height} px")));
        }
        if let Some([x, y, z]) = calibration.reference_mm {
            rows.push(("tool at height 0, in the base frame".into(), format!("({x:.3}, {y:.3}, {z:.3}) mm")));
        }
        rows.extend(self.settings.iter().cloned());
        let versions = [
            ("grating_calibration".to_string(), env!("CARGO_PKG_VERSION").to_string()),
            ("format of calibration.yaml".into(), NEWEST_VERSION.to_string()),
            ("machine".into(), format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
            ("report written".into(), jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string()),
        ];
        let table = |rows: &[(String, String)]| -> String {
            let row = |(name, value): &(String, String)| format!("<tr><td>{}<td>{}", text(name), text(value));
            format!("<table class=facts>{}</table>", rows.iter().map(row).collect::<String>())
        };
        format!("<h2>Settings</h2>{}<h2>Versions</h2>{}", table(&rows), table(&versions))
    }
}

fn figures_html(figures: &[Figure], class: &str) -> Result<String, DrawError> {
    let mut html = format!("<div class=\"figures {class}\">");
    for figure in figures {
        html += &format!("<figure>{}<figcaption>{}</figcaption></figure>", figure.svg(false)?, text(&figure.caption));
    }
    Ok(html + "</div>")
}

/// As text of a page.
fn text(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn ladder(calibration: &Calibration) -> String {
    let mut table = String::from(
        "<table class=ladder><tr><th>model<th colspan=2>residual<th colspan=2>held-out<th colspan=2>border\
         <th colspan=3>held-out points<th>served by<tr><th><th>left<th>right<th>left<th>right<th>left<th>right<th>x<th>y<th>z\
         <th><tr class=units><td><td colspan=6>px RMS per axis<td colspan=3>µm RMS<td>",
    );
    let number = |value: Option<f64>, digits| value.map_or("–".into(), |value| format!("{value:.digits$}"));
    for row in ladder_rows::rows(calibration) {
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
