//! The default method, or the published one.

use serde::{Deserialize, Serialize};

/// How the images are fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Automatic start, Levenberg–Marquardt, local measurement, the best model of the ladder.
    #[default]
    Auto,
    /// As published: stochastic search on Eq. (1)–(4), Eq. (5)–(16).
    Original,
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Method::Auto => "auto",
            Method::Original => "original",
        })
    }
}
