//! Values as tools of ROS send them → the declared type, within its bounds.
//!
//! `ros2 param set` and `load` read YAML 1.1: `6e-6` and `[0, 0.5]` arrive as text, `off` as a flag, `[]` as an empty array of
//! flags. All of them mean what their user wrote.

use crate::parameters::declaration::{Declaration, Kind, declarations, plain, short};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Longest text that is read as an array, bytes.
const MAX_ARRAY_TEXT: usize = 4096;

/// Why a parameter can't have a value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No parameter has that name.
    #[error("{name} is unknown: is it misspelt?")]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// It is fixed when the node starts.
    #[error("{name} is read-only: it is read when the node starts; start the node with {name} = {value}")]
    ReadOnly {
        /// Name of the parameter.
        name: String,
        /// Value that it should have been given.
        value: Value,
    },
    /// The value is of another type.
    #[error("{name} = {value} is of another type: give {wanted}")]
    Type {
        /// Name of the parameter.
        name: String,
        /// Value that was given.
        value: Value,
        /// The declared type in words.
        wanted: &'static str,
    },
    /// The number is outside the range.
    #[error("{name} = {value} is outside {range}: give a value within")]
    Range {
        /// Name of the parameter.
        name: String,
        /// Number that was given, as text.
        value: String,
        /// Declared bounds, `a … b` with their unit.
        range: String,
    },
    /// The value is none of those that are possible.
    #[error("{name} = {value} is none of {choices}: choose one of them")]
    Choice {
        /// Name of the parameter.
        name: String,
        /// Value that was given.
        value: Value,
        /// The possible values, separated by commas.
        choices: String,
    },
    /// The array has another length.
    #[error("{name} has {found} entries: give {wanted}")]
    Length {
        /// Name of the parameter.
        name: String,
        /// Entries that were given.
        found: usize,
        /// Declared length and bounds of the entries in words.
        wanted: String,
    },
    /// The settings can't be made of the values.
    #[error("{names} can't be set: {reason}")]
    Settings {
        /// Names of the parameters that were to be set, separated by commas.
        names: String,
        /// What the settings' type says.
        reason: String,
    },
}

impl Kind {
    fn wanted(self) -> &'static str {
        match self {
            Kind::Flag => "true or false",
            Kind::Whole => "an integer",
            Kind::Number => "a number",
            Kind::Text => "a text, in quotes if it looks like something else",
            Kind::Numbers => "an array of numbers",
        }
    }
}

impl Declaration {
    /// `given` as a value of the declared type, within bounds and choices; numbers of another notation are converted.
    ///
    /// # Errors
    /// [`Refusal`] with the value and what is possible.
    pub fn accept(&self, given: &Value) -> Result<Value, Refusal> {
        let accepted = match self.kind {
            Kind::Flag => flag(given).map(Value::Bool),
            Kind::Whole => whole(given).map(Value::from),
            Kind::Number => number(given).map(|number| self.within(number)).transpose()?,
            Kind::Text => self.text(given),
            Kind::Numbers => entries(given).map(|numbers| self.array(&numbers)).transpose()?,
        };
        let wrong_type = || Refusal::Type { name: self.name.clone(), value: given.clone(), wanted: self.kind.wanted() };
        let accepted = accepted.ok_or_else(wrong_type)?;
        if self.kind == Kind::Whole {
            self.within(accepted.as_f64().unwrap_or(f64::NAN))?;
        }
        if !self.choices.is_empty() && !self.choices.iter().any(|choice| choice.value == accepted) {
            let choices = self.choices.iter().map(|choice| plain(&choice.value)).collect::<Vec<_>>().join(", ");
            return Err(Refusal::Choice { name: self.name.clone(), value: given.clone(), choices });
        }
        Ok(accepted)
    }

