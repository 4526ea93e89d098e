//! Intersections → models, answers and verdict.

mod checks;
mod models;
mod uncertainty;
