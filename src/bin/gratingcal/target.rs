//! `gratingcal target`: the sheet to print.

use crate::named::named;
use anyhow::{Context, bail};
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
    #[arg(long, value_parser = named::<Paper>(), default_value_t)]
    paper: Paper,
    /// Leave out the origin mark.
    #[arg(long)]
    no_mark: bool,
    /// File to write, .svg or .pdf.
    #[arg(long)]
    out: PathBuf,
}

pub fn run(args: &TargetArgs) -> anyhow::Result<ExitCode> {
    let target = Target::new(args.pitch_mm, args.line_mm, args.paper, !args.no_mark)?;
    let sheet = match args.out.extension().map(|extension| extension.to_ascii_lowercase()) {
        Some(extension) if extension == "svg" => target.svg().into_bytes(),
        Some(extension) if extension == "pdf" => target.pdf(),
        _ => bail!("--out is {}: a name that ends in .svg or .pdf is needed", args.out.display()),
    };
    std::fs::write(&args.out, sheet).with_context(|| args.out.display().to_string())?;
    say!("wrote {}: print it at 100 % and measure its bar", args.out.display())?;
    Ok(ExitCode::SUCCESS)
}
