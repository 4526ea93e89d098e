//! Options whose values are an enum of the library, by its names.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use grating_calibration::named::Named;

/// Takes any of the names that `T` has, and lists them with their descriptions in the help.
pub fn named<T: Named + Send + Sync>() -> impl TypedValueParser<Value = T> {
    let value = |value: &T| PossibleValue::new(value.name()).help(value.description());
    PossibleValuesParser::new(T::VARIANTS.iter().map(value)).try_map(|name| T::named(&name))
}
