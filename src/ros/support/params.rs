//! Declared, bounded parameters.

use crate::ros::locked;
use r2r::indexmap::IndexMap;
use r2r::{Parameter, ParameterValue};
use std::sync::{Arc, Mutex};

/// One parameter.
#[derive(Clone, Debug)]
pub struct Spec {
    pub name: String,
    /// One sentence with unit and bounds; what `ros2 param describe` shows.
    pub description: &'static str,
    /// Also fixes the type.
    pub default: ParameterValue,
    /// Of a number, or of each number of an array.
    pub bounds: Option<[f64; 2]>,
    /// Allowed texts; empty: any.
    pub choices: &'static [&'static str],
    /// Allowed lengths of an array; empty: any.
    pub lengths: &'static [usize],
    /// Read once: changed later it would be believed and do nothing, or half of it.
    pub is_fixed: bool,
}

impl Spec {
    /// A number within bounds.
    pub fn number(name: &str, default: f64, bounds: [f64; 2], description: &'static str) -> Self {
        Spec { bounds: Some(bounds), ..Spec::any(name, ParameterValue::Double(default), description) }
    }

    /// A whole number within bounds.
    pub fn whole(name: &str, default: i64, bounds: [f64; 2], description: &'static str) -> Self {
        Spec { bounds: Some(bounds), ..Spec::any(name, ParameterValue::Integer(default), description) }
    }

    /// Several numbers within bounds.
    pub fn numbers(
        name: &str,
        default: &[f64],
        bounds: [f64; 2],
        lengths: &'static [usize],
        description: &'static str,
    ) -> Self {
        let default = ParameterValue::DoubleArray(default.to_vec());
        Spec { bounds: Some(bounds), lengths, ..Spec::any(name, default, description) }
    }

    /// A text, one of `choices` if there are any.
    pub fn text(name: &str, default: &str, choices: &'static [&'static str], description: &'static str) -> Self {
        Spec { choices, ..Spec::any(name, ParameterValue::String(default.into()), description) }
    }

    /// Anything of the default's type.
    pub fn any(name: &str, default: ParameterValue, description: &'static str) -> Self {
        Spec { name: name.into(), description, default, bounds: None, choices: &[], lengths: &[], is_fixed: false }
    }

    /// What a later change is refused for.
    pub fn at_start(self) -> Self {
        Spec { is_fixed: true, ..self }
    }

    /// Takes `value` in place of `current`.
    fn change(&self, current: &ParameterValue, value: &ParameterValue) -> Result<ParameterValue, String> {
        let accepted = self.accept(value)?;
        if self.is_fixed && accepted != *current {
            return Err(format!("{} is read when the node starts: start it with another value", self.name));
        }
        Ok(accepted)
    }

    /// Takes `value` if type and bounds allow it; a whole number serves as a number.
    fn accept(&self, value: &ParameterValue) -> Result<ParameterValue, String> {
        let within = |x: f64| match self.bounds {
            Some([low, high]) if !(low..=high).contains(&x) => {
                Err(format!("{} = {x} is outside {low} … {high}", self.name))
            }
            _ if x.is_finite() => Ok(x),
            _ => Err(format!("{} = {x} is not a finite number", self.name)),
        };
        match (&self.default, value) {
            (ParameterValue::Double(_), ParameterValue::Double(x)) => within(*x).map(ParameterValue::Double),
            (ParameterValue::Double(_), ParameterValue::Integer(n)) => within(*n as f64).map(ParameterValue::Double),
            (ParameterValue::Integer(_), ParameterValue::Integer(n)) => {
                within(*n as f64).map(|_| ParameterValue::Integer(*n))
            }
            (ParameterValue::DoubleArray(_), ParameterValue::DoubleArray(_) | ParameterValue::IntegerArray(_)) => {
                let numbers: Vec<f64> = match value {
                    ParameterValue::IntegerArray(whole) => whole.iter().map(|n| *n as f64).collect(),
                    ParameterValue::DoubleArray(numbers) => numbers.clone(),
                    _ => Vec::new(),
                };
                if !self.lengths.is_empty() && !self.lengths.contains(&numbers.len()) {
                    let (is, must) = (numbers.len(), self.lengths);
                    return Err(format!("{} has {is} entries, {must:?} are possible", self.name));
                }
                numbers.into_iter().map(within).collect::<Result<_, _>>().map(ParameterValue::DoubleArray)
            }
            (ParameterValue::String(_), ParameterValue::String(text)) => {
                if self.choices.is_empty() || self.choices.contains(&text.as_str()) {
                    Ok(value.clone())
                } else {
                    Err(format!("{} = '{text}' is none of {}", self.name, self.choices.join(", ")))
                }
            }
            (ParameterValue::Bool(_), ParameterValue::Bool(_)) => Ok(value.clone()),
            (default, value) => {
                Err(format!("{} is of type {}, not {}", self.name, default.type_name(), value.type_name()))
            }
        }
    }
}

/// The parameters of a node with their values.
#[derive(Debug)]
pub struct Table {
    entries: IndexMap<String, (Spec, ParameterValue)>,
    /// What was wrong with values given at start; the defaults stay.
    complaints: Vec<String>,
    /// Names that were given at start and are not declared.
    unknown: Vec<String>,
}

/// A table that the parameter services and the node share.
#[derive(Clone)]
pub struct Parameters(Arc<Mutex<Table>>);

