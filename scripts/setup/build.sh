#!/usr/bin/env bash
# Builds interfaces and nodes by colcon into install/, in the environment of env.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."

source scripts/lib/cargo.sh
source scripts/lib/progress.sh
# colcon's scripts use variables that may not be set.
set +u
source scripts/env.sh
set -u

# CMake refuses Python packages below its source folder; through a link the private ROS is not below it.
mkdir -p .ros/ws && ln -sfn ../.. .ros/ws/grating_calibration
steps build 1
step "interfaces by colcon, then nodes by cargo" colcon build --base-paths .ros/ws/grating_calibration \
  --event-handlers console_direct+ status- --cmake-args -Wno-dev
