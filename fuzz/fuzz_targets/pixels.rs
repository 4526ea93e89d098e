//! Any bytes as a table of pixels.
#![no_main]

use grating_calibration::folder::table::read_columns;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(rows) = read_columns(bytes, &["u_left", "v_left", "u_right", "v_right"]) {
        assert!(rows.iter().all(|row| row.len() == 4));
    }
});
