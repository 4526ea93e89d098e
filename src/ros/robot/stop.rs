//! Why a goal, or a move, ended early.

use crate::ros::support::parameters::setting_names::with_parameters;

/// How a goal ended that did not end well.
#[derive(Debug)]
pub enum Stop {
    /// The client asked for it.
    Cancelled,
    /// Anything else, for people.
    Failed(String),
}

impl<E: std::error::Error> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Failed(with_parameters(&error.to_string()))
    }
}

impl Stop {
    /// For people.
    pub fn reason(self) -> String {
        match self {
            Stop::Cancelled => "cancelled".into(),
            Stop::Failed(reason) => reason,
        }
    }
}

/// Ends a goal with a reason.
///
/// # Errors
/// Always.
pub fn failed<T>(reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Failed(reason.into()))
}
