#!/usr/bin/env bash
# All checks, in the environment of scripts/env.sh: format, lints, core tests without ROS, node tests, ROS integration.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { echo; echo "== $*"; }

step "format"
cargo fmt --check
step "lints, with and without ROS"
cargo clippy --quiet --locked --all-targets -- -D warnings
cargo clippy --quiet --locked --lib --bins --features ros -- -D warnings
step "core tests, as on a machine without ROS and OpenCV"
cargo test --quiet --locked
step "tests of the ROS room"
cargo test --quiet --locked --features ros --lib -- ros::
step "integration over DDS"
python3 -m pytest -q -p no:cacheprovider tests/ros
