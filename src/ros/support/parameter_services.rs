//! `ros2 param`: the services for a node's parameters.
//!
//! Why not r2r's: where an answer can't be sent, as to a client that has only just started, they panic, and are gone for as
//! long as the node lives.

use crate::ros::locked;
use crate::ros::support::params::Parameters;
use crate::ros::support::respond::answer_with;
use r2r::ParameterValue;
use r2r::rcl_interfaces::msg::{self, ListParametersResult, ParameterDescriptor, ParameterType, SetParametersResult};
use r2r::rcl_interfaces::srv::{
    DescribeParameters, GetParameterTypes, GetParameters, ListParameters, SetParameters, SetParametersAtomically,
};

// Types, as numbers of rcl_interfaces/ParameterType.
const BOOL: u8 = ParameterType::PARAMETER_BOOL as u8;
const INTEGER: u8 = ParameterType::PARAMETER_INTEGER as u8;
const DOUBLE: u8 = ParameterType::PARAMETER_DOUBLE as u8;
const STRING: u8 = ParameterType::PARAMETER_STRING as u8;
const INTEGER_ARRAY: u8 = ParameterType::PARAMETER_INTEGER_ARRAY as u8;
const DOUBLE_ARRAY: u8 = ParameterType::PARAMETER_DOUBLE_ARRAY as u8;

/// Declares `parameters`, with the values that the node was started with, and serves them.
///
/// # Errors
/// Those of r2r.
pub fn offer(node: &mut r2r::Node, parameters: &Parameters) -> r2r::Result<()> {
    parameters.start_with(&locked(&node.params));
    let known = parameters.clone();
    answer_with::<ListParameters::Service>(node, "~/list_parameters", move |asked| ListParameters::Response {
        result: listed(known.all().into_iter().map(|(name, _)| name), asked),
    })?;
    let known = parameters.clone();
    answer_with::<GetParameters::Service>(node, "~/get_parameters", move |asked| GetParameters::Response {
        values: asked.names.iter().map(|name| message(known.get(name))).collect(),
    })?;
    let known = parameters.clone();
    answer_with::<GetParameterTypes::Service>(node, "~/get_parameter_types", move |asked| {
        GetParameterTypes::Response { types: asked.names.iter().map(|name| message(known.get(name)).type_).collect() }
    })?;
    let known = parameters.clone();
    answer_with::<DescribeParameters::Service>(node, "~/describe_parameters", move |asked| {
        DescribeParameters::Response { descriptors: asked.names.iter().map(|name| described(&known, name)).collect() }
    })?;
    let known = parameters.clone();
    answer_with::<SetParameters::Service>(node, "~/set_parameters", move |asked| SetParameters::Response {
        results: asked.parameters.iter().map(|wanted| set(&known, std::slice::from_ref(wanted))).collect(),
    })?;
    let known = parameters.clone();
    answer_with::<SetParametersAtomically::Service>(node, "~/set_parameters_atomically", move |asked| {
        SetParametersAtomically::Response { result: set(&known, &asked.parameters) }
    })
}

/// Sets all, or none and says why.
fn set(parameters: &Parameters, wanted: &[msg::Parameter]) -> SetParametersResult {
    let wanted: Vec<_> = wanted.iter().map(|one| (one.name.as_str(), value(&one.value))).collect();
    let reason = parameters.set(&wanted).err();
    SetParametersResult { successful: reason.is_none(), reason: reason.unwrap_or_default() }
}

/// Names below one of the prefixes, or all, that go no deeper than asked; with the prefixes that they have.
fn listed(names: impl Iterator<Item = String>, asked: &ListParameters::Request) -> ListParametersResult {
    let is_within = |rest: &str| {
        asked.depth == ListParameters::Request::DEPTH_RECURSIVE as u64
            || (rest.matches('.').count() as u64) < asked.depth
    };
    let is_meant = |name: &String| {
        let below = |prefix: &String| {
            name == prefix
                || name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.') && is_within(&rest[1..]))
        };
        if asked.prefixes.is_empty() { is_within(name) } else { asked.prefixes.iter().any(below) }
    };
    let names: Vec<String> = names.filter(is_meant).collect();
    let mut prefixes: Vec<String> = Vec::new();
    for (prefix, _) in names.iter().filter_map(|name| name.rsplit_once('.')) {
        if !prefixes.iter().any(|known| known == prefix) {
            prefixes.push(prefix.into());
        }
    }
    ListParametersResult { names, prefixes }
}

