#!/usr/bin/env bash
# Writes docs/accuracy.md: builds gratingcal, then scripts/accuracy/run.py.
set -euo pipefail
cd "$(dirname "$0")/../.."

source scripts/lib/cargo.sh
source scripts/lib/progress.sh
steps accuracy 3
step "Python with NumPy and OpenCV" scripts/setup/private_python.sh peers
step "build gratingcal" cargo build --locked --release --bin gratingcal
step -v "every method in every cell" .ros/peers/bin/python scripts/accuracy/run.py "$@"
