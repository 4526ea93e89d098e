//! The borders between the rooms, held by reading the sources.

mod imports;
mod layers;
mod literals;
mod publishers;

use imports::{Sources, circles};
use layers::{Layers, check_drawing, drawing};
use literals::literals;
use publishers::Publishers;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Largest group of files that may import each other, and largest folder.
const LARGEST_CIRCLE: usize = 3;
const LARGEST_FOLDER: usize = 11;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Imports within the library, without those of its programs.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let mut imports = Sources::read(&root(), &["bin"]).imports();
    // It names the rooms, and what it re-exports is defined there.
    imports.remove("lib.rs");
    for others in imports.values_mut() {
        others.remove("lib.rs");
    }
    imports
}

#[test]
fn nothing_is_imported_from_a_room_above() {
    let (layers, mut wrong) = (Layers::declared(), Vec::new());
    for (file, others) in imports() {
        let room = layers.of(&file);
        for other in others {
            let its = layers.of(&other);
            if its > room {
                wrong.push(format!("{file} imports {other}, which lies above it"));
            } else if layers.0[room].must_not_use.contains(&layers.0[its].folder) {
                wrong.push(format!("{file} must not know {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_do_not_import_each_other_in_large_circles() {
    let layers = Layers::declared();
    let program = Sources::read(&root().join("bin/gratingcal"), &[]).imports();
    for circle in circles(&imports()).into_iter().chain(circles(&program)) {
        assert!(circle.len() <= LARGEST_CIRCLE, "these import each other: {circle:?}");
    }
    for circle in circles(&imports()) {
        let rooms: BTreeSet<usize> = circle.iter().map(|file| layers.of(file)).collect();
        assert!(rooms.len() == 1, "these import each other across rooms: {circle:?}");
    }
}

#[test]
fn no_folder_is_too_large_to_overlook() {
    let mut open = vec![root()];
    while let Some(folder) = open.pop() {
        let entries: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let files = entries.iter().filter(|path| path.is_file()).count();
        assert!(files <= LARGEST_FOLDER, "{} holds {files} files", folder.display());
        open.extend(entries.into_iter().filter(|path| path.is_dir()));
    }
}

/// Where a module's head has a table of its files.
#[test]
fn tables_of_files_leave_none_out() {
    for (file, _) in code() {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        let is_heading = |line: &&str| line.starts_with("//! | file") || line.starts_with("//! | folder");
        let table = text.lines().skip_while(|line| !is_heading(line)).take_while(|line| line.starts_with("//! |"));
        let table = table.collect::<String>();
        for item in syn::parse_file(&text).unwrap().items {
            let syn::Item::Mod(module) = item else { continue };
            let name = module.ident.to_string();
            let is_listed = [format!("`{name}`"), format!("@{name}`")].iter().any(|link| table.contains(link));
            let is_file = module.content.is_none() && !imports::is_test(&module.attrs);
            assert!(!is_file || table.is_empty() || is_listed, "the table of src/{file} lacks {name}");
        }
    }
}

#[test]
fn the_drawing_shows_the_rooms_as_they_are() {
    check_drawing(&drawing(&imports()));
}

fn code() -> Vec<(String, String)> {
    let files = Sources::read(&root(), &[]).files;
    let text = |file: &String| {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        // Tests may do what they like.
        text.split("#[cfg(test)]").next().unwrap_or_default().to_string()
    };
    files.iter().map(|file| (file.clone(), text(file))).collect()
}

/// Lines of code: neither comments nor documentation.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn only_the_ros_room_knows_r2r_and_opencv() {
    for (file, text) in code() {
        let names = lines(&text).any(|line| line.contains("r2r::") || line.contains("opencv::"));
        assert!(!names || file.starts_with("ros/"), "{file} names r2r or OpenCV");
    }
}

/// The compiler holds the rest: what sends set points is private to the room, so all others need its lease and its mover.
#[test]
fn only_the_robot_room_publishes_set_points() {
    let room = std::fs::read_to_string(root().join("ros/robot/mod.rs")).unwrap();
    for item in syn::parse_file(&room).unwrap().items {
        let syn::Item::Mod(module) = item else { continue };
        let sends = module.ident == "motion" || module.ident == "commander";
        assert!(!sends || matches!(module.vis, syn::Visibility::Inherited), "{} is visible elsewhere", module.ident);
    }
    let publishers = |file: &str| Publishers::of(&std::fs::read_to_string(root().join(file)).unwrap()).0;
    for (file, _) in code() {
        // The simulated cell is the robot.
        if file == MOTION || file.starts_with("ros/sim_cell/") {
            continue;
        }
        for topic in publishers(&file) {
            let topic = topic.unwrap_or_else(|| panic!("{file} makes a publisher: write its topic at the call"));
            let is_set_points = topic.contains("robot") || topic.starts_with('{');
            assert!(!is_set_points, "{file} publishes on {topic}");
        }
    }
    assert_eq!(publishers(MOTION).len(), ways_to_command().len(), "{MOTION}: each way to command has one publisher");
}

const MOTION: &str = "ros/robot/motion.rs";

/// Topics of set points, one for each way to command a robot.
fn ways_to_command() -> Vec<String> {
    let mut topics = literals(&std::fs::read_to_string(root().join(MOTION)).unwrap());
    topics.retain(|literal| literal.starts_with("robot/"));
    assert!(topics.len() > 1, "{topics:?}");
    topics
}

/// What is to be told of each, outside the room that commands.
#[test]
fn every_topic_of_set_points_is_allowed_documented_and_obeyed() {
    for topic in ways_to_command() {
        for file in ["config/sros2/policy.xml", "docs/ros_interface.md", "src/ros/sim_cell/cell_robot.rs"] {
            let text = std::fs::read_to_string(root().join("..").join(file)).unwrap();
            assert!(text.contains(&topic), "{file} lacks {topic}, on which {MOTION} commands the robot");
        }
    }
}

#[test]
fn unsafe_calls_stand_only_where_instruction_sets_are_chosen_at_the_gpu_and_the_allocator() {
    let allowed = [
        "grating/simd.rs",
        "grating/backend/cpu/",
        "grating/backend/cuda/",
        "ros/support/process.rs",
        "ros/support/names.rs",
    ];
    for (file, text) in code() {
        let used = lines(&text).any(|line| line.contains("unsafe {"));
        assert!(!used || allowed.iter().any(|place| file.starts_with(place)), "{file} uses unsafe");
    }
}

#[test]
fn only_the_driver_and_the_compiler_know_cuda() {
    for (file, text) in code() {
        let names = lines(&text).any(|line| line.contains("cudarc::"));
        let knows = ["grating/backend/cuda/driver.rs", "grating/backend/cuda/compiler.rs"].contains(&file.as_str());
        assert!(!names || knows, "{file} names cudarc");
    }
}

/// Files of the rooms below `folder`: the core.
fn core() -> Vec<(String, String)> {
    let layers = Layers::declared();
    let edge = layers.of("folder/mod.rs");
    code()
        .into_iter()
        .filter(|(file, _)| {
            !["lib.rs"].contains(&file.as_str()) && !file.starts_with("bin/") && !file.starts_with("parameters/")
        })
        .filter(|(file, _)| layers.of(file) < edge)
        .collect()
}

#[test]
fn the_core_reads_and_writes_no_files() {
    for (file, text) in core() {
        // Compiled kernels are kept beside the driver's own.
        let allowed = file == "grating/backend/cuda/compiler.rs";
        for word in ["std::fs", "File::", "tempfile"] {
            assert!(allowed || !lines(&text).any(|line| line.contains(word)), "{file} has {word}");
        }
    }
}

#[test]
fn only_the_programs_know_the_command_line() {
    for (file, text) in code() {
        let names = lines(&text).any(|line| line.contains("clap::"));
        assert!(!names || file.starts_with("bin/"), "{file} names clap");
    }
}

/// Parameters of the nodes whose names are no words: `limits.max_step`, `origin_left`.
fn parameters() -> Vec<String> {
    let mut names = Vec::new();
    for page in ["calibration_node", "sim_cell"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/{page}.yaml"));
        let yaml: serde_yaml::Value = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut open = vec![(String::new(), yaml["/**"]["ros__parameters"].clone())];
        while let Some((prefix, value)) = open.pop() {
            match value.as_mapping() {
                Some(map) => open.extend(map.iter().map(|(key, value)| {
                    let key = key.as_str().unwrap();
                    (if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") }, value.clone())
                })),
                None => names.push(prefix),
            }
        }
    }
    names.retain(|name| name.contains(['.', '_']));
    assert!(names.len() > 40, "{names:?}");
    names
}

/// What a user reads of the core tells what is wrong; how it is set, each edge adds (src/setting.rs).
#[test]
fn the_core_names_no_option_no_parameter_and_no_tool_of_ros() {
    let parameters = parameters();
    // Keys of a file that a user writes are its own business.
    let is_setting = |word: &str| parameters.iter().any(|name| name == word);
    for (file, _) in core() {
        for literal in literals(&std::fs::read_to_string(root().join(&file)).unwrap()) {
            // Options of the compiler of kernels are no user's.
            let is_option = literal.starts_with("--") || literal.contains(" --");
            assert!(!is_option || file.ends_with("cuda/compiler.rs"), "{file} names an option: {literal}");
            for tool in ["ros2 ", "tf2_tools", "/tf", "limits.", "settle."] {
                assert!(!literal.contains(tool), "{file} names {tool}: {literal}");
            }
            // What stands between braces is a place for a value.
            let said: String =
                literal.split('{').map(|part| part.split_once('}').map_or(part, |(_, said)| said)).collect();
            let word = said.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').find(|word| is_setting(word));
            // Words of a sentence only: what is no sentence names a field.
            assert!(word.is_none() || !literal.contains(' '), "{file} names the parameter {word:?}: {literal}");
        }
    }
    for (file, text) in code().into_iter().filter(|(file, _)| file.starts_with("bag/")) {
        assert!(!lines(&text).any(|line| line.contains(" --") || line.contains("\"--")), "{file} names an option");
    }
}

#[test]
fn nothing_panics_on_purpose() {
    for (file, text) in code() {
        for word in [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!("] {
            let place = lines(&text).position(|line| line.contains(word));
            assert!(place.is_none(), "{file} has {word}");
        }
    }
}
