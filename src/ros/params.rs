//! Declared, bounded parameters, served to `ros2 param` through r2r.

use crate::ros::locked;
use r2r::indexmap::IndexMap;
use r2r::{Parameter, ParameterValue, RosParams};
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
    pub complaints: Vec<String>,
}

/// A table that the parameter services and the node share.
#[derive(Clone)]
pub struct Parameters(pub Arc<Mutex<Table>>);

impl Parameters {
    pub fn new(specs: Vec<Spec>) -> Self {
        let entries = specs.into_iter().map(|spec| {
            let value = spec.default.clone();
            (spec.name.clone(), (spec, value))
        });
        Parameters(Arc::new(Mutex::new(Table { entries: entries.collect(), complaints: Vec::new() })))
    }

    fn value(&self, name: &str) -> ParameterValue {
        let table = locked(&self.0);
        let value = table.entries.get(name).map(|(_, value)| value.clone());
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

    /// All names and values.
    pub fn all(&self) -> Vec<(String, ParameterValue)> {
        let table = locked(&self.0);
        table.entries.iter().map(|(name, (_, value))| (name.clone(), value.clone())).collect()
    }
}

impl RosParams for Table {
    fn register_parameters(
        &mut self,
        _prefix: &str,
        _param: Option<Parameter>,
        params: &mut IndexMap<String, Parameter>,
    ) -> r2r::Result<()> {
        for (name, (spec, value)) in &mut self.entries {
            if let Some(given) = params.shift_remove(name) {
                match spec.accept(&given.value) {
                    Ok(accepted) => *value = accepted,
                    Err(complaint) => self.complaints.push(complaint),
                }
            }
            params.insert(name.clone(), Parameter { value: value.clone(), description: spec.description });
        }
        Ok(())
    }

    fn get_parameter(&mut self, name: &str) -> r2r::Result<ParameterValue> {
        let unknown = r2r::Error::InvalidParameterName { name: name.into() };
        self.entries.get(name).map(|(_, value)| value.clone()).ok_or(unknown)
    }

    fn set_parameter(&mut self, name: &str, value: &ParameterValue) -> r2r::Result<()> {
        let unknown = r2r::Error::InvalidParameterName { name: name.into() };
        let (spec, current) = self.entries.get_mut(name).ok_or(unknown)?;
        let refused = |msg| r2r::Error::ParameterValueConv { name: name.into(), msg };
        *current = spec.change(current, value).map_err(refused)?;
        Ok(())
    }

    fn check_parameter(&self, name: &str, value: &ParameterValue) -> r2r::Result<()> {
        let unknown = r2r::Error::InvalidParameterName { name: name.into() };
        let (spec, current) = self.entries.get(name).ok_or(unknown)?;
        let refused = |msg| r2r::Error::ParameterValueConv { name: name.into(), msg };
        spec.change(current, value).map(|_| ()).map_err(refused)
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
        let set = |name: &str, value: ParameterValue| parameters.0.lock().unwrap().set_parameter(name, &value);
        assert!(set("pitch", ParameterValue::Double(0.002)).is_ok());
        assert!(set("pitch", ParameterValue::Double(-1.0)).unwrap_err().to_string().contains("-1"));
        assert!(set("pitch", ParameterValue::String("x".into())).is_err());
        assert!(set("method", ParameterValue::String("magic".into())).is_err());
        assert!(set("origin", ParameterValue::IntegerArray(vec![640, 360])).is_ok());
        assert!(set("origin", ParameterValue::DoubleArray(vec![1.0])).is_err());
        assert!(set("motion", ParameterValue::String("pose".into())).is_ok());
        assert!(set("motion", ParameterValue::String("joints".into())).unwrap_err().to_string().contains("starts"));
        assert!(set("nope", ParameterValue::Bool(true)).is_err());
        assert_eq!(parameters.number("pitch"), 0.002);
        assert_eq!(parameters.numbers("origin"), [640.0, 360.0]);
    }
}
