//! `gratingcal calibrate`: a folder of images → calibration.yaml.

#[cfg(feature = "bags")]
mod bag;

use crate::named::named;
use anyhow::{Context, bail};
use clap::Args;
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::folder::calibration_file::v1::ChecksV1;
use grating_calibration::folder::error::FolderError;
use grating_calibration::folder::pairs::{self, PairFiles};
use grating_calibration::folder::prefetch::prefetch;
use grating_calibration::grating::backend::Image;
use grating_calibration::grating::backend::choice::{ActiveBackend, BackendChoice};
use grating_calibration::grating::fit::refine::FitOptions;
use grating_calibration::mapping::calibration::{Calibration, ladder_rows};
use grating_calibration::mapping::checks::finding::remarks;
use grating_calibration::mapping::method::Method;
use grating_calibration::mapping::models::registry::ModelKind;
use grating_calibration::mapping::selection::ladder::LadderEntry;
use grating_calibration::report::Report;
use grating_calibration::sweep::outcome::CalibrationOutcome;
use grating_calibration::sweep::plausibility::swept_range;
use grating_calibration::sweep::session::SweepSession;
use grating_calibration::sweep::settings::CalibrationSettings;
use indicatif::{ProgressBar, ProgressStyle};
use nalgebra::Vector2;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Args)]
pub struct CalibrateArgs {
    /// Folder of the left camera's images, 00000.png …
    #[arg(long)]
    left: Option<PathBuf>,
    /// Folder of the right camera's images.
    #[arg(long)]
    right: Option<PathBuf>,
    /// Measured tool poses: index,x_mm,y_mm,z_mm, and qx,qy,qz,qw where the orientation is known.
    #[arg(long)]
    poses: Option<PathBuf>,
    #[cfg(feature = "bags")]
    #[command(flatten)]
    bag: bag::BagArgs,
    /// Distance between neighbouring printed lines, mm; left out: the origin mark tells it.
    #[arg(long)]
    pitch_mm: Option<f64>,
    /// Pixel of the grid's origin in the first left image, U,V; left out: the origin mark is looked for.
    #[arg(long, value_parser = pixel)]
    origin_left: Option<Vector2<f64>>,
    /// Pixel of the grid's origin in the first right image, U,V; left out: the origin mark is looked for.
    #[arg(long, value_parser = pixel)]
    origin_right: Option<Vector2<f64>>,
    #[arg(long, value_parser = named::<Method>(), default_value_t)]
    method: Method,
    /// What evaluates the fits.
    #[arg(long, value_parser = named::<BackendChoice>(), default_value_t)]
    backend: BackendChoice,
    /// Degree of the phase polynomials of `--method auto`.
    #[arg(long, default_value_t = FitOptions::default().phase_degree as u8, value_parser = clap::value_parser!(u8).range(2..=12))]
    phase_degree: u8,
    /// Draws per image of `--method original`; 18000 as published.
    #[arg(long, default_value_t = 18_000)]
    original_draws: usize,
    /// `--method original` looks at every n-th pixel along u and v; 1 as published.
    #[arg(long, default_value_t = 1)]
    original_stride: usize,
    /// Worst RMS error along any axis that still counts as usable, µm.
    #[arg(long, default_value_t = 50.0)]
    usable_um: f64,
    /// Serve this model instead of the best.
    #[arg(long, value_parser = named::<ModelKind>())]
    model: Option<ModelKind>,
    /// Where the calibration is written.
    #[arg(long)]
    out: PathBuf,
    /// Also write DIR/MODEL.yaml for every model that the data determines.
    #[arg(long, value_name = "DIR")]
    every_model: Option<PathBuf>,
    /// Also write a report for people.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

fn pixel(text: &str) -> Result<Vector2<f64>, String> {
    let wanted = || format!("'{text}' is not a pixel: write U,V, for example 640.2,359.7");
    let (u, v) = text.split_once(',').ok_or_else(wanted)?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|x| x.is_finite()).ok_or_else(wanted);
    Ok(Vector2::new(number(u)?, number(v)?))
}

