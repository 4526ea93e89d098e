//! Phases → numbered, localised intersections.

mod measurement;
mod origin_mark;
