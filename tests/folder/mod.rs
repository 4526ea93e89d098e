//! Files in and out.

mod foreign_bytes;
mod resume;
