#!/usr/bin/env bash
# All checks, in the environment of scripts/env.sh: format, lints, core tests without ROS, node tests, ROS integration.
set -euo pipefail
cd "$(dirname "$0")/../.."

step() { echo; echo "== $* ($(date +%T))"; }

# In the folder of the node's own build all crates but ours are ready, r2r and OpenCV too.
core=(--locked --release --target-dir build/grating_calibration/cargo)
ros=("${core[@]}" --features ros)
# What a release leaves out, back in our own crate.
checked=()
for check in debug-assertions overflow-checks; do
  checked+=(--config "profile.release.package.grating_calibration.$check=true")
done

step "format"
cargo fmt --check
step "lints, with and without ROS"
cargo clippy "${core[@]}" --all-targets -- -D warnings
cargo clippy "${ros[@]}" --lib --bins -- -D warnings
if command -v cargo-deny >/dev/null; then
  step "advisories, licences and sources of all crates"
  # Without a network the advisories can't be fetched: those of the last time, if any, must do.
  cargo deny --locked check bans licenses sources
  cargo deny --locked check advisories || cargo deny --locked --offline check advisories
else
  step "cargo-deny is not installed: advisories and licences are not checked (cargo install cargo-deny)"
fi
step "an independent writer of bags"
scripts/setup/rosbags.sh >/dev/null
step "core tests, as on a machine without ROS and OpenCV"
# With these the kernels are compiled for several GPUs, though none is here.
cuda=$(echo "$(scripts/setup/private_python.sh cuda)"/lib/python3*/site-packages/nvidia/cu13)
GRATING_COMPILER=required GRATING_PTXAS=$cuda/bin/ptxas LD_LIBRARY_PATH=$cuda/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
  cargo test "${core[@]}" "${checked[@]}"
step "tests of the ROS room"
cargo test "${ros[@]}" --lib -- ros::
step "integration over DDS"
python3 -m pytest -q -p no:cacheprovider tests/ros
