//! `gratingcal simulate`: a ray-traced sweep as `gratingcal calibrate` reads it, with its truth.
//!
//! ```text
//! DIR/left/00000.png …   DIR/right/00000.png …   DIR/poses.csv     measured poses
//! DIR/truth_points.csv   DIR/truth.yaml          DIR/scene.yaml    for the judge
//! ```

use crate::named::named;
use anyhow::{Context, ensure};
use clap::Args;
use grating_calibration::camera::Camera;
use grating_calibration::folder::poses_csv::{PoseRow, write_poses};
use grating_calibration::pose::tool_pose::ToolPose;
use grating_calibration::sim::config::{SceneConfig, Target};
use grating_calibration::sim::preset::Preset;
use grating_calibration::sim::robot::{Robot, RobotConfig};
use grating_calibration::sim::scene::Scene;
use grating_calibration::sim::truth::{Axes, TruthFile, write_truth};
use grating_calibration::sweep::motion::plan::Plan;
use indicatif::{ProgressBar, ProgressStyle};
use nalgebra::Vector3;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct SimulateArgs {
    /// Folder to write to.
    #[arg(long)]
    out: PathBuf,
    /// Named scene to start from.
    #[arg(long, value_parser = named::<Preset>(), default_value_t)]
    preset: Preset,
    /// A scene.yaml instead of a preset; fields that it leaves out have their defaults.
    #[arg(long, conflicts_with = "preset")]
    scene: Option<PathBuf>,
    /// Print a chessboard instead of lines: squares across and down and their side in mm, for example 22x12x1.1.
    #[arg(long, value_name = "NxMxSIDE", value_parser = chessboard)]
    chessboard: Option<Target>,
    /// Of all random numbers.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of heights from 0 to `--depth-mm`.
    #[arg(long, default_value_t = 201, value_parser = clap::value_parser!(u32).range(2..=5000))]
    heights: u32,
    #[arg(long, default_value_t = 20.0)]
    depth_mm: f64,
    /// Also jog this far along ±x and ±y at the lowest height, mm: they measure the print.
    #[arg(long, default_value_t = 0.0)]
    jog_mm: f64,
    /// Points in truth_points.csv.
    #[arg(long, default_value_t = 5000)]
    truth_points: usize,
    /// No progress bar; print the files' folder as JSON.
    #[arg(long)]
    json: bool,
}

fn chessboard(text: &str) -> Result<Target, String> {
    let wanted = || format!("'{text}' is not a chessboard: write NxMxSIDE, for example 22x12x1.1");
    let parts: Vec<&str> = text.split('x').collect();
    let [across, down, side] = parts.as_slice() else { return Err(wanted()) };
    let squares = [across.parse().map_err(|_| wanted())?, down.parse().map_err(|_| wanted())?];
    Ok(Target::Chessboard { side_mm: side.parse().map_err(|_| wanted())?, squares })
}

pub fn run(args: &SimulateArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.depth_mm > 0.0 && args.depth_mm < 1e4, "--depth-mm is {}, it must be above 0", args.depth_mm);
    let mut config: SceneConfig = match &args.scene {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            serde_yaml::from_str(&text).with_context(|| path.display().to_string())?
        }
        None => args.preset.config(),
    };
    config.seed = args.seed;
    if let Some(target) = args.chessboard {
        config.grid.target = target;
    }
    let scene = Scene::new(config)?;
    for camera in Camera::BOTH {
        let folder = args.out.join(camera.to_string());
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    let step_mm = args.depth_mm / f64::from(args.heights - 1);
    let mut offsets_mm: Vec<[f64; 3]> = (0..args.heights).map(|i| [0.0, 0.0, step_mm * f64::from(i)]).collect();
    if args.jog_mm > 0.0 {
        let jog = args.jog_mm;
        let plan = Plan { offsets_mm }
            .with_jogs(&[[jog, 0.0], [-jog, 0.0], [0.0, jog], [0.0, -jog]], scene.config().grid.pitch_mm)?;
        offsets_mm = plan.offsets_mm;
    }
    let bar = ProgressBar::new(offsets_mm.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} pairs  {eta} left") {
        bar.set_style(style);
    }
    if args.json {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let mut rows = Vec::new();
    let mut robot = Robot::new(RobotConfig::default(), Vector3::zeros(), args.seed ^ 0x0072_6f62_6f74);
    for (index, offset_mm) in (0..).zip(&offsets_mm) {
        robot.set_target(Vector3::from(*offset_mm));
        // Long enough to come to rest.
        robot.advance(0.1 + step_mm + args.jog_mm + 1.0);
        for camera in Camera::BOTH {
            let path = args.out.join(camera.to_string()).join(format!("{index:05}.png"));
            scene.image(camera, robot.position_mm(), index.into()).save_png(&path)?;
        }
        let measured = robot.measure_mm();
        rows.push(PoseRow { index, pose: ToolPose::at(measured.into()) });
        bar.inc(1);
    }
    bar.finish_and_clear();
    write_poses(&args.out.join("poses.csv"), &rows)?;
    let axes = if args.jog_mm > 0.0 { Axes::Robot } else { Axes::Lines };
    let truth = TruthFile::of(&scene)?;
    write_truth(&args.out, &scene, axes, args.depth_mm, args.truth_points)?;
    if args.json {
        say!("{}", serde_json::to_string_pretty(&truth)?)?;
    } else {
        let [left, right] = [truth.origin_left, truth.origin_right].map(|[u, v]| format!("{u:.2},{v:.2}"));
        let out = args.out.display();
        say!("wrote {} pairs; calibrate them with", offsets_mm.len())?;
        say!("  gratingcal calibrate --left {out}/left --right {out}/right --poses {out}/poses.csv \\")?;
        say!(
            "    --pitch-mm {} --origin-left {left} --origin-right {right} --out {out}/calibration.yaml",
            truth.pitch_mm
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