impl Parameters {
    pub fn new(specs: Vec<Spec>) -> Self {
        let entries = specs.into_iter().map(|spec| {
            let value = spec.default.clone();
            (spec.name.clone(), (spec, value))
        });
        Parameters(Arc::new(Mutex::new(Table {
            entries: entries.collect(),
            complaints: Vec::new(),
            unknown: Vec::new(),
        })))
    }

    /// Takes the values that a node was started with.
    pub fn start_with(&self, given: &IndexMap<String, Parameter>) {
        locked(&self.0).start_with(given);
    }

    /// Sets all, or none.
    ///
    /// # Errors
    /// Why one of them can't have that value.
    pub fn set(&self, wanted: &[(&str, ParameterValue)]) -> Result<(), String> {
        let mut table = locked(&self.0);
        let changed = |(name, value): &(&str, ParameterValue)| Ok((name.to_string(), table.changed(name, value)?));
        let accepted = wanted.iter().map(changed).collect::<Result<Vec<_>, String>>()?;
        for (name, value) in accepted {
            table.entries.entry(name).and_modify(|(_, current)| *current = value);
        }
        Ok(())
    }

    /// `None` where no such parameter is declared.
    pub fn get(&self, name: &str) -> Option<ParameterValue> {
        locked(&self.0).entries.get(name).map(|(_, value)| value.clone())
    }

    /// What is declared; `None` where nothing is.
    pub fn spec(&self, name: &str) -> Option<Spec> {
        locked(&self.0).entries.get(name).map(|(spec, _)| spec.clone())
    }

    fn value(&self, name: &str) -> ParameterValue {
        let value = self.get(name);
        debug_assert!(value.is_some(), "parameter {name} is not declared");
        value.unwrap_or(ParameterValue::NotSet)
    }

    pub fn number(&self, name: &str) -> f64 {
        self.value(name).try_into().unwrap_or(f64::NAN)
    }

    pub fn whole(&self, name: &str) -> i64 {
        self.value(name).try_into().unwrap_or_default()
    }

    pub fn numbers(&self, name: &str) -> Vec<f64> {
        self.value(name).try_into().unwrap_or_default()
    }

    /// Three numbers, metres to millimetres.
    pub fn vector_mm(&self, name: &str) -> [f64; 3] {
        let numbers = self.numbers(name);
        [0, 1, 2].map(|i| numbers.get(i).map_or(f64::NAN, |x| 1e3 * x))
    }

    pub fn text(&self, name: &str) -> String {
        self.value(name).try_into().unwrap_or_default()
    }

    pub fn flag(&self, name: &str) -> bool {
        self.value(name).try_into().unwrap_or_default()
    }

    /// Complaints about values given at start.
    pub fn complaints(&self) -> Vec<String> {
        locked(&self.0).complaints.clone()
    }

    /// What was given at start and has no effect.
    pub fn warn_of_unknown(&self) {
        let unknown = locked(&self.0).unknown.join(", ");
        if !unknown.is_empty() {
            tracing::warn!("parameters that this node does not have: {unknown}: are they misspelt?");
        }
    }

    /// All names and values.
    pub fn all(&self) -> Vec<(String, ParameterValue)> {
        let table = locked(&self.0);
        table.entries.iter().map(|(name, (_, value))| (name.clone(), value.clone())).collect()
    }
}

impl Table {
    /// Takes values that were given at start.
    fn start_with(&mut self, given: &IndexMap<String, Parameter>) {
        for (name, given) in given {
            let Some((spec, value)) = self.entries.get_mut(name) else {
                self.unknown.push(name.clone());
                continue;
            };
            match spec.accept(&given.value) {
                Ok(accepted) => *value = accepted,
                Err(complaint) => self.complaints.push(complaint),
            }
        }
    }

    fn changed(&self, name: &str, value: &ParameterValue) -> Result<ParameterValue, String> {
        let (spec, current) = self.entries.get(name).ok_or_else(|| format!("{name} is unknown: is it misspelt?"))?;
        spec.change(current, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_types_and_choices_are_kept() {
        let parameters = Parameters::new(vec![
            Spec::number("pitch", 0.0011, [1e-5, 0.1], ""),
            Spec::text("method", "auto", &["auto", "original"], ""),
            Spec::numbers("origin", &[], [-1.0, 1e5], &[0, 2], ""),
            Spec::text("motion", "pose", &["pose", "joints"], "").at_start(),
        ]);
        let set = |name: &str, value: ParameterValue| parameters.set(&[(name, value)]);
        assert!(set("pitch", ParameterValue::Double(0.002)).is_ok());
        assert!(set("pitch", ParameterValue::Double(-1.0)).unwrap_err().contains("-1"));
        assert!(set("pitch", ParameterValue::String("x".into())).is_err());
        assert!(set("method", ParameterValue::String("magic".into())).is_err());
        assert!(set("origin", ParameterValue::IntegerArray(vec![640, 360])).is_ok());
        assert!(set("origin", ParameterValue::DoubleArray(vec![1.0])).is_err());
        assert!(set("motion", ParameterValue::String("pose".into())).is_ok());
        assert!(set("motion", ParameterValue::String("joints".into())).unwrap_err().contains("starts"));
        assert!(set("nope", ParameterValue::Bool(true)).is_err());
        assert_eq!(parameters.number("pitch"), 0.002);
        assert_eq!(parameters.numbers("origin"), [640.0, 360.0]);
    }
}
