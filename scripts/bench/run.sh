#!/usr/bin/env bash
# Writes docs/benchmarks.md: the node's latencies over DDS, criterion's benchmarks, then scripts/bench/run.py, which times the
# peers in the same run.
set -euo pipefail
cd "$(dirname "$0")/../.."

source scripts/lib/cargo.sh
source scripts/lib/progress.sh

of_node() {
  # colcon's scripts use variables that may not be set.
  set +u
  source scripts/env.sh
  python3 "scripts/bench/$1.py" --out ".ros/bench/$1.json"
}

steps bench 6
mkdir -p .ros/bench && rm -f .ros/bench/latency.json .ros/bench/overlay.json
step "Python with NumPy and OpenCV" scripts/setup/private_python.sh peers
if [[ -x install/grating_calibration/lib/grating_calibration/calibration_node ]]; then
  step "pixel_to_world over DDS" of_node latency
  step "overlays over DDS" of_node overlay
else
  skip "pixel_to_world over DDS" "the node is not built (make build)"
  skip "overlays over DDS" "the node is not built (make build)"
fi
step "build gratingcal" cargo build --locked --release --bin gratingcal
step "criterion" cargo bench --locked --bench fit
OPENBLAS_NUM_THREADS=1 step -v "peers in the same run, docs/benchmarks.md" .ros/peers/bin/python scripts/bench/run.py "$@"
