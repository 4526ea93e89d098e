#!/usr/bin/env bash
# All checks, in the environment of scripts/env.sh: those of check.sh, then licences, kernels, node and ROS integration.
set -euo pipefail
cd "$(dirname "$0")/../.."

scripts/test/check.sh

source scripts/lib/progress.sh
source scripts/test/cargo_flags.sh
ros=("${core[@]}" --features ros)

# Without a network the advisories can't be fetched: those of the last time, if any, must do.
licences() {
  cargo deny --locked check bans licenses sources
  cargo deny --locked check advisories || cargo deny --locked --offline check advisories
}

# Emulated on the CPU; with NVRTC and ptxas they are also compiled for several GPUs, though none is here.
kernels() {
  local cuda
  cuda=$(echo "$(scripts/setup/private_python.sh cuda)"/lib/python3*/site-packages/nvidia/cu13)
  GRATING_COMPILER=required GRATING_PTXAS=$cuda/bin/ptxas LD_LIBRARY_PATH=$cuda/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
    cargo test "${core[@]}" "${checked[@]}" --test kernels
}

lints_and_documentation() {
  cargo clippy "${ros[@]}" --lib --bins --examples -- -D warnings
  RUSTDOCFLAGS="-D warnings" cargo doc "${ros[@]}" --no-deps
}

steps test 5
if command -v cargo-deny >/dev/null; then
  step "advisories, licences and sources of all crates" licences
else
  skip "advisories, licences and sources of all crates" "cargo-deny is not installed: cargo install cargo-deny"
fi
step "kernels, emulated and compiled for GPUs" kernels
passed
step "lints and documentation of the ROS rooms" lints_and_documentation
step "tests of the ROS rooms" cargo test "${ros[@]}" --lib -- ros::
passed
step -v "integration over DDS" python3 -m pytest -q -p no:cacheprovider tests/ros
done_in
