//! What is declared about a parameter, read from the JSON schema of a struct of settings.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

/// Type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// An integer.
    Whole,
    /// A finite number.
    Number,
    /// Any text, or one of several.
    Text,
    /// An array of finite numbers.
    Numbers,
}

/// A value that a parameter may have, of several.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The value.
    pub value: Value,
    /// What it means; empty where that is plain.
    pub meaning: String,
}

impl Choice {
    /// The meaning as part of a sentence.
    pub fn phrase(&self) -> String {
        let mut letters = self.meaning.trim_end_matches('.').chars();
        match (letters.next(), letters.clone().next()) {
            // Not the first of an abbreviation.
            (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
                first.to_lowercase().chain(letters).collect()
            }
            _ => self.meaning.trim_end_matches('.').into(),
        }
    }
}

/// What is declared about a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// Full name, its parts joined by dots.
    pub name: String,
    /// A noun phrase with its unit in brackets.
    pub description: String,
    /// Type.
    pub kind: Kind,
    /// Value unless another one is given.
    pub default: Value,
    /// Smallest and largest number; of an array, of each entry. Infinite where there is none.
    pub bounds: [f64; 2],
    /// Fewest and most entries of an array.
    pub lengths: [usize; 2],
    /// The only possible values; empty: all.
    pub choices: Vec<Choice>,
    /// Whether it keeps the value with which its node started.
    pub is_read_only: bool,
}

/// A field of settings that is no parameter.
#[derive(Debug, thiserror::Error)]
#[error(
    "{name} is no parameter, its schema is {schema}: make it a flag, a number, a text, an array of numbers or an enum"
)]
pub struct SchemaError {
    /// Full name of the field.
    pub name: String,
    /// Its JSON schema.
    pub schema: Value,
}

/// All parameters of a struct of settings, in the order of its fields.
///
/// # Errors
/// [`SchemaError`] for a field of a type that no parameter has.
pub fn declarations<T: JsonSchema + Default + Serialize>() -> Result<Vec<Declaration>, SchemaError> {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    let unwritable = |_| SchemaError { name: String::new(), schema: schema.clone() };
    let default = serde_json::to_value(T::default()).map_err(unwritable)?;
    let mut found = Vec::new();
    collect("", &schema, &default, &mut found)?;
    Ok(found)
}

fn collect(name: &str, schema: &Value, default: &Value, found: &mut Vec<Declaration>) -> Result<(), SchemaError> {
    let tag = tag(schema);
    if let Some(fields) = schema["properties"].as_object().or(tag.as_ref()) {
        let first = found.len();
        for (field, schema) in fields {
            let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
            collect(&name, schema, &default[field], found)?;
        }
        // What holds for a struct holds for its fields.
        found[first..].iter_mut().for_each(|declared| declared.is_read_only |= schema["readOnly"] == true);
        return Ok(());
    }
    let no_parameter = || SchemaError { name: name.into(), schema: schema.clone() };
    let choices = choices(schema);
    let kind = match (schema["type"].as_str(), choices.first()) {
        (Some("boolean"), _) => Kind::Flag,
        (Some("integer"), _) => Kind::Whole,
        (Some("number"), _) => Kind::Number,
        (Some("string"), _) => Kind::Text,
        (Some("array"), _) if schema["items"]["type"] == "number" => Kind::Numbers,
        (None, Some(first)) if first.value.is_string() => Kind::Text,
        _ => return Err(no_parameter()),
    };
    let numbers = if kind == Kind::Numbers { &schema["items"] } else { schema };
    let count = |limit: &str| schema[limit].as_u64().map(|count| count as usize);
    found.push(Declaration {
        name: name.into(),
        description: text(schema),
        kind,
        default: default.clone(),
        bounds: [
            numbers["minimum"].as_f64().unwrap_or(f64::NEG_INFINITY),
            numbers["maximum"].as_f64().unwrap_or(f64::INFINITY),
        ],
        lengths: [count("minItems").unwrap_or(0), count("maxItems").unwrap_or(usize::MAX)],
        choices,
        is_read_only: schema["readOnly"] == true,
    });
    Ok(())
}

/// The documentation in one line.
fn text(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ")
}

fn choices(schema: &Value) -> Vec<Choice> {
    let documented = schema["oneOf"].as_array().into_iter().flatten().flat_map(|variant| {
        let values = variant.get("const").into_iter().chain(variant["enum"].as_array().into_iter().flatten());
        values.map(|value| Choice { value: value.clone(), meaning: text(variant) })
    });
    let plain = schema["enum"].as_array().into_iter().flatten();
    documented.chain(plain.map(|value| Choice { value: value.clone(), meaning: String::new() })).collect()
}

