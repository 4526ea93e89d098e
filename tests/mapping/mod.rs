//! Intersections → models, answers and verdict.

mod answers;
mod checks;
mod models;
mod uncertainty;
