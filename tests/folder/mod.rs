//! Files in and out.

mod calibration_file;
mod foreign_bytes;
mod resume;
