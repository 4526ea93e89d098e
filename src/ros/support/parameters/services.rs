//! `ros2 param`: the services for a node's parameters, and `/parameter_events`.
//!
//! Why not r2r's: where an answer can't be sent, as to a client that has only just started, they panic, and are gone for as
//! long as the node lives.

use crate::parameters::accept::Refusal;
use crate::parameters::declaration::Declaration;
use crate::parameters::table::{ParameterSet, ParameterTable};
use crate::ros::support::parameters::messages::{descriptor, given, message, not_set, value};
use crate::ros::support::respond::answer_with;
use crate::ros::{locked, time};
use r2r::rcl_interfaces::msg::{self, ListParametersResult, ParameterDescriptor, ParameterEvent, SetParametersResult};
use r2r::rcl_interfaces::srv::{
    DescribeParameters, GetParameterTypes, GetParameters, ListParameters, SetParameters, SetParametersAtomically,
};
use r2r::{Publisher, QosProfile};
use std::sync::{Arc, Mutex};

/// Takes the values that the node was started with; gives those that were refused.
pub fn start_with<T: ParameterSet>(node: &r2r::Node, parameters: &ParameterTable<T>) -> Vec<Refusal> {
    let start = locked(&node.params);
    parameters.start_with(start.iter().map(|(name, parameter)| (name.as_str(), given(&parameter.value))))
}

/// Serves `parameters`, and publishes them now and whenever one is set. `now_ns` tells the time.
///
/// # Errors
/// Those of r2r.
pub fn offer<T: ParameterSet>(
    node: &mut r2r::Node,
    parameters: &ParameterTable<T>,
    now_ns: impl Fn() -> i64 + Send + Sync + 'static,
) -> r2r::Result<()> {
    let served = Arc::new(Served {
        parameters: parameters.clone(),
        node: node.fully_qualified_name()?,
        // As rclcpp's.
        events: node.create_publisher("/parameter_events", QosProfile::default().keep_last(1000))?.into(),
        now_ns: Box::new(now_ns),
    });
    let known = served.clone();
    answer_with::<ListParameters::Service>(node, "~/list_parameters", move |asked| ListParameters::Response {
        result: listed(known.parameters.declarations().iter().map(|declared| declared.name.as_str()), asked),
    })?;
    let known = served.clone();
    answer_with::<GetParameters::Service>(node, "~/get_parameters", move |asked| GetParameters::Response {
        values: asked.names.iter().map(|name| known.value(name)).collect(),
    })?;
    let known = served.clone();
    answer_with::<GetParameterTypes::Service>(node, "~/get_parameter_types", move |asked| {
        GetParameterTypes::Response { types: asked.names.iter().map(|name| known.value(name).type_).collect() }
    })?;
    let known = served.clone();
    answer_with::<DescribeParameters::Service>(node, "~/describe_parameters", move |asked| {
        DescribeParameters::Response { descriptors: asked.names.iter().map(|name| known.descriptor(name)).collect() }
    })?;
    let known = served.clone();
    answer_with::<SetParameters::Service>(node, "~/set_parameters", move |asked| SetParameters::Response {
        results: asked.parameters.iter().map(|wanted| known.set(std::slice::from_ref(wanted))).collect(),
    })?;
    served.publish_all();
    answer_with::<SetParametersAtomically::Service>(node, "~/set_parameters_atomically", move |asked| {
        SetParametersAtomically::Response { result: served.set(&asked.parameters) }
    })
}

struct Served<T> {
    parameters: ParameterTable<T>,
    /// Full name of the node.
    node: String,
    events: Mutex<Publisher<ParameterEvent>>,
    now_ns: Box<dyn Fn() -> i64 + Send + Sync>,
}

impl<T: ParameterSet> Served<T> {
    fn declared(&self, name: &str) -> Option<&Declaration> {
        self.parameters.declarations().iter().find(|declared| declared.name == name)
    }

    fn value(&self, name: &str) -> msg::ParameterValue {
        let value = self.declared(name).zip(self.parameters.value(name));
        value.map_or_else(not_set, |(declared, value)| message(declared.kind, &value))
    }

    fn descriptor(&self, name: &str) -> ParameterDescriptor {
        let unknown = || ParameterDescriptor { name: name.into(), ..Default::default() };
        self.declared(name).map_or_else(unknown, descriptor)
    }

    /// Sets all, or none and says why.
    fn set(&self, wanted: &[msg::Parameter]) -> SetParametersResult {
        let values: Vec<_> = wanted.iter().map(|one| (one.name.as_str(), value(&one.value))).collect();
        match self.parameters.set(&values) {
            Ok(accepted) => {
                let changed_parameters = accepted.iter().map(|(name, _)| self.parameter(name)).collect();
                self.publish(ParameterEvent { changed_parameters, ..ParameterEvent::default() });
                SetParametersResult { successful: true, reason: String::new() }
            }
            Err(refusal) => SetParametersResult { successful: false, reason: refusal.to_string() },
        }
    }

    fn parameter(&self, name: &str) -> msg::Parameter {
        msg::Parameter { name: name.into(), value: self.value(name) }
    }

    fn publish_all(&self) {
        let all = self.parameters.declarations().iter().map(|declared| self.parameter(&declared.name));
        self.publish(ParameterEvent { new_parameters: all.collect(), ..ParameterEvent::default() });
    }

    fn publish(&self, event: ParameterEvent) {
        let event = ParameterEvent { stamp: time((self.now_ns)()), node: self.node.clone(), ..event };
        if let Err(error) = locked(&self.events).publish(&event) {
            tracing::error!("the change of a parameter could not be published: {error}");
        }
    }
}

/// Names below one of the prefixes, or all, that go no deeper than asked; with the prefixes that they have.
fn listed<'a>(names: impl Iterator<Item = &'a str>, asked: &ListParameters::Request) -> ListParametersResult {
    let is_within = |rest: &str| {
        asked.depth == ListParameters::Request::DEPTH_RECURSIVE as u64
            || (rest.matches('.').count() as u64) < asked.depth
    };
    let is_meant = |name: &&str| {
        let below = |prefix: &String| {
            name == prefix
                || name.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('.') && is_within(&rest[1..]))
        };
        if asked.prefixes.is_empty() { is_within(name) } else { asked.prefixes.iter().any(below) }
    };
    let names: Vec<String> = names.filter(is_meant).map(String::from).collect();
    let mut prefixes: Vec<String> = Vec::new();
    for (prefix, _) in names.iter().filter_map(|name| name.rsplit_once('.')) {
        if !prefixes.iter().any(|known| known == prefix) {
            prefixes.push(prefix.into());
        }
    }
    ListParametersResult { names, prefixes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_by_prefix_and_depth() {
        let list = |prefixes: &[&str], depth: u64| {
            let asked = ListParameters::Request { prefixes: prefixes.iter().map(|p| p.to_string()).collect(), depth };
            listed(["pitch", "move_to.armed", "limits.box.min", "motion"].into_iter(), &asked)
        };
        let all = list(&[], 0);
        assert_eq!(all.names.len(), 4);
        assert_eq!(all.prefixes, ["move_to", "limits.box"]);
        assert_eq!(list(&[], 1).names, ["pitch", "motion"]);
        assert_eq!(list(&["limits"], 0).names, ["limits.box.min"]);
        assert!(list(&["limits"], 1).names.is_empty());
        assert!(list(&["limit"], 0).names.is_empty());
    }
}
