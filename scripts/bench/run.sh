#!/usr/bin/env bash
# Writes docs/benchmarks.md: the node's latencies over DDS, criterion's benchmarks, then scripts/bench/run.py, which times the
# peers in the same run.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v cargo >/dev/null || { echo "bench: cargo is missing; install Rust 1.89 or newer (rustup.rs)" >&2; exit 1; }
python=$(scripts/setup/private_python.sh peers)/bin/python
mkdir -p .ros/bench && rm -f .ros/bench/latency.json .ros/bench/overlay.json
if [ -x install/grating_calibration/lib/grating_calibration/calibration_node ]; then
  (
    # colcon's scripts use variables that may not be set.
    set +u
    source scripts/env.sh
    for name in latency overlay; do python3 scripts/bench/$name.py --out .ros/bench/$name.json; done
  )
else
  echo "bench: the node is not built (make build): it is not timed over DDS" >&2
fi
cargo build --locked --release --quiet --bin gratingcal
cargo bench --locked --bench fit
OPENBLAS_NUM_THREADS=1 exec "$python" scripts/bench/run.py "$@"
