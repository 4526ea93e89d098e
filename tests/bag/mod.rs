//! Recorded sweeps.
#![cfg(feature = "bags")]

mod extraction;
