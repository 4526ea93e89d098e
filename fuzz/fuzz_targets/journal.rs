//! Any bytes as the journal of a sweep: what is sound of it is no more than there is, in order and finite.
#![no_main]

use grating_calibration::folder::recording::journal::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(contents) = parse(bytes) {
        assert!(contents.sound_bytes <= bytes.len());
        assert!(contents.pairs.iter().enumerate().all(|(i, pair)| pair.index as usize == i));
        assert!(contents.header.offsets_mm.iter().flatten().all(|x| x.is_finite()));
    }
});
