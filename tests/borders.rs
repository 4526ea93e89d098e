//! The borders between the rooms, held by reading the sources.

use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            // Tests may do what they like.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_string();
            found.push((path, code));
        }
    }
    found
}

fn code() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    sources(&root).into_iter().map(|(p, t)| (p.strip_prefix(&root).unwrap().display().to_string(), t)).collect()
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
        assert!(!made || file == "ros/calibration_node.rs", "{file} makes a publisher of commands");
    }
}

#[test]
fn the_simulator_shares_nothing_with_the_estimator() {
    for (file, text) in code().into_iter().filter(|(file, _)| file.starts_with("sim/")) {
        for room in ["crate::grating", "crate::lattice", "crate::mapping", "crate::sweep"] {
            assert!(!text.contains(room), "{file} uses {room}");
        }
    }
    for (file, text) in code() {
        let judged = ["grating/", "lattice/", "mapping/", "sweep/"].iter().any(|room| file.starts_with(room));
        assert!(!(judged && text.contains("crate::sim")), "{file} uses the simulator");
    }
}

#[test]
fn unsafe_calls_stand_only_where_instruction_sets_are_chosen_at_the_gpu_and_the_allocator() {
    let allowed = ["grating/simd.rs", "grating/cpu.rs", "grating/cpu/x86.rs", "grating/cuda/", "ros/process.rs"];
    for (file, text) in code() {
        let used = lines(&text).any(|line| line.contains("unsafe {"));
        assert!(!used || allowed.iter().any(|place| file.starts_with(place)), "{file} uses unsafe");
    }
}

#[test]
fn only_the_driver_and_the_compiler_know_cuda() {
    for (file, text) in code() {
        let names = lines(&text).any(|line| line.contains("cudarc::"));
        let knows = ["grating/cuda/driver.rs", "grating/cuda/compiler.rs"].contains(&file.as_str());
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
