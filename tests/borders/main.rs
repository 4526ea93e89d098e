//! The borders between the rooms, held by reading the sources.

mod imports;
mod layers;

use imports::{Sources, circles};
use layers::{Layers, check_drawing, drawing};
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
    // The node's rooms are being put in order.
    imports.retain(|file, _| !file.starts_with("ros/"));
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

#[test]
fn only_the_commander_commands_the_robot() {
    for (file, text) in code() {
        let sends = lines(&text).any(|line| line.contains("motion.send("));
        assert!(!sends || file == "ros/robot/commander.rs", "{file} sends set points");
        let publishes = lines(&text).any(|line| line.contains("locked(&self.publisher).publish("));
        assert!(!publishes || file == "ros/robot/motion.rs", "{file} publishes set points");
    }
    // Whoever makes such a publisher hands it to ros/robot/motion.rs at once.
    for (file, text) in code() {
        let makes = ["create_publisher(\"robot/target_pose\"", "create_publisher(\"robot/joint_trajectory\""];
        let made = lines(&text).any(|line| makes.iter().any(|word| line.contains(word)));
        assert!(!made || file == "ros/node/calibration_node.rs", "{file} makes a publisher of commands");
    }
}

#[test]
fn unsafe_calls_stand_only_where_instruction_sets_are_chosen_at_the_gpu_and_the_allocator() {
    let allowed = ["grating/simd.rs", "grating/backend/cpu/", "grating/backend/cuda/", "ros/support/process.rs"];
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

#[test]
fn nothing_panics_on_purpose() {
    for (file, text) in code() {
        for word in [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!("] {
            let place = lines(&text).position(|line| line.contains(word));
            assert!(place.is_none(), "{file} has {word}");
        }
    }
}
