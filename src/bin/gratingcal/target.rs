//! `gratingcal target`: the sheet to print.

use anyhow::Context;
use clap::Args;
use grating_calibration::target::{Paper, Target};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct TargetArgs {
    /// Distance between neighbouring lines, mm.
    #[arg(long)]
    pitch_mm: f64,
    /// Width of a line, mm.
    #[arg(long, default_value_t = 0.2)]
    line_mm: f64,
    #[arg(long, value_enum, default_value = "a4")]
    paper: Paper,
    /// Leave out the origin mark.
    #[arg(long)]
    no_mark: bool,
    /// SVG file to write.
    #[arg(long)]
    out: PathBuf,
}

pub fn run(args: &TargetArgs) -> anyhow::Result<ExitCode> {
    let target = Target::new(args.pitch_mm, args.line_mm, args.paper, !args.no_mark)?;
    std::fs::write(&args.out, target.svg()).with_context(|| args.out.display().to_string())?;
    say!("wrote {}: print it at 100 % and measure the bar", args.out.display())?;
    Ok(ExitCode::SUCCESS)
}
