//! Properties of the rooms of `src`, in simulated cells: one program, so that it is linked once and its fixtures are shared.
//!
//! `cargo test --release --test rooms mapping::` runs one folder.

mod bag;
mod cli;
mod common;
mod folder;
mod grating;
mod lattice;
mod mapping;
mod sweep;
mod target;
