//! `gratingcal` as a user types it.

mod workflow;
