//! Why a value that was read from outside is impossible, and the questions that most values are asked.

/// The field of a value read from outside that can't be what it says, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct ValidationError {
    /// Path of the field within the value, as in `left.model.coefficients`.
    pub field: String,
    /// What is wrong with it, a predicate: "holds NaN, which is not a finite number".
    pub problem: String,
}

impl ValidationError {
    /// The field `field`, of which `problem` is said.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        ValidationError { field: field.into(), problem: problem.into() }
    }

    /// The same, seen from the value that has the present one in its field `outer`.
    pub fn within(self, outer: &str) -> Self {
        ValidationError { field: format!("{outer}.{}", self.field), problem: self.problem }
    }
}

/// Every number of `field` is finite.
///
/// # Errors
/// [`ValidationError`] with the first number that is not.
pub fn finite(field: &str, values: &[f64]) -> Result<(), ValidationError> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(ValidationError::new(field, format!("holds {value}, which is not a finite number"))),
        None => Ok(()),
    }
}

/// Every number of `field` is finite and above 0.
///
/// # Errors
/// [`ValidationError`] with the first number that is not.
pub fn positive(field: &str, values: &[f64]) -> Result<(), ValidationError> {
    finite(field, values)?;
    match values.iter().find(|value| **value <= 0.0) {
        Some(value) => Err(ValidationError::new(field, format!("holds {value}, it must be above 0"))),
        None => Ok(()),
    }
}

/// `field` has as many entries as are needed.
///
/// # Errors
/// [`ValidationError`] with both numbers.
pub fn length(field: &str, found: usize, needed: usize) -> Result<(), ValidationError> {
    if found == needed {
        return Ok(());
    }
    Err(ValidationError::new(field, format!("has {found} entries, {needed} are needed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_path_of_its_field() {
        let error = finite("axis", &[0.0, f64::NAN]).unwrap_err().within("model").within("left");
        assert_eq!(error.to_string(), "left.model.axis holds NaN, which is not a finite number");
        assert!(positive("focal_px", &[1.0, f64::INFINITY]).is_err() && positive("focal_px", &[0.0]).is_err());
        assert!(length("lens", 3, 4).is_err() && length("lens", 4, 4).is_ok());
    }
}