/// Of an internally tagged enum the tag, whose choices are the variants without fields.
fn tag(schema: &Value) -> Option<serde_json::Map<String, Value>> {
    let variants = schema["oneOf"].as_array()?.iter().filter(|variant| variant["type"] == "object");
    let mut tags = serde_json::Map::new();
    for variant in variants {
        let fields = variant["properties"].as_object()?;
        let (tag, value) = fields.iter().find(|(_, field)| field.get("const").is_some())?;
        let described = serde_json::json!({"description": schema["description"], "oneOf": []});
        let entry = tags.entry(tag.clone()).or_insert(described);
        if fields.len() == 1 {
            let choice = serde_json::json!({"const": value["const"], "description": variant["description"]});
            entry["oneOf"].as_array_mut()?.push(choice);
        }
    }
    (!tags.is_empty()).then_some(tags)
}

impl Declaration {
    /// Where its value stands in the settings as JSON.
    pub fn pointer(&self) -> String {
        format!("/{}", self.name.replace('.', "/"))
    }

    /// What restricts the value besides type and range, in words; empty: nothing does.
    pub fn constraints(&self) -> String {
        let entries = match self.lengths {
            _ if self.kind != Kind::Numbers => String::new(),
            [least, most] if least == most => format!("{most} numbers"),
            [least, most] if most < usize::MAX => format!("{least} … {most} numbers"),
            _ => String::new(),
        };
        let choice = |choice: &Choice| match (plain(&choice.value), choice.phrase().as_str()) {
            (value, "") => value,
            (value, meaning) => format!("{value}: {meaning}"),
        };
        let one_of = self.choices.iter().map(choice).collect::<Vec<_>>();
        let separator = if self.choices.iter().all(|choice| choice.meaning.is_empty()) { ", " } else { "; " };
        [entries, one_of.join(separator)].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// The range in words; empty where there is none.
    pub fn range(&self) -> String {
        match self.bounds {
            _ if !self.choices.is_empty() => String::new(),
            [low, high] if low.is_finite() && high.is_finite() => format!("{} … {}", short(low), short(high)),
            [low, _] if low.is_finite() => format!("≥ {}", short(low)),
            [_, high] if high.is_finite() => format!("≤ {}", short(high)),
            _ => String::new(),
        }
    }
}

/// A value without quotes.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

/// A number in few characters: `0.001`, `1e-6`, `100`.
pub(super) fn short(number: f64) -> String {
    let (fixed, exponential) = (format!("{number}"), format!("{number:e}"));
    if exponential.len() + 2 < fixed.len() { exponential } else { fixed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// A whole with all that parameters can be.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    struct Whole {
        /// Distance of
        /// lines (m).
        #[schemars(range(min = 1e-5, max = 0.1))]
        #[serde(rename = "pitch")]
        pitch_m: f64,
        part: Part,
        #[serde(flatten)]
        flat: Flat,
        kind: Tagged,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Part {
        /// Corner (m).
        #[schemars(inner(range(min = -1.0, max = 1.0)))]
        corner: [f64; 3],
        /// Depth (bit).
        #[schemars(extend("enum" = [8, 16]))]
        depth: u8,
    }

    impl Default for Part {
        fn default() -> Self {
            Part { corner: [0.5; 3], depth: 8 }
        }
    }

    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    struct Flat {
        /// Source of poses.
        #[schemars(extend("readOnly" = true))]
        source: Source,
    }

    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Source {
        /// A topic.
        #[default]
        Topic,
        /// TF.
        Tf,
    }

    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind", rename_all = "lowercase")]
    enum Tagged {
        #[default]
        None,
        Dot {
            size: f64,
        },
    }

    #[test]
    fn a_struct_of_settings_declares_its_parameters() {
        let found = declarations::<Whole>().unwrap();
        let names: Vec<&str> = found.iter().map(|declared| declared.name.as_str()).collect();
        assert_eq!(names, ["pitch", "part.corner", "part.depth", "source", "kind.kind"]);
        let [pitch, corner, depth, source, kind] = &found[..] else { panic!("{names:?}") };
        assert_eq!((pitch.kind, pitch.bounds, pitch.range().as_str()), (Kind::Number, [1e-5, 0.1], "1e-5 … 0.1"));
        assert_eq!(pitch.description, "Distance of lines (m).");
        assert_eq!((corner.kind, corner.lengths, corner.bounds), (Kind::Numbers, [3, 3], [-1.0, 1.0]));
        assert_eq!(
            (&corner.default, corner.constraints().as_str()),
            (&serde_json::json!([0.5, 0.5, 0.5]), "3 numbers")
        );
        assert_eq!((depth.kind, depth.constraints().as_str()), (Kind::Whole, "8, 16"));
        assert_eq!(
            (source.kind, source.is_read_only, source.constraints().as_str()),
            (Kind::Text, true, "topic: a topic; tf: TF")
        );
        // A dot's size is no parameter, so a dot can't be chosen.
        assert_eq!((kind.constraints().as_str(), &kind.default), ("none", &serde_json::json!("none")));
    }

    #[test]
    fn a_field_that_is_no_parameter_is_named() {
        #[derive(Default, Serialize, JsonSchema)]
        struct Wrong {
            texts: Vec<String>,
        }
        let error = declarations::<Wrong>().unwrap_err().to_string();
        assert!(error.starts_with("texts is no parameter"), "{error}");
    }
}
