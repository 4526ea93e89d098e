//! Whole sweeps.

mod accuracy;
mod drift;
mod marked;
mod refused_pairs;
mod still_pairs;
