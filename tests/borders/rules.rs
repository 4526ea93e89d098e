//! What each file must not do. Each rule gives what breaks it.

use crate::imports::Sources;
use crate::layers::Layers;
use crate::publishers::Publishers;
use std::collections::{BTreeMap, BTreeSet};

/// Crates that belong to an edge, and the places that may name them.
const EDGES: [(&str, &[&str]); 15] = [
    ("r2r", &["ros/"]),
    ("r2r_rcl", &["ros/support/"]),
    ("opencv", &["ros/"]),
    ("tokio", &["ros/"]),
    ("futures", &["ros/"]),
    ("axum", &["ros/web/"]),
    ("rustix", &["ros/"]),
    ("libc", &["ros/support/process.rs"]),
    ("anyhow", &["ros/", "bin/"]),
    ("tracing_subscriber", &["ros/support/process.rs", "bin/"]),
    ("clap", &["bin/"]),
    ("indicatif", &["bin/"]),
    ("mcap", &["bag/"]),
    ("rusqlite", &["bag/"]),
    ("cudarc", &["grating/backend/cuda/driver.rs", "grating/backend/cuda/compiler.rs"]),
];

/// Paths that lead to files, sockets, processes, the environment or the terminal.
const OUTSIDE: [&str; 15] = [
    "std::fs",
    "std::process",
    "std::net",
    "std::env",
    "std::os",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::print",
    "std::println",
    "std::eprint",
    "std::eprintln",
    "tempfile",
    "image::open",
    "image::save_buffer",
];
/// Methods of paths and images that do, and macros.
const OUTSIDE_CALLS: [&str; 19] = [
    "save",
    "save_with_format",
    "metadata",
    "symlink_metadata",
    "read_dir",
    "read_link",
    "canonicalize",
    "exists",
    "try_exists",
    "is_file",
    "is_dir",
    "is_symlink",
    "print",
    "println",
    "eprint",
    "eprintln",
    "dbg",
    "save_buffer",
    "save_png",
];

const PANICS: [&str; 8] =
    ["panic", "todo", "unimplemented", "unreachable", "unwrap", "expect", "unwrap_err", "expect_err"];

/// Topics of the node, but for set points.
const TOPICS: [&str; 15] = [
    "~/calibrate/_action/status",
    "~/calibrate/_action/feedback",
    "~/calibration",
    "~/click",
    "~/dataset",
    "~/grid_markers",
    "~/{camera}/overlay",
    "clicked_point",
    "left/camera_info",
    "right/camera_info",
    "/diagnostics",
    "/parameter_events",
    "/rosout",
    "/tf",
    "/tf_static",
];

/// Imports from rooms above, or from those that a room must not know.
pub fn upward(layers: &Layers, imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (file, others) in imports {
        let room = layers.of(file);
        for other in others {
            let its = layers.of(other);
            if its > room {
                wrong.push(format!("{file} imports {other}, which lies above it"));
            } else if layers.0[room].must_not_use.contains(&layers.0[its].folder) {
                wrong.push(format!("{file} must not know {other}"));
            }
        }
    }
    wrong
}

/// Imports that can't be followed.
pub fn hidden(sources: &Sources) -> Vec<String> {
    let of_file = |file: &String| {
        let hidden: Vec<&String> = sources.of_file(file).flat_map(|module| &module.hidden).collect();
        let mut wrong: Vec<String> = hidden.iter().map(|what| format!("{file} hides imports: {what}")).collect();
        // Its imports count as nobody's.
        let says = sources.of_file(file).any(|module| !module.items.is_empty() || !module.paths.is_empty());
        if file == "lib.rs" && says {
            wrong.push("lib.rs holds more than names of modules".into());
        }
        wrong
    };
    sources.files.iter().flat_map(of_file).collect()
}