    fn within(&self, number: f64) -> Result<Value, Refusal> {
        let [low, high] = self.bounds;
        if number.is_finite() && (low..=high).contains(&number) {
            return Ok(number.into());
        }
        let range = Some(self.range()).filter(|range| !range.is_empty()).unwrap_or("all finite numbers".into());
        Err(Refusal::Range { name: self.name.clone(), value: short(number), range })
    }

    fn array(&self, numbers: &[f64]) -> Result<Value, Refusal> {
        let [least, most] = self.lengths;
        if !(least..=most).contains(&numbers.len()) {
            let (name, found, wanted) = (self.name.clone(), numbers.len(), self.constraints());
            return Err(Refusal::Length { name, found, wanted });
        }
        numbers.iter().map(|number| self.within(*number)).collect()
    }

    /// A text; of a flag the choice that YAML 1.1 takes for it.
    fn text(&self, given: &Value) -> Option<Value> {
        match given {
            Value::String(_) => Some(given.clone()),
            Value::Bool(_) => {
                let choice = self.choices.iter().find(|choice| flag(&choice.value) == given.as_bool());
                choice.map(|choice| choice.value.clone())
            }
            _ => None,
        }
    }
}

/// Checks that every number of `settings` is within its declared bounds.
///
/// # Errors
/// [`Refusal`] with the first that is not.
pub fn validate<T: JsonSchema + Default + Serialize>(settings: &T) -> Result<(), Refusal> {
    let unreadable = |reason: String| Refusal::Settings { names: "settings".into(), reason };
    let values = serde_json::to_value(settings).map_err(|error| unreadable(error.to_string()))?;
    for declared in declarations::<T>().map_err(|error| unreadable(error.to_string()))? {
        // A text is one of its choices by its type; a tagged enum may be one with fields, which no parameter is.
        if declared.kind != Kind::Text {
            declared.accept(values.pointer(&declared.pointer()).unwrap_or(&Value::Null))?;
        }
    }
    Ok(())
}

/// A flag, or a word that YAML 1.1 takes for one.
fn flag(given: &Value) -> Option<bool> {
    let is_word = |words: &[&str], text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
    match given {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if is_word(&["true", "on", "yes", "y"], text) => Some(true),
        Value::String(text) if is_word(&["false", "off", "no", "n"], text) => Some(false),
        _ => None,
    }
}

fn number(given: &Value) -> Option<f64> {
    match given {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    }
}

/// An integer, also written as `1e4` or `3.0`.
fn whole(given: &Value) -> Option<i64> {
    /// Beyond it not every integer is a double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let exact = |number: &f64| number.fract() == 0.0 && number.abs() <= EXACT;
    let written = given.as_str().and_then(|text| text.trim().parse().ok());
    given.as_i64().or(written).or_else(|| number(given).filter(exact).map(|number| number as i64))
}

