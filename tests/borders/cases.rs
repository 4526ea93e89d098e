//! Ways to break a rule unseen: each is seen.

use crate::imports::Sources;
use crate::layers::Layers;
use crate::rules;
use std::collections::BTreeMap;

const FILE: &str = "lattice/intersections.rs";

/// A crate of two rooms, of which the lower one holds this text.
fn with(text: &str) -> Sources {
    let files = [
        ("lib.rs", "pub mod lattice; pub mod sweep;"),
        ("lattice/mod.rs", "pub mod intersections;"),
        (FILE, text),
        ("sweep/mod.rs", "pub mod session;"),
        ("sweep/session.rs", "pub struct SweepSession;"),
    ];
    Sources::of(&BTreeMap::from(files.map(|(file, text)| (file.to_string(), text.to_string()))))
}

fn wrong_imports(text: &str) -> Vec<String> {
    let sources = with(text);
    let mut imports = sources.imports();
    imports.remove("lib.rs");
    for others in imports.values_mut() {
        others.remove("lib.rs");
    }
    [rules::upward(&Layers::declared(), &imports), rules::hidden(&sources)].concat()
}

#[test]
fn imports_from_above_are_seen() {
    let cases = [
        "use crate::sweep::session::SweepSession;",
        "fn f() { use crate::sweep::session::SweepSession; }",
        "use crate::*; fn f(_: sweep::session::SweepSession) {}",
        "mod inner { use crate::*; fn f(_: sweep::session::SweepSession) {} }",
        "use super::super::*; fn f(_: sweep::session::SweepSession) {}",
        "fn f(_: self::super::super::sweep::session::SweepSession) {}",
        "use crate as me; fn f(_: me::sweep::session::SweepSession) {}",
        "use crate::{self as me}; fn f(_: me::sweep::session::SweepSession) {}",
        "macro_rules! q { () => { use crate::{sweep::session::SweepSession}; } }",
        "macro_rules! q { () => { use $crate::{lattice, sweep::{self, session}}; } }",
        "macro_rules! q { () => { use crate::*; } }",
        "macro_rules! q { () => { use crate as me; type S = me::sweep::session::SweepSession; } }",
        "macro_rules! q { ($room:ident) => { use crate::$room::session::SweepSession; } } q!(sweep);",
        "macro_rules! q { ($room:ident) => { type S = crate::$room::session::SweepSession; } } q!(sweep);",
        "macro_rules! q { ($root:ident) => { type S = $root::sweep::session::SweepSession; } } q!(crate);",
        "#[macro_export] macro_rules! q { () => {} }",
        "extern crate self as me; fn f(_: me::sweep::session::SweepSession) {}",
        "macro_rules! q { () => { extern crate self as me; } }",
        "fn f(_: ::grating_calibration::sweep::session::SweepSession) {}",
        "use grating_calibration as me; fn f(_: me::sweep::session::SweepSession) {}",
        "#[path = \"../sweep/session.rs\"] mod s;",
        "#[cfg_attr(all(), path = \"../sweep/session.rs\")] mod s;",
        "macro_rules! q { () => { #[path = \"../sweep/session.rs\"] mod s; } }",
        "include!(\"../sweep/session.rs\");",
        "fn f() { std::include!(\"../sweep/session.rs\") }",
        "macro_rules! q { () => { include!(\"../sweep/session.rs\"); } }",
        "#[derive(Serialize)] struct S { #[serde(with = \"crate::sweep::session\")] s: f64 }",
        "#[derive(Serialize)] #[serde(bound = \"T: Into<crate::sweep::session::SweepSession>\")] struct S<T>(T);",
        "#[cfg_attr(all(), serde(remote = \"crate::sweep::session::SweepSession\"))] struct S;",
    ];
    for case in cases {
        assert!(!wrong_imports(case).is_empty(), "{case}");
    }
}

#[test]
fn the_macro_of_a_head_and_what_lib_rs_defines_are_seen() {
    for head in ["lib.rs", "sweep/mod.rs"] {
        let text = "macro_rules! q { () => { crate::sweep::session::SweepSession } } pub mod session;";
        let files = BTreeMap::from([(head.to_string(), text.to_string())]);
        assert!(!rules::hidden(&Sources::of(&files)).is_empty(), "{head}");
    }
    let files = BTreeMap::from([("lib.rs".to_string(), "pub fn open() {}".to_string())]);
    assert!(!rules::hidden(&Sources::of(&files)).is_empty());
}

#[test]
fn imports_from_below_and_those_of_tests_are_allowed() {
    let cases = [
        "use rayon::prelude::*; use std::{fmt, io::{self, Write}};",
        "#[cfg(test)] mod tests { use super::*; use crate::sweep::session::SweepSession; }",
        "#[cfg(test)] use crate::sweep::session::SweepSession;",
        "impl S { #[cfg(test)] fn f(_: crate::sweep::session::SweepSession) {} }",
        "/// See [`crate::sweep::session::SweepSession`].\nstruct S;",
        "macro_rules! q { ($kind:ident) => { Model::$kind } }",
    ];
    for case in cases {
        assert_eq!(wrong_imports(case), Vec::<String>::new(), "{case}");
    }
}

