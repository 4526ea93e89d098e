//! Values and declarations of parameters ↔ messages of `rcl_interfaces`.

use crate::parameters::declaration::{Declaration, Kind};
use r2r::ParameterValue;
use r2r::rcl_interfaces::msg::{self, FloatingPointRange, IntegerRange, ParameterDescriptor, ParameterType};
use serde_json::Value;

const NOT_SET: u8 = ParameterType::PARAMETER_NOT_SET as u8;
const BOOL: u8 = ParameterType::PARAMETER_BOOL as u8;
const INTEGER: u8 = ParameterType::PARAMETER_INTEGER as u8;
const DOUBLE: u8 = ParameterType::PARAMETER_DOUBLE as u8;
const STRING: u8 = ParameterType::PARAMETER_STRING as u8;
const BYTE_ARRAY: u8 = ParameterType::PARAMETER_BYTE_ARRAY as u8;
const BOOL_ARRAY: u8 = ParameterType::PARAMETER_BOOL_ARRAY as u8;
const INTEGER_ARRAY: u8 = ParameterType::PARAMETER_INTEGER_ARRAY as u8;
const DOUBLE_ARRAY: u8 = ParameterType::PARAMETER_DOUBLE_ARRAY as u8;
const STRING_ARRAY: u8 = ParameterType::PARAMETER_STRING_ARRAY as u8;

/// A number; JSON has none that is not finite, so that is a text, which no parameter takes.
fn number(number: &f64) -> Value {
    serde_json::Number::from_f64(*number).map_or_else(|| number.to_string().into(), Value::Number)
}

/// A value that a node was started with.
pub fn given(value: &ParameterValue) -> Value {
    match value {
        ParameterValue::NotSet => Value::Null,
        ParameterValue::Bool(flag) => (*flag).into(),
        ParameterValue::Integer(whole) => (*whole).into(),
        ParameterValue::Double(double) => number(double),
        ParameterValue::String(text) => text.as_str().into(),
        ParameterValue::BoolArray(flags) => flags.as_slice().into(),
        ParameterValue::ByteArray(bytes) => bytes.as_slice().into(),
        ParameterValue::IntegerArray(whole) => whole.as_slice().into(),
        ParameterValue::DoubleArray(numbers) => numbers.iter().map(number).collect(),
        ParameterValue::StringArray(texts) => texts.as_slice().into(),
    }
}

/// The value in a message.
pub fn value(message: &msg::ParameterValue) -> Value {
    match message.type_ {
        BOOL => message.bool_value.into(),
        INTEGER => message.integer_value.into(),
        DOUBLE => number(&message.double_value),
        STRING => message.string_value.as_str().into(),
        BYTE_ARRAY => message.byte_array_value.as_slice().into(),
        BOOL_ARRAY => message.bool_array_value.as_slice().into(),
        INTEGER_ARRAY => message.integer_array_value.as_slice().into(),
        DOUBLE_ARRAY => message.double_array_value.iter().map(number).collect(),
        STRING_ARRAY => message.string_array_value.as_slice().into(),
        _ => Value::Null,
    }
}

fn type_of(kind: Kind) -> u8 {
    match kind {
        Kind::Flag => BOOL,
        Kind::Whole => INTEGER,
        Kind::Number => DOUBLE,
        Kind::Text => STRING,
        Kind::Numbers => DOUBLE_ARRAY,
    }
}

/// A value of the declared type as a message.
pub fn message(kind: Kind, value: &Value) -> msg::ParameterValue {
    let mut message = msg::ParameterValue { type_: type_of(kind), ..Default::default() };
    match kind {
        Kind::Flag => message.bool_value = value.as_bool().unwrap_or_default(),
        Kind::Whole => message.integer_value = value.as_i64().unwrap_or_default(),
        Kind::Number => message.double_value = value.as_f64().unwrap_or(f64::NAN),
        Kind::Text => message.string_value = value.as_str().unwrap_or_default().into(),
        Kind::Numbers => {
            let numbers = value.as_array().into_iter().flatten().filter_map(Value::as_f64);
            message.double_array_value = numbers.collect();
        }
    }
    message
}

/// What `ros2 param get` shows of a parameter that is not declared.
pub fn not_set() -> msg::ParameterValue {
    msg::ParameterValue { type_: NOT_SET, ..Default::default() }
}

/// What `ros2 param describe` and rqt show.
pub fn descriptor(declared: &Declaration) -> ParameterDescriptor {
    let [low, high] = declared.bounds;
    let mut descriptor = ParameterDescriptor {
        name: declared.name.clone(),
        type_: type_of(declared.kind),
        description: declared.description.clone(),
        additional_constraints: declared.constraints(),
        read_only: declared.is_read_only,
        ..Default::default()
    };
    match declared.kind {
        Kind::Whole if declared.choices.is_empty() => {
            // A cast of what is out of i64's range gives its end.
            descriptor.integer_range = vec![IntegerRange { from_value: low as i64, to_value: high as i64, step: 1 }];
        }
        Kind::Number | Kind::Numbers => {
            descriptor.floating_point_range = vec![FloatingPointRange { from_value: low, to_value: high, step: 0.0 }];
        }
        Kind::Flag | Kind::Whole | Kind::Text => {}
    }
    descriptor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::declaration::declarations;
    use crate::parameters::nodes::calibration_node::NodeParameters;

    fn declared(name: &str) -> Declaration {
        declarations::<NodeParameters>().unwrap().into_iter().find(|declared| declared.name == name).unwrap()
    }

    #[test]
    fn every_value_goes_there_and_back() {
        for declared in declarations::<NodeParameters>().unwrap() {
            assert_eq!(value(&message(declared.kind, &declared.default)), declared.default, "{}", declared.name);
        }
    }

    #[test]
    fn descriptors_hold_ranges_choices_and_what_is_read_only() {
        let speed = descriptor(&declared("limits.max_speed"));
        let FloatingPointRange { from_value, to_value, .. } = speed.floating_point_range[0];
        assert_eq!((speed.type_, speed.read_only, from_value, to_value), (DOUBLE, false, 1e-6, 1.0));
        assert_eq!(speed.description, "Largest speed of the set points (m/s).");
        let port = descriptor(&declared("web.port"));
        let IntegerRange { from_value, to_value, step } = port.integer_range[0];
        assert_eq!((port.read_only, from_value, to_value, step), (true, 0, 65_535, 1));
        let source = descriptor(&declared("pose_source"));
        assert!(source.read_only && source.floating_point_range.is_empty() && source.integer_range.is_empty());
        assert!(source.additional_constraints.starts_with("topic: robot/pose; tf: "), "{source:?}");
        let corner = descriptor(&declared("limits.box_min"));
        assert_eq!((corner.type_, corner.additional_constraints.as_str()), (DOUBLE_ARRAY, "3 numbers"));
        assert_eq!(corner.floating_point_range[0].to_value, 100.0);
    }

    #[test]
    fn what_is_no_finite_number_is_refused_by_its_name() {
        for nan in [
            value(&msg::ParameterValue { type_: DOUBLE, double_value: f64::NAN, ..Default::default() }),
            given(&ParameterValue::Double(f64::NAN)),
        ] {
            assert!(declared("pitch").accept(&nan).unwrap_err().to_string().contains("NaN"));
        }
        assert!(declared("pitch").accept(&given(&ParameterValue::NotSet)).is_err());
    }
}