/// The entries of an array of any numbers, or of a text that holds one.
fn entries(given: &Value) -> Option<Vec<f64>> {
    match given {
        Value::Array(entries) => entries.iter().map(number).collect(),
        Value::String(text) if text.len() <= MAX_ARRAY_TEXT => {
            let entries: Vec<Value> = serde_yaml::from_str(text).ok()?;
            entries.iter().map(number).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::declaration::Choice;
    use proptest::prelude::*;
    use serde_json::json;

    fn declared(kind: Kind) -> Declaration {
        let default = Value::Null;
        let (bounds, lengths) = ([f64::NEG_INFINITY, f64::INFINITY], [0, usize::MAX]);
        let (name, description) = ("x".into(), String::new());
        Declaration { name, description, kind, default, bounds, lengths, choices: vec![], is_read_only: false }
    }

    fn one_of(choices: &[&str]) -> Declaration {
        let choice = |value: &&str| Choice { value: json!(value), meaning: String::new() };
        Declaration { choices: choices.iter().map(choice).collect(), ..declared(Kind::Text) }
    }

    #[test]
    fn values_mean_what_was_written_however_they_arrive() {
        let number = Declaration { bounds: [1e-7, 10.0], ..declared(Kind::Number) };
        for given in [json!(6e-6), json!("6e-6"), json!(" 6.0e-06 ")] {
            assert_eq!(number.accept(&given), Ok(json!(6e-6)));
        }
        assert_eq!(number.accept(&json!(3)), Ok(json!(3.0)));
        let whole = declared(Kind::Whole);
        for given in [json!(10_000), json!("1e4"), json!(10_000.0), json!("10000")] {
            assert_eq!(whole.accept(&given), Ok(json!(10_000)));
        }
        let array = Declaration { lengths: [0, 3], ..declared(Kind::Numbers) };
        for given in [json!([0, 0.5, 1e-6]), json!("[0, 0.5, 1e-6]"), json!(["0", "0.5", "1e-6"])] {
            assert_eq!(array.accept(&given), Ok(json!([0.0, 0.5, 1e-6])));
        }
        assert_eq!(array.accept(&json!([])), Ok(json!([])));
        assert_eq!(array.accept(&json!("[]")), Ok(json!([])));
        for given in [json!(false), json!("off"), json!("No")] {
            assert_eq!(declared(Kind::Flag).accept(&given), Ok(json!(false)));
        }
        let choice = one_of(&["off", "stereo", "any"]);
        assert_eq!(choice.accept(&json!(false)), Ok(json!("off")));
        assert_eq!(choice.accept(&json!("any")), Ok(json!("any")));
    }

    #[test]
    fn what_is_impossible_is_refused_with_its_value_and_what_is_possible() {
        let refused = |declared: &Declaration, given: Value| declared.accept(&given).unwrap_err().to_string();
        let number = Declaration { bounds: [1e-7, 10.0], ..declared(Kind::Number) };
        assert_eq!(refused(&number, json!(-1)), "x = -1 is outside 1e-7 … 10: give a value within");
        assert_eq!(refused(&number, json!("nan")), "x = NaN is outside 1e-7 … 10: give a value within");
        assert_eq!(
            refused(&declared(Kind::Number), json!("inf")),
            "x = inf is outside all finite numbers: give a value within"
        );
        assert_eq!(refused(&number, json!(true)), "x = true is of another type: give a number");
        assert!(refused(&declared(Kind::Whole), json!(0.5)).contains("an integer"));
        assert!(refused(&declared(Kind::Whole), json!("1e300")).contains("an integer"));
        let array = Declaration { lengths: [3, 3], ..number.clone() };
        let array = Declaration { kind: Kind::Numbers, ..array };
        assert_eq!(refused(&array, json!([1.0])), "x has 1 entries: give 3 numbers");
        assert!(refused(&array, json!([1, 2, 11])).contains("x = 11 is outside"));
        assert!(refused(&array, json!([1, 2, "three"])).contains("an array of numbers"));
        let choice = one_of(&["off", "any"]);
        assert_eq!(refused(&choice, json!("magic")), "x = \"magic\" is none of off, any: choose one of them");
        assert!(refused(&choice, json!(true)).contains("a text"));
        assert!(refused(&declared(Kind::Text), json!(2024)).contains("in quotes"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever text arrives, it is refused or becomes a value within the bounds.
        #[test]
        fn any_text_is_a_value_within_bounds_or_refused(text in "\\PC{0,40}", digits in "[-+0-9eE.,\\[\\] ]{0,12}") {
            for given in [text, digits] {
                for kind in [Kind::Flag, Kind::Whole, Kind::Number, Kind::Text, Kind::Numbers] {
                    let declared = Declaration { bounds: [-2.0, 9.0], ..declared(kind) };
                    if let Ok(accepted) = declared.accept(&json!(given)) {
                        let numbers = accepted.as_array().cloned().unwrap_or(vec![accepted.clone()]);
                        let within = |number: f64| (-2.0..=9.0).contains(&number);
                        prop_assert!(numbers.iter().filter_map(Value::as_f64).all(within), "{given}: {accepted}");
                    }
                }
            }
        }
    }
}
