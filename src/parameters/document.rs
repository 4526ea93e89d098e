//! The YAML file and the page of a node's parameters.

use crate::parameters::declaration::{Declaration, plain};
use serde_json::Value;

/// Width of the YAML file, characters.
const WIDTH: usize = 120;

/// A parameter file with all defaults and what they mean.
pub fn yaml(head: &str, declarations: &[Declaration]) -> String {
    let head: String = head.lines().map(|line| comment(0, line)).collect();
    let mut text = format!("{head}/**:\n  ros__parameters:\n");
    let mut above: Vec<&str> = Vec::new();
    for declared in declarations {
        let mut parts: Vec<&str> = declared.name.split('.').collect();
        let name = parts.pop().unwrap_or_default();
        let common = parts.iter().zip(&above).take_while(|(part, open)| part == open).count();
        for (depth, part) in parts.iter().enumerate().skip(common) {
            text += &format!("{}{part}:\n", indent(depth));
        }
        text += &comment(indent(parts.len()).len(), &described(declared));
        // rcl can't read an empty array.
        let off = if declared.default == Value::Array(Vec::new()) { "# " } else { "" };
        text += &format!("{}{off}{name}: {}\n", indent(parts.len()), written(&declared.default));
        above = parts;
    }
    text
}

fn indent(depth: usize) -> String {
    " ".repeat(4 + 2 * depth)
}

/// Comment lines of `text`.
fn comment(indent: usize, text: &str) -> String {
    // A range stays in one line.
    const TIED: &str = "\u{1}…\u{1}";
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.replace(" … ", TIED).split_whitespace() {
        if indent + 2 + line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines += &format!("{:indent$}#{line}\n", "");
            line.clear();
        }
        line = format!("{line} {word}");
    }
    (lines + &format!("{:indent$}#{line}\n", "")).replace(TIED, " … ")
}

/// Description, range, choices.
fn described(declared: &Declaration) -> String {
    let range = Some(declared.range()).filter(|range| !range.is_empty()).map(|range| format!("Range: {range}."));
    let constraints = Some(declared.constraints()).filter(|words| !words.is_empty() && !declared.choices.is_empty());
    let fixed = declared.is_read_only.then(|| "Read-only.".to_string());
    let parts = [Some(declared.description.clone()), range, constraints.map(|words| format!("{words}.")), fixed];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// A value in YAML that both rcl and Python read as its type.
fn written(value: &Value) -> String {
    match value {
        Value::Array(entries) => format!("[{}]", entries.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Number(number) if number.is_f64() => {
            let text = format!("{:?}", number.as_f64().unwrap_or(f64::NAN));
            match text.split_once('e') {
                // YAML 1.1 knows numbers by their point.
                Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
                _ => text,
            }
        }
        other => other.to_string(),
    }
}

/// A table of all parameters in Markdown.
pub fn table(declarations: &[Declaration]) -> String {
    let mut text = String::from("| parameter | default | possible | |\n| --- | --- | --- | --- |\n");
    for declared in declarations {
        let choices = declared.choices.iter().map(|choice| match choice.phrase().as_str() {
            "" => format!("`{}`", plain(&choice.value)),
            meaning => format!("`{}`: {meaning}", plain(&choice.value)),
        });
        let lengths = if declared.choices.is_empty() { declared.constraints() } else { String::new() };
        let possible: Vec<String> =
            [declared.range(), lengths].into_iter().filter(|part| !part.is_empty()).chain(choices).collect();
        let fixed = if declared.is_read_only { " Read-only." } else { "" };
        let default = written(&declared.default);
        let row = format!(
            "| `{}` | `{default}` | {} | {}{fixed} |",
            declared.name,
            possible.join("; ").replace('|', "\\|"),
            declared.description.replace('|', "\\|")
        );
        text += &format!("{}\n", row.replace("|  |", "| |"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_written_so_that_yaml_1_1_knows_them() {
        let values = [
            json!(6e-6),
            json!(1.5e-7),
            json!(0.5),
            json!(3.0),
            json!(3),
            json!([1.0, 2e-9]),
            json!("off"),
            json!(true),
        ];
        let texts = ["6.0e-6", "1.5e-7", "0.5", "3.0", "3", "[1.0, 2.0e-9]", "\"off\"", "true"];
        assert_eq!(values.each_ref().map(written), texts);
    }

    #[test]
    fn long_comments_go_on_in_the_next_line() {
        let text = comment(4, &"word ".repeat(60));
        assert!(
            text.lines().count() == 3 && text.lines().all(|line| line.len() <= WIDTH && line.starts_with("    # w"))
        );
    }
}
