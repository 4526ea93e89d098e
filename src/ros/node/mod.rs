//! The `calibration_node`: wires the rest together.

pub mod calibration_node;
