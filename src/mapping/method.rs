//! The default method, or the published one.

use serde::{Deserialize, Serialize};

/// How the images are fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[derive(strum::Display, strum::EnumMessage, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Method {
    /// Automatic start, Levenberg–Marquardt, local measurement, the best model of the ladder.
    #[default]
    Auto,
    /// As published: stochastic search on Eq. (1)–(4), Eq. (5)–(16).
    Original,
}