#[test]
fn crates_of_an_edge_are_seen() {
    let cases = [
        "use r2r; fn f() {}",
        "use r2r as r; fn f(_: r::Node) {}",
        "use {std::fmt, opencv::core};",
        "fn f() { let _ = ::clap::Command::new(\"x\"); }",
        "#[derive(clap::Parser)] struct S;",
        "fn f() { vec![cudarc::driver::result::init()]; }",
        "macro_rules! q { () => { use tokio::{sync, time}; } }",
        "#[cfg(test)] mod tests {} use tokio::sync;",
    ];
    for case in cases {
        assert!(!rules::foreign_crates(&with(case), FILE).is_empty(), "{case}");
    }
    let test = "#[cfg(test)] mod tests { use clap::Parser; }";
    assert!(rules::foreign_crates(&with(test), FILE).is_empty());
}

#[test]
fn files_and_the_terminal_are_seen() {
    let cases = [
        "use std::{fmt, fs};",
        "use std::{fs as f}; fn g() { f::read(\"x\"); }",
        "use std as s; fn g() { s::fs::read(\"x\"); }",
        "fn f() { let _ = std::process::Command::new(\"ls\"); }",
        "fn f() { vec![std::net::TcpStream::connect(\"x\")]; }",
        "fn f() { image::open(\"x\"); }",
        "use image::open as look; fn f() { look(\"x\"); }",
        "fn f(i: image::DynamicImage) { i.save(\"x\"); }",
        "fn f(i: &image::DynamicImage) { image::DynamicImage::save(i, \"x\"); }",
        "fn f(p: &std::path::Path) { p.read_dir(); }",
        "fn f(p: &std::path::Path) { assert_eq!(p.metadata().is_ok(), true); }",
        "fn f() { println!(\"x\"); }",
        "fn f() { std::eprintln!(\"x\"); }",
        "macro_rules! q { () => { eprint!(\"x\") } }",
        "use std::println as say; fn f() { say!(\"x\"); }",
        "#[cfg(test)] mod tests {} fn f() { print!(\"x\"); }",
    ];
    for case in cases {
        assert!(!rules::outside_world(&with(case), FILE).is_empty(), "{case}");
    }
    let test = "#[cfg(test)] mod tests { fn f() { println!(\"{:?}\", std::fs::read(\"x\")); } }";
    assert!(rules::outside_world(&with(test), FILE).is_empty());
}

#[test]
fn panics_and_unsafe_code_are_seen() {
    let cases = [
        "fn f() { unreachable!() }",
        "fn f() { core::panic!(\"x\") }",
        "#[cfg(test)] mod tests {} fn f() { todo!() }",
        "fn f(x: Option<u8>) { x\n.unwrap (); }",
        "fn f(x: Option<u8>) { vec![x.expect(\"x\")]; }",
        "fn f(x: Vec<Option<u8>>) { x.into_iter().map(Option::unwrap); }",
    ];
    for case in cases {
        assert!(!rules::panics(&with(case), FILE).is_empty(), "{case}");
    }
    assert!(rules::panics(&with("#[cfg(test)] fn f() { panic!() }"), FILE).is_empty());
    for case in
        ["fn f() { unsafe\n{ g() } }", "macro_rules! q { () => { unsafe { g() } } }", "unsafe impl Send for S {}"]
    {
        assert!(with(case).of_file(FILE).any(|module| module.is_unsafe), "{case}");
    }
}

#[test]
fn options_are_seen_in_brackets_and_quotes() {
    for literal in ["--pitch", "give it (--pitch)", "'--pitch'", "x=--pitch"] {
        assert!(rules::names_an_option(literal), "{literal}");
    }
    for literal in ["--", "a -- b", "---", "<!-- x -->"] {
        assert!(!rules::names_an_option(literal), "{literal}");
    }
}

#[test]
fn ways_to_the_set_points_are_seen() {
    let heads = [
        "pub mod motion;",
        "pub(crate) mod commander;",
        "mod motion; pub use motion::start;",
        "pub(crate) use motion::*;",
    ];
    for head in heads {
        assert!(!rules::opens_the_robot_room(head).is_empty(), "{head}");
    }
    for items in ["pub fn start() {}", "pub(crate) trait Motion {}", "pub(in crate::ros) struct S;", "pub use x::y;"] {
        assert!(!rules::public_items(items).is_empty(), "{items}");
    }
    assert!(rules::public_items("pub(super) fn start() {} struct S;").is_empty());
    let topics = ["\"/cell/target_pose\"", "\"left/camera_info2\"", "&format!(\"{topic}\")", "TOPIC"];
    for topic in topics {
        let text = format!("fn f(n: r2r::Node) {{ n.create_publisher({topic}, qos); }}");
        assert!(!rules::other_topics("ros/show/x.rs", &text).is_empty(), "{topic}");
    }
    assert!(rules::other_topics("ros/show/x.rs", "fn f() { n.create_publisher(\"/tf\", qos); }").is_empty());
}
