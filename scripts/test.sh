#!/usr/bin/env bash
# All checks, in the environment of scripts/env.sh: format, lints, core tests without ROS, node tests, ROS integration.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { echo; echo "== $*"; }

# The node's own build has r2r and OpenCV ready.
ros=(--locked --release --features ros --target-dir build/grating_calibration/cargo)

step "format"
cargo fmt --check
step "lints, with and without ROS"
cargo clippy --locked --all-targets -- -D warnings
cargo clippy "${ros[@]}" --lib --bins -- -D warnings
step "core tests, as on a machine without ROS and OpenCV"
cargo test --locked
step "tests of the ROS room"
cargo test "${ros[@]}" --lib -- ros::
step "integration over DDS"
python3 -m pytest -q -p no:cacheprovider tests/ros
