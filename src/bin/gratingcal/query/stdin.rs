//! Tables that come on stdin.

use anyhow::Context;
use grating_calibration::folder::table;
use std::io::Read;

/// All rows of stdin as numbers, the columns found by header.
pub fn read_columns(names: &[&str]) -> anyhow::Result<Vec<Vec<f64>>> {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).context("reading stdin")?;
    table::read_columns(&text, names).context("stdin")
}
