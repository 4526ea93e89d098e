//! `gratingcal`: the calibration on folders and tables, without ROS.

/// `println!` with an error where that panics: the reader of a pipe may have seen enough.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write;
        writeln!(std::io::stdout(), $($text)*)
    }};
}

mod bench;
mod calibrate;
mod export;
mod fit;
mod map;
mod named;
mod options;
mod points;
mod query;
mod report;
mod simulate;
mod target;

use clap::{Parser, Subcommand};

/// Pixel ↔ world calibration of two robot-mounted cameras from a printed grid of lines.
#[derive(Parser)]
#[command(version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fit the images of a sweep and write calibration.yaml.
    Calibrate(Box<calibrate::CalibrateArgs>),
    /// Pixels (CSV on stdin) to points (CSV on stdout).
    PixelToWorld(query::pixel_to_world::PixelToWorldArgs),
    /// Points (CSV on stdin) to pixels (CSV on stdout).
    WorldToPixel(query::world_to_pixel::WorldToPixelArgs),
    /// Fit the models to correspondences from another detector.
    Map(map::MapArgs),
    /// Write the report of a calibration and the sweep it was made of, or another one.
    Report(report::ReportArgs),
    /// Write the cameras for other software: ROS and OpenCV YAML, URDF.
    Export(export::ExportArgs),
    /// Ray-trace a sweep: images, poses.csv and the truth.
    Simulate(simulate::SimulateArgs),
    /// Fit one image and print its gratings.
    Fit(fit::FitArgs),
    /// Measure the speed of a backend, against its floor and a plain program.
    Bench(bench::BenchArgs),
    /// Draw the sheet to print: grid, origin mark, scale bar.
    Target(target::TargetArgs),
}

fn main() -> std::process::ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let result = match Cli::parse().command {
        Command::Calibrate(args) => calibrate::run(&args),
        Command::PixelToWorld(args) => query::pixel_to_world::run(&args),
        Command::WorldToPixel(args) => query::world_to_pixel::run(&args),
        Command::Map(args) => map::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Fit(args) => fit::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Target(args) => target::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) if reader_is_gone(&error) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", options::with_options(&format!("{error:#}")));
            std::process::ExitCode::from(2)
        }
    }
}

/// As with `gratingcal … | head`.
fn reader_is_gone(error: &anyhow::Error) -> bool {
    let broken = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| match cause.downcast_ref::<csv::Error>().map(csv::Error::kind) {
        Some(csv::ErrorKind::Io(cause)) => broken(cause),
        _ => cause.downcast_ref().is_some_and(broken),
    })
}