pub fn run(args: &CalibrateArgs) -> anyhow::Result<ExitCode> {
    let backend = ActiveBackend::open(args.backend)?;
    let source = args.source()?;
    let pairs = pairs::list(&source.left, &source.right, &source.poses)?;
    swept_range(pairs.iter().map(|pair| pair.pose.z_mm))?;
    let origin_px = Stereo { left: args.origin_left, right: args.origin_right };
    let mut settings = CalibrationSettings { pitch_mm: args.pitch_mm, origin_px, ..CalibrationSettings::by_mark() };
    settings.method = args.method;
    settings.fit.phase_degree = args.phase_degree.into();
    settings.original.draws = args.original_draws;
    settings.original.stride = args.original_stride;
    settings.usable_rms_mm = 1e-3 * args.usable_um;
    let start = Instant::now();
    let (mut outcome, last) = fit(backend, &pairs, &settings, args.json)?;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(folder) = &args.every_model {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        for kind in ModelKind::LADDER {
            match outcome.calibration.with_model(*kind, outcome.data.as_ref(), settings.usable_rms_mm) {
                Ok(calibration) => calibration.save(&folder.join(format!("{kind}.yaml")))?,
                Err(error) => tracing::warn!("{kind}: {error}"),
            }
        }
    }
    if let Some(kind) = args.model {
        outcome.calibration = outcome
            .calibration
            .with_model(kind, outcome.data.as_ref(), settings.usable_rms_mm)
            .with_context(|| kind.to_string())?;
    }
    outcome.calibration.save(&args.out)?;
    if let Some(path) = &args.report {
        let last = last.as_ref().map(Stereo::as_deref);
        Report { outcome: &outcome, last, settings: args.settings(&source, &settings) }.write(path)?;
    }
    if args.json {
        say!("{}", serde_json::to_string_pretty(&summary(&outcome, seconds))?)?;
    } else {
        print(&outcome.calibration, seconds)?;
        say!("wrote {}", args.out.display())?;
    }
    Ok(if outcome.calibration.usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fits all pairs and the models; also gives the images of the last pair.
pub fn fit(
    backend: ActiveBackend,
    pairs: &[PairFiles],
    settings: &CalibrationSettings,
    quiet: bool,
) -> anyhow::Result<(CalibrationOutcome, Option<Stereo<Image<'static>>>)> {
    let bar = ProgressBar::new(pairs.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} pairs  {msg}  {eta} left") {
        bar.set_style(style);
    }
    if quiet {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let mut session = SweepSession::on(backend, settings.clone())?;
    let mut last = None;
    let backend = session.backend().clone();
    let read = |pair: &PairFiles| {
        let images = pairs::read_pair(pair.images.as_deref())?;
        Ok::<_, FolderError>(backend.load_pair(images.map(Image::from)))
    };
    prefetch(pairs, read, |pair, taken| {
        let taken = taken?;
        last = Some(taken.images.clone());
        let report = session
            .add_loaded(taken, pair.pose)
            .with_context(|| format!("{} and {}", pair.images.left.display(), pair.images.right.display()))?;
        bar.set_message(format!("h {:6.2} mm, residual {:.3}", report.height_mm, report.residual.left));
        bar.inc(1);
        anyhow::Ok(())
    })?;
    bar.finish_and_clear();
    Ok((session.finish()?, last))
}

/// Images and poses on disk.
struct Source {
    left: PathBuf,
    right: PathBuf,
    poses: PathBuf,
    #[cfg(feature = "bags")]
    bag: Option<(PathBuf, bag::Unpacked)>,
}

impl Source {
    /// For the report.
    fn settings(&self) -> Vec<(String, String)> {
        #[cfg(feature = "bags")]
        if let Some((bag, _)) = &self.bag {
            return vec![("bag".into(), bag.display().to_string())];
        }
        [("left images", &self.left), ("right images", &self.right), ("poses", &self.poses)]
            .map(|(name, path)| (name.into(), path.display().to_string()))
            .into()
    }
}

impl CalibrateArgs {
    fn source(&self) -> anyhow::Result<Source> {
        #[cfg(feature = "bags")]
        if let Some(bag) = &self.bag.bag {
            let unpacked = self.bag.unpack(bag)?;
            let [left, right, poses] = ["left", "right", "poses.csv"].map(|name| unpacked.folder.join(name));
            return Ok(Source { left, right, poses, bag: Some((bag.clone(), unpacked)) });
        }
        let (Some(left), Some(right), Some(poses)) = (self.left.clone(), self.right.clone(), self.poses.clone()) else {
            bail!("give --left, --right and --poses, or a recorded sweep with --bag");
        };
        Ok(Source {
            left,
            right,
            poses,
            #[cfg(feature = "bags")]
            bag: None,
        })
    }

    /// What was asked for, for the report.
    fn settings(&self, source: &Source, settings: &CalibrationSettings) -> Vec<(String, String)> {
        let by_mark = || "from the origin mark".to_string();
        let mut rows = source.settings();
        rows.extend([("pitch".into(), self.pitch_mm.map_or_else(by_mark, |pitch_mm| format!("{pitch_mm} mm")))]);
        for camera in Camera::BOTH {
            let origin = settings.origin_px[camera].map_or_else(by_mark, |px| format!("({}, {}) px", px.x, px.y));
            rows.push((format!("{camera} origin"), origin));
        }
        rows.push(("usable up to".into(), format!("{} µm RMS along an axis", self.usable_um)));
        match self.method {
            Method::Auto => rows.push(("degree of the phase polynomials".into(), self.phase_degree.to_string())),
            Method::Original => rows.push((
                "stochastic search".into(),
                format!("{} draws per image, every {} px", self.original_draws, self.original_stride),
            )),
        }
        rows.extend(self.model.map(|model| ("model served by request".into(), model.to_string())));
        rows
    }
}

/// The result as JSON; times of the fits are null where no images were fitted.
pub fn summary(outcome: &CalibrationOutcome, seconds: f64) -> serde_json::Value {
    let calibration = &outcome.calibration;
    let mut fit_ms: Vec<f64> = outcome.pairs.iter().flat_map(|p| [p.fit_ms.left, p.fit_ms.right]).collect();
    fit_ms.sort_by(f64::total_cmp);
    serde_json::json!({
        "usable": calibration.usable,
        "reason": calibration.reason,
        "method": calibration.method,
        "checks": ChecksV1::of(&calibration.findings),
        "stage": calibration.stage,
        "heights": calibration.heights,
        "correspondences": calibration.left.correspondences + calibration.right.correspondences,
        "models": [calibration.left.model.kind(), calibration.right.model.kind()],
        "residual_rms_px": [calibration.left.residual_rms_px, calibration.right.residual_rms_px],
        "cross_validation_rms_px":
            [calibration.left.cross_validation_rms_px, calibration.right.cross_validation_rms_px],
        "stereo": calibration.stereo,
        "ladder": ladder_rows::rows(calibration),
        "min_phase_margin": calibration.min_phase_margin,
        "fit_ms_median": fit_ms.get(fit_ms.len() / 2),
        "seconds": seconds,
        "pairs": outcome.pairs,
        "pose_errors_mm": outcome.pose_errors_mm,
    })
}

/// What a person reads on the terminal.
pub fn print(calibration: &Calibration, seconds: f64) -> std::io::Result<()> {
    let verdict = if calibration.usable { "usable" } else { "NOT usable" };
    say!("{verdict}: {}", calibration.reason)?;
    say!(
        "{} heights, {} + {} correspondences, {seconds:.1} s{}",
        calibration.heights,
        calibration.left.correspondences,
        calibration.right.correspondences,
        // Correspondences from elsewhere were not tracked.
        match calibration.min_phase_margin {
            margin if margin.is_finite() => format!(", smallest phase margin {margin:.2} pitches"),
            _ => String::new(),
        }
    )?;
    let stage = calibration.stage.iter().flat_map(|stage| stage.sentences());
    for sentence in stage.chain(remarks(&calibration.findings)) {
        say!("{sentence}")?;
    }
    say!("\n             residual, px rms   held-out, px rms   border, px rms     held-out points, µm rms")?;
    say!("  model         left    right      left    right      left    right        x        y        z")?;
    for row in ladder_rows::rows(calibration) {
        let served = match (row.served.left, row.served.right) {
            (true, true) => '*',
            (true, false) => 'l',
            (false, true) => 'r',
            (false, false) => ' ',
        };
        let pixels = |value: fn(&LadderEntry) -> f64| {
            [row.cameras.left, row.cameras.right].map(|entry| cell(entry.as_ref().map(value), 4)).join(" ")
        };
        say!(
            "{served} {:<10} {}  {}  {}  {}",
            row.model.to_string(),
            pixels(|entry| entry.residual_rms_px),
            pixels(|entry| entry.cross_validation_rms_px),
            pixels(|entry| entry.border_rms_px),
            [0, 1, 2].map(|axis| cell(row.stereo.map(|stereo| 1e3 * stereo.rms_mm[axis]), 2)).join(" ")
        )?;
    }
    say!("  * served by both cameras, l or r by one")?;
    let [x, y, z] = calibration.stereo.rms_mm.map(|rms| 1e3 * rms);
    say!(
        "\npoints from the dataset's own pixel pairs: rms x {x:.2}, y {y:.2}, z {z:.2} µm, at most {:.1} µm",
        1e3 * calibration.stereo.max_mm
    )
}

/// A right-aligned number, a dash where there is none.
fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| format!("{:>8}", "-"), |value| format!("{value:>8.digits$}"))
}