fn described(parameters: &Parameters, name: &str) -> ParameterDescriptor {
    let name = name.to_string();
    let Some(spec) = parameters.spec(&name) else { return ParameterDescriptor { name, ..Default::default() } };
    let type_ = message(Some(spec.default)).type_;
    ParameterDescriptor {
        name,
        type_,
        description: spec.description.into(),
        read_only: spec.is_fixed,
        ..Default::default()
    }
}

/// As messages have it; not set where there is none. Of the types that parameters have here.
fn message(value: Option<ParameterValue>) -> msg::ParameterValue {
    let mut message = msg::ParameterValue::default();
    message.type_ = match value {
        Some(ParameterValue::Bool(flag)) => {
            message.bool_value = flag;
            BOOL
        }
        Some(ParameterValue::Integer(whole)) => {
            message.integer_value = whole;
            INTEGER
        }
        Some(ParameterValue::Double(number)) => {
            message.double_value = number;
            DOUBLE
        }
        Some(ParameterValue::String(text)) => {
            message.string_value = text;
            STRING
        }
        Some(ParameterValue::DoubleArray(numbers)) => {
            message.double_array_value = numbers;
            DOUBLE_ARRAY
        }
        _ => 0,
    };
    message
}

/// From a message; what no parameter has here is none.
fn value(message: &msg::ParameterValue) -> ParameterValue {
    match message.type_ {
        BOOL => ParameterValue::Bool(message.bool_value),
        INTEGER => ParameterValue::Integer(message.integer_value),
        DOUBLE => ParameterValue::Double(message.double_value),
        STRING => ParameterValue::String(message.string_value.clone()),
        INTEGER_ARRAY => ParameterValue::IntegerArray(message.integer_array_value.clone()),
        DOUBLE_ARRAY => ParameterValue::DoubleArray(message.double_array_value.clone()),
        _ => ParameterValue::NotSet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ros::support::params::Spec;

    fn parameters() -> Parameters {
        Parameters::new(vec![
            Spec::number("pitch", 0.0011, [1e-5, 0.1], "Distance of lines [m]."),
            Spec::any("move_to.armed", ParameterValue::Bool(false), "Whether."),
            Spec::numbers("limits.box.min", &[0.0], [-1.0, 1.0], &[1], "Corner."),
            Spec::text("motion", "pose", &["pose", "joints"], "How.").at_start(),
        ])
    }

    fn wanted(name: &str, value: ParameterValue) -> msg::Parameter {
        msg::Parameter { name: name.into(), value: message(Some(value)) }
    }

    #[test]
    fn all_are_set_or_none() {
        let parameters = parameters();
        let half = [wanted("pitch", ParameterValue::Double(0.002)), wanted("pitch", ParameterValue::Double(7.0))];
        let refused = set(&parameters, &half);
        assert!(!refused.successful && refused.reason.contains('7'), "{}", refused.reason);
        assert_eq!(parameters.number("pitch"), 0.0011);
        assert!(set(&parameters, &half[..1]).successful);
        assert_eq!(parameters.number("pitch"), 0.002);
        assert!(!set(&parameters, &[wanted("misspelt", ParameterValue::Bool(true))]).successful);
        assert!(!set(&parameters, &[wanted("motion", ParameterValue::NotSet)]).successful);
    }

    #[test]
    fn names_are_listed_by_prefix_and_depth() {
        let parameters = parameters();
        let list = |prefixes: &[&str], depth: u64| {
            let asked = ListParameters::Request { prefixes: prefixes.iter().map(|p| p.to_string()).collect(), depth };
            listed(parameters.all().into_iter().map(|(name, _)| name), &asked)
        };
        let all = list(&[], 0);
        assert_eq!(all.names.len(), 4);
        assert_eq!(all.prefixes, ["move_to", "limits.box"]);
        assert_eq!(list(&[], 1).names, ["pitch", "motion"]);
        assert_eq!(list(&["limits"], 0).names, ["limits.box.min"]);
        assert!(list(&["limits"], 1).names.is_empty());
        assert!(list(&["limit"], 0).names.is_empty());
    }

    #[test]
    fn values_go_there_and_back_and_descriptions_tell() {
        let parameters = parameters();
        for (name, _) in parameters.all() {
            assert_eq!(Some(value(&message(parameters.get(&name)))), parameters.get(&name));
        }
        let pitch = described(&parameters, "pitch");
        assert_eq!((pitch.type_, pitch.read_only), (3, false));
        assert!(pitch.description.contains("[m]"));
        assert!(described(&parameters, "motion").read_only);
        assert_eq!(described(&parameters, "misspelt").type_, 0);
    }
}
