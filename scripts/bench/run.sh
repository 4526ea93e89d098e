#!/usr/bin/env bash
# Writes docs/benchmarks.md: criterion's benchmarks, then scripts/bench/run.py, which times the peers in the same run.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v cargo >/dev/null || { echo "bench: cargo is missing; install Rust 1.88 or newer (rustup.rs)" >&2; exit 1; }
python=$(scripts/peers.sh)
cargo build --locked --release --quiet --bin gratingcal
cargo bench --locked --bench fit
OPENBLAS_NUM_THREADS=1 exec "$python" scripts/bench/run.py "$@"
