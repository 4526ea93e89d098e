//! Enums whose values have a name: in files, in messages, and wherever a user gives them. Names and descriptions come from
//! the variants (strum's derives), so that no edge has a list of its own.

use strum::{EnumMessage, VariantArray};

/// An enum without data whose values have a name and a description.
pub trait Named: Copy + Into<&'static str> + VariantArray + EnumMessage {
    /// As files, messages and users call it.
    fn name(self) -> &'static str {
        self.into()
    }

    /// The first words of its documentation.
    fn description(self) -> &'static str {
        self.get_documentation().unwrap_or_default()
    }

    /// The value of that name.
    ///
    /// # Errors
    /// [`UnknownName`] with all names that there are.
    fn named(name: &str) -> Result<Self, UnknownName> {
        let known = Self::VARIANTS.iter().copied();
        let names = || known.clone().map(Named::name).collect::<Vec<_>>().join(", ");
        known
            .clone()
            .find(|value| value.name() == name)
            .ok_or_else(|| UnknownName { name: name.into(), known: names() })
    }
}

impl<T: Copy + Into<&'static str> + VariantArray + EnumMessage> Named for T {}

/// No value has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is unknown: use one of {known}")]
pub struct UnknownName {
    /// What was given.
    pub name: String,
    /// What there is.
    pub known: String,
}

/// For tests: names are unique, found again, and those of serde, and each value is described.
#[cfg(test)]
pub fn check_names<T: Named + PartialEq + std::fmt::Debug + serde::Serialize>() {
    for (n, value) in T::VARIANTS.iter().enumerate() {
        assert_eq!(T::named(value.name()), Ok(*value));
        assert_eq!(serde_json::to_value(value).unwrap(), value.name());
        assert!(T::VARIANTS[..n].iter().all(|other| other.name() != value.name()), "{value:?} twice");
        assert!(value.description().len() > 3, "{value:?}");
    }
}
