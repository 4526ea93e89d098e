//! What the checks of a sweep found, as a calibration keeps it; docs/checks.md lists them.

use crate::mapping::checks::consistency::Repair;
use serde::{Deserialize, Serialize};

/// What the checks of a sweep did and could not do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Checks {
    /// Line numbers that were put right.
    pub repairs: Vec<Repair>,
    /// What the images can't tell, for people.
    pub unverified: Vec<String>,
}

impl Checks {
    /// All of it for people.
    pub fn sentences(&self) -> Vec<String> {
        let repairs = self.repairs.iter().map(|repair| format!("repaired: {repair}"));
        repairs.chain(self.unverified.iter().map(|what| format!("unverified: {what}"))).collect()
    }
}
