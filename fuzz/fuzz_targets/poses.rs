//! Any bytes as poses.csv.
#![no_main]

use grating_calibration::folder::poses_csv::parse_poses;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(rows) = parse_poses(bytes, Path::new("poses.csv")) {
        assert!(!rows.is_empty() && rows.iter().all(|row| row.pose.is_finite()));
    }
});
