#!/usr/bin/env bash
# check.sh [--fast]: format, spelling, lints, documentation and all tests that need neither ROS nor CUDA; --fast: no cargo build.
set -euo pipefail
cd "$(dirname "$0")/../.."

source scripts/lib/cargo.sh
source scripts/lib/progress.sh
source scripts/test/cargo_flags.sh
shopt -s globstar nullglob

format() {
  cargo fmt --check
  "$tools/ruff" format --check
}

shell_scripts() {
  local script
  for script in "${scripts[@]}"; do bash -n "$script"; done
  "$tools/shellcheck" --external-sources --severity warning "${scripts[@]}"
}

python_files() {
  "$tools/ruff" check
  python3 -m compileall -q demo docs launch scripts tests
}

# Files of GitHub, against their public schemas, and of the container.
schemas() {
  local jsonschema=$tools/check-jsonschema
  "$jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
  "$jsonschema" --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
  "$jsonschema" --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/{bug,feature,question}.yml
  "$jsonschema" --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
  "$jsonschema" --builtin-schema vendor.dependabot .github/dependabot.yml
  "$tools/hadolint" --failure-threshold warning .devcontainer/Dockerfile
  python3 -m json.tool .devcontainer/devcontainer.json >/dev/null
}

# As on a machine without ROS and OpenCV; the emulated kernels take a fifth of the time of all tests: make test runs them.
core_tests() {
  local file name targets=()
  for file in tests/*.rs tests/*/main.rs; do
    name=${file%/main.rs} name=${name#tests/} name=${name%.rs}
    [[ $name == kernels ]] || targets+=(--test "$name")
  done
  cargo test "${core[@]}" "${checked[@]}" --lib --bins "${targets[@]}"
  cargo test "${core[@]}" "${checked[@]}" --doc
}

scripts=(.ci/run scripts/**/*.sh)
fast=${1:-}
if [[ $fast == --fast ]]; then steps check 6; else steps check 10; fi

step "get the linters and an independent writer of bags" eval 'scripts/setup/private_python.sh check && scripts/setup/rosbags.sh'
tools=$PWD/.ros/check/bin
step "format" format
step "spelling" "$tools/typos" --format brief
step "shell scripts" shell_scripts
step "Python" python_files
step "files of GitHub and of the container" schemas
if [[ $fast == --fast ]]; then exit; fi

step "lints" cargo clippy "${core[@]}" --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" step "documentation" cargo doc "${core[@]}" --no-deps
step "tests of the package's files and scripts" python3 -m unittest discover -s tests/kit
step "core tests" core_tests
passed
done_in