/// Crates of an edge that this file does not lie at.
pub fn foreign_crates(sources: &Sources, file: &str) -> Vec<String> {
    let paths = sources.paths(file);
    let named = |name: &str| paths.iter().any(|path| path[0] == name);
    let foreign = EDGES.iter().filter(|(_, places)| !places.iter().any(|place| file.starts_with(place)));
    foreign.filter(|(name, _)| named(name)).map(|(name, _)| format!("{file} names {name}")).collect()
}

/// Methods, macros and last names of paths.
fn calls(sources: &Sources, file: &str) -> BTreeSet<String> {
    let last = sources.paths(file).into_iter().filter_map(|path| path.last().cloned());
    let called = sources.of_file(file).flat_map(|module| module.methods.iter().chain(&module.macros)).cloned();
    called.chain(last).collect()
}

/// What reaches beyond the memory.
pub fn outside_world(sources: &Sources, file: &str) -> Vec<String> {
    let leads = |path: &Vec<String>, to: &str| {
        to.split("::").enumerate().all(|(n, name)| path.get(n).is_some_and(|own| own == name))
    };
    let paths = sources.paths(file);
    let paths = OUTSIDE.iter().filter(|outside| paths.iter().any(|path| leads(path, outside)));
    let calls = calls(sources, file);
    let calls = OUTSIDE_CALLS.iter().filter(|call| calls.contains(**call));
    paths.chain(calls).map(|what| format!("{file} has {what}")).collect()
}

pub fn panics(sources: &Sources, file: &str) -> Vec<String> {
    let calls = calls(sources, file);
    PANICS.iter().filter(|name| calls.contains(**name)).map(|name| format!("{file} has {name}")).collect()
}

/// `--pitch`, wherever it stands.
pub fn names_an_option(literal: &str) -> bool {
    literal.split("--").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Ways out of the room's head for what sends set points.
pub fn opens_the_robot_room(head: &str) -> Vec<String> {
    let is_open = |visibility: &syn::Visibility| !matches!(visibility, syn::Visibility::Inherited);
    let open = |item: syn::Item| match item {
        syn::Item::Mod(module) => {
            let sends = module.ident == "motion" || module.ident == "commander";
            (sends && is_open(&module.vis)).then(|| format!("{} is visible elsewhere", module.ident))
        }
        syn::Item::Use(import) => is_open(&import.vis).then(|| "pub use opens the robot's room".to_string()),
        _ => None,
    };
    syn::parse_file(head).unwrap().items.into_iter().filter_map(open).collect()
}

/// Items that are visible outside the folder, as far as its head lets them.
pub fn public_items(text: &str) -> Vec<String> {
    let is_public = |item: &syn::Item| {
        let visibility = match item {
            syn::Item::Const(i) => &i.vis,
            syn::Item::Enum(i) => &i.vis,
            syn::Item::Fn(i) => &i.vis,
            syn::Item::Mod(i) => &i.vis,
            syn::Item::Static(i) => &i.vis,
            syn::Item::Struct(i) => &i.vis,
            syn::Item::Trait(i) => &i.vis,
            syn::Item::Type(i) => &i.vis,
            syn::Item::Use(i) => &i.vis,
            _ => return false,
        };
        match visibility {
            syn::Visibility::Inherited => false,
            syn::Visibility::Restricted(to) => !to.path.is_ident("super"),
            _ => true,
        }
    };
    let items = syn::parse_file(text).unwrap().items;
    let public = items.iter().enumerate().filter(|(_, item)| is_public(item));
    public.map(|(n, _)| format!("item {n} of the set points' sources is visible outside the robot's room")).collect()
}

/// Publishers on other topics than the node's.
pub fn other_topics(file: &str, text: &str) -> Vec<String> {
    let other = |topic: Option<String>| match topic {
        None => Some(format!("{file} makes a publisher: write its topic at the call")),
        Some(topic) => (!TOPICS.contains(&topic.as_str())).then(|| format!("{file} publishes on {topic}")),
    };
    Publishers::of(text).0.into_iter().filter_map(other).collect()
}
