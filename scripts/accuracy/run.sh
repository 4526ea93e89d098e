#!/usr/bin/env bash
# Writes docs/accuracy.md: builds gratingcal, makes a private Python with OpenCV once, then scripts/accuracy/run.py.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "accuracy: $*" >&2; exit 1; }

command -v cargo >/dev/null || fail "cargo is missing; install Rust 1.88 or newer (rustup.rs), then run this again"
venv=.ros/accuracy/venv
wanted=$(sha256sum <scripts/accuracy/requirements.txt)
if [[ "$(cat "$venv/.ready" 2>/dev/null)" != "$wanted" ]]; then
  rm -rf "$venv" && mkdir -p .ros/accuracy
  "${PYTHON:-python3}" -m venv "$venv" || fail "a Python with venv is needed; on Debian: apt-get install python3-venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r scripts/accuracy/requirements.txt ||
    fail "pip could not install OpenCV from PyPI; see above; is the network up?"
  echo "$wanted" >"$venv/.ready"
fi
cargo build --locked --release --quiet --bin gratingcal
exec "$venv/bin/python" scripts/accuracy/run.py "$@"
