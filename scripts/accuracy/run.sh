#!/usr/bin/env bash
# Writes docs/accuracy.md: builds gratingcal, then scripts/accuracy/run.py.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v cargo >/dev/null || { echo "accuracy: cargo is missing; install Rust 1.89 or newer (rustup.rs)" >&2; exit 1; }
python=$(scripts/setup/private_python.sh peers)/bin/python
cargo build --locked --release --quiet --bin gratingcal
exec "$python" scripts/accuracy/run.py "$@"
