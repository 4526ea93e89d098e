//! One image → phases.

mod recovery;
