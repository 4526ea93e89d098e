//! Documentation that is made from the sources, or must not name what is not there. `BLESS=1 cargo test --test docs` writes it.

use grating_calibration::mapping::checks::finding::{Check, Severity};
use grating_calibration::mapping::models::registry::ModelKind;
use grating_calibration::named::Named;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files below a folder with their paths from the root, sorted, without their tests.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut open = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read(&path).split("#[cfg(test)]").next().unwrap_or_default().to_string();
            found.push((path.strip_prefix(root()).unwrap().display().to_string(), text));
        }
    }
    found.sort();
    found
}

/// The string literal that `text` begins with, as Rust reads it, and what follows.
fn literal(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut value = String::new();
    let next = |rest: &mut &str| {
        let letter = rest.chars().next()?;
        *rest = &rest[letter.len_utf8()..];
        Some(letter)
    };
    loop {
        match next(&mut rest)? {
            '"' => return Some((value, rest)),
            '\\' => match next(&mut rest)? {
                // The line goes on.
                '\n' => rest = rest.trim_start(),
                'n' => value.push(' '),
                escaped => value.push(escaped),
            },
            letter => value.push(letter),
        }
    }
}

/// Messages of error types, and of goals and calls that failed: file, message.
fn messages() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (file, text) in sources("src") {
        for attribute in text.split("#[error(").skip(1) {
            if let Some((message, _)) = literal(attribute.trim_start()) {
                found.push((file.clone(), message));
            }
        }
        // What only passes on a list of other messages says nothing by itself.
        for call in text.split("failed(").skip(1).filter(|_| file.starts_with("src/ros/")) {
            let message = call.trim_start();
            let message = literal(message.strip_prefix("format!(").unwrap_or(message).trim_start());
            if let Some((message, _)) = message.filter(|(message, _)| !message.starts_with("{}")) {
                found.push((file.clone(), message));
            }
        }
    }
    found
}

/// A value's place without how it is written: `{u:.1}` is `{u}`.
fn plain(message: &str) -> String {
    let mut plain = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once('{') {
        let (place, after) = after.split_once('}').unwrap_or((after, ""));
        plain += &format!("{before}{{{}}}", place.split(':').next().unwrap_or_default());
        rest = after;
    }
    plain + rest
}

fn messages_table() -> String {
    let mut table = String::from("| message | from |\n| --- | --- |\n");
    for (file, message) in messages() {
        let message = plain(&message).replace('|', "\\|").replace("{}", "{…}");
        table += &format!("| {message} | `{}` |\n", file.trim_start_matches("src/"));
    }
    table
}

/// What stands between the marks of a page, after writing it if asked to.
fn generated(page: &str, mark: &str, wanted: &str) {
    let path = root().join(page);
    let text = read(&path);
    let (before, rest) = text.split_once(&format!("<!-- generated: {mark} -->\n")).expect("the mark");
    let (found, after) = rest.split_once("<!-- end -->").expect("the end");
    if std::env::var_os("BLESS").is_some() {
        let page = format!("{before}<!-- generated: {mark} -->\n{wanted}<!-- end -->{after}");
        std::fs::write(&path, page).unwrap();
        return;
    }
    let stale = wanted.lines().find(|line| !found.contains(line));
    assert!(found == wanted, "{page} is stale (at {stale:?}): run BLESS=1 cargo test --test docs");
}

#[test]
fn troubleshooting_has_every_message() {
    let messages = messages();
    assert!(messages.len() > 90, "{} messages", messages.len());
    assert!(messages.iter().any(|(_, m)| m.contains("restart the sweep or fix the camera's resolution")));
    assert!(messages.iter().any(|(_, m)| m.contains("the tool did not settle at")));
    generated("docs/troubleshooting.md", "messages", &messages_table());
}

fn names<T: Named>() -> Vec<&'static str> {
    T::VARIANTS.iter().map(|value| value.name()).collect()
}

#[test]
fn the_page_of_checks_has_every_check_and_no_other() {
    let page = read(&root().join("docs/checks.md"));
    let ids = |rows: &str| -> Vec<String> {
        rows.lines().filter_map(|row| Some(row.strip_prefix("| `")?.split_once('`')?.0.to_string())).collect()
    };
    let (severities, checks) = page.split_once("| check |").expect("the table of checks");
    assert_eq!(ids(checks), names::<Check>());
    assert_eq!(ids(severities), names::<Severity>());
    // And every file that it names.
    for file in page.split('`').filter(|word| word.ends_with(".rs") || word.ends_with('/')) {
        assert!(root().join("src").join(file).exists() || root().join(file).exists(), "docs/checks.md names {file}");
    }
}

/// What stands in backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn pages_have_every_camera_model() {
    let models = names::<ModelKind>();
    let page = read(&root().join("ARCHITECTURE.md"));
    let (_, drawn) = page.lines().find_map(|line| line.split_once("models: ")).expect("the models in the drawing");
    assert_eq!(drawn.split(" · ").collect::<Vec<_>>(), models, "the drawing of ARCHITECTURE.md");
    let (_, table) = page.split_once("| model | what it is |\n| --- | --- |\n").expect("the ladder");
    let rows = table.lines().map_while(|row| row.strip_prefix("| ")?.split_once(" | "));
    assert_eq!(rows.flat_map(|(row, _)| quoted(row)).collect::<Vec<_>>(), models, "the ladder of ARCHITECTURE.md");
    let page = read(&root().join("docs/calibration_file.md"));
    let kinds: Vec<&str> = page.lines().filter_map(|row| row.split(" | ").nth(1)).flat_map(quoted).collect();
    for model in models {
        assert!(kinds.contains(&model), "docs/calibration_file.md has no key of {model}");
    }
}

/// Links within the documentation lead somewhere.
#[test]
fn links_lead_somewhere() {
    let mut pages = Vec::new();
    for folder in [".", ".github", "docs", "docs/decisions"] {
        pages.extend(std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        for link in
            read(page).split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link.to_string())
        {
            if link.contains("://") || link.starts_with('<') {
                continue;
            }
            let (file, part) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            assert!(target.exists(), "{}: {link} leads nowhere", page.display());
            if !part.is_empty() {
                let heading = |line: &str| {
                    let letters = line.trim_start_matches('#').trim().to_lowercase();
                    let kept = letters.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
                    line.starts_with('#') && kept.collect::<String>().replace(' ', "-") == part
                };
                assert!(read(&target).lines().any(heading), "{}: {link} has no such part", page.display());
            }
        }
    }
    // Every page is linked from the README.
    let readme = read(&root().join("README.md"));
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            !name.ends_with(".md") || readme.contains(&format!("docs/{name}")),
            "README.md does not link docs/{name}"
        );
    }
}
