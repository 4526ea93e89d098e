#!/usr/bin/env bash
# Writes docs/benchmarks.md: criterion's benchmarks, then scripts/bench/run.py, which times the peers in the same run.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "bench: $*" >&2; exit 1; }

command -v cargo >/dev/null || fail "cargo is missing; install Rust 1.88 or newer (rustup.rs), then run this again"
venv=.ros/bench/venv
wanted=$(sha256sum <scripts/bench/requirements.txt)
if [[ "$(cat "$venv/.ready" 2>/dev/null)" != "$wanted" ]]; then
  rm -rf "$venv" && mkdir -p .ros/bench
  "${PYTHON:-python3}" -m venv "$venv" || fail "a Python with venv is needed; on Debian: apt-get install python3-venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r scripts/bench/requirements.txt ||
    fail "pip could not install NumPy and OpenCV from PyPI; see above; is the network up?"
  echo "$wanted" >"$venv/.ready"
fi
cargo build --locked --release --quiet --bin gratingcal
cargo bench --locked --bench fit
OPENBLAS_NUM_THREADS=1 exec "$venv/bin/python" scripts/bench/run.py "$@"
