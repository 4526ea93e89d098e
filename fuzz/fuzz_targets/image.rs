//! Any bytes as an image file.
#![no_main]

use grating_calibration::folder::pairs::decode_gray;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = decode_gray(bytes) {
        assert_eq!(image.as_raw().len(), image.width() as usize * image.height() as usize);
    }
});
