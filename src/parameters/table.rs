//! The values of a node's parameters, and the settings parsed from them.

use crate::parameters::accept::Refusal;
use crate::parameters::declaration::{Declaration, SchemaError, declarations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A struct that the parameters of a node are parsed into.
pub trait ParameterSet: Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {}

impl<T: Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> ParameterSet for T {}

/// The parameters of a node; clones share their values.
pub struct ParameterTable<T> {
    declarations: Arc<[Declaration]>,
    values: Arc<Mutex<Values<T>>>,
}

struct Values<T> {
    /// As the settings are serialised.
    tree: Value,
    settings: Arc<T>,
}

impl<T> Clone for ParameterTable<T> {
    fn clone(&self) -> Self {
        ParameterTable { declarations: self.declarations.clone(), values: self.values.clone() }
    }
}

impl<T: ParameterSet> ParameterTable<T> {
    /// All parameters with their defaults.
    ///
    /// # Errors
    /// [`SchemaError`] for a field of the settings that is no parameter.
    pub fn new() -> Result<Self, SchemaError> {
        let settings = T::default();
        let unwritable = |_| SchemaError { name: String::new(), schema: Value::Null };
        let tree = serde_json::to_value(&settings).map_err(unwritable)?;
        let values = Values { tree, settings: Arc::new(settings) };
        Ok(ParameterTable { declarations: declarations::<T>()?.into(), values: Arc::new(Mutex::new(values)) })
    }

    /// What is declared, in the order of the settings.
    pub fn declarations(&self) -> &[Declaration] {
        &self.declarations
    }

    /// The settings of this moment; later changes don't reach them.
    pub fn now(&self) -> Arc<T> {
        self.values().settings.clone()
    }

    /// The value of one parameter; `None` where it is not declared.
    pub fn value(&self, name: &str) -> Option<Value> {
        let declared = self.declaration(name).ok()?;
        self.values().tree.pointer(&declared.pointer()).cloned()
    }

    /// Takes the values that a node was started with, one by one; gives those that were refused. Defaults stay in their place.
    pub fn start_with<'a>(&self, given: impl IntoIterator<Item = (&'a str, Value)>) -> Vec<Refusal> {
        let accepted = |(name, value): (&str, Value)| self.change(&[(name, value)], |_, _, _| Ok(())).err();
        given.into_iter().filter_map(accepted).collect()
    }

    /// Sets all, or none; gives the accepted values.
    ///
    /// # Errors
    /// [`Refusal`]: why one of them can't have that value.
    pub fn set(&self, wanted: &[(&str, Value)]) -> Result<Vec<(String, Value)>, Refusal> {
        self.change(wanted, |declared, before, value| {
            if declared.is_read_only && before != value {
                return Err(Refusal::ReadOnly { name: declared.name.clone(), value: value.clone() });
            }
            Ok(())
        })
    }

    fn change(
        &self,
        wanted: &[(&str, Value)],
        may: impl Fn(&Declaration, &Value, &Value) -> Result<(), Refusal>,
    ) -> Result<Vec<(String, Value)>, Refusal> {
        let mut values = self.values();
        let mut tree = values.tree.clone();
        let mut accepted = Vec::new();
        for (name, value) in wanted {
            let declared = self.declaration(name)?;
            let value = declared.accept(value)?;
            let place =
                tree.pointer_mut(&declared.pointer()).ok_or_else(|| Refusal::Unknown { name: (*name).into() })?;
            may(declared, place, &value)?;
            *place = value.clone();
            accepted.push((declared.name.clone(), value));
        }
        let settings = T::deserialize(&tree).map_err(|error| {
            let names = wanted.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            Refusal::Settings { names, reason: error.to_string() }
        })?;
        *values = Values { tree, settings: Arc::new(settings) };
        Ok(accepted)
    }

    fn declaration(&self, name: &str) -> Result<&Declaration, Refusal> {
        let declared = self.declarations.iter().find(|declared| declared.name == name);
        declared.ok_or_else(|| Refusal::Unknown { name: name.into() })
    }

    /// A thread that panicked while it held the lock left them whole: they are replaced at once.
    fn values(&self) -> MutexGuard<'_, Values<T>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Tested {
        /// Distance (m).
        #[schemars(range(min = 1e-5, max = 0.1))]
        #[serde(rename = "pitch")]
        pitch_m: f64,
        limits: Limits,
        /// Name.
        #[schemars(extend("readOnly" = true))]
        frame: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(try_from = "Both", into = "Both")]
    #[schemars(with = "Both")]
    struct Limits(Both);

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Both {
        /// Low (m).
        low: f64,
        /// High (m).
        high: f64,
    }

    impl TryFrom<Both> for Limits {
        type Error = String;
        fn try_from(both: Both) -> Result<Self, String> {
            if both.low < both.high { Ok(Limits(both)) } else { Err("low is not below high".into()) }
        }
    }

    impl From<Limits> for Both {
        fn from(limits: Limits) -> Self {
            limits.0
        }
    }

    impl Default for Tested {
        fn default() -> Self {
            Tested { pitch_m: 0.0011, limits: Limits(Both { low: 0.0, high: 1.0 }), frame: "base".into() }
        }
    }

    impl Clone for Limits {
        fn clone(&self) -> Self {
            Limits(self.0.clone())
        }
    }

    fn parameters() -> ParameterTable<Tested> {
        ParameterTable::new().unwrap()
    }

    #[test]
    fn all_are_set_or_none_and_settings_that_were_taken_stay() {
        let parameters = parameters();
        let before = parameters.now();
        let refused = parameters.set(&[("pitch", json!(0.002)), ("limits.low", json!(7.0))]).unwrap_err();
        assert_eq!(refused.to_string(), "pitch, limits.low can't be set: low is not below high");
        assert_eq!(parameters.now().pitch_m, 0.0011);
        let set = parameters.set(&[("pitch", json!("2e-3")), ("limits.low", json!(-1))]).unwrap();
        assert_eq!(set, [("pitch".into(), json!(0.002)), ("limits.low".into(), json!(-1.0))]);
        assert_eq!((parameters.now().pitch_m, parameters.now().limits.0.low), (0.002, -1.0));
        assert_eq!(parameters.value("limits.low"), Some(json!(-1.0)));
        assert_eq!(*before, Tested::default());
        assert_eq!((parameters.value("limits"), parameters.value("nope")), (None, None));
    }

    #[test]
    fn read_only_ones_change_at_start_only() {
        let parameters = parameters();
        assert!(parameters.start_with([("frame", json!("world"))]).is_empty());
        assert_eq!(parameters.now().frame, "world");
        assert!(
            parameters.set(&[("frame", json!("world"))]).is_ok(),
            "what it is already may be set: `ros2 param load`"
        );
        let refused = parameters.set(&[("frame", json!("other"))]).unwrap_err().to_string();
        assert!(refused.starts_with("frame is read-only"), "{refused}");
        assert_eq!(parameters.now().frame, "world");
    }

    #[test]
    fn values_refused_at_start_leave_the_defaults_and_the_others() {
        let parameters = parameters();
        let refused = parameters.start_with([("pitch", json!(7)), ("pich", json!(1)), ("limits.high", json!(2))]);
        assert!(matches!(&refused[..], [Refusal::Range { .. }, Refusal::Unknown { .. }]), "{refused:?}");
        assert_eq!((parameters.now().pitch_m, parameters.now().limits.0.high), (0.0011, 2.0));
    }
}
