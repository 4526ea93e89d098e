#!/usr/bin/env bash
# Writes docs/scaling.md and docs/scaling.svg, in some ten minutes; --quick: small ones only.
set -euo pipefail
cd "$(dirname "$0")/../.."

source scripts/lib/cargo.sh
source scripts/lib/progress.sh
steps scaling 3
step "Python with NumPy and Matplotlib" scripts/setup/private_python.sh peers
step "build gratingcal" cargo build --locked --release --bin gratingcal
step -v "sizes, heights, intersections, threads" .ros/peers/bin/python scripts/bench/scaling.py "$@"
