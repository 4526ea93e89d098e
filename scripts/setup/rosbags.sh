#!/usr/bin/env bash
# Prints the folder with the PyPI package rosbags, made once: an independent writer of the bags that the tests read.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "${0##*/}: $*" >&2; exit 1; }

folder=.ros/rosbags
wanted="rosbags==0.10.11 numpy==2.4.6"
if [[ "$(cat "$folder/.ready" 2>/dev/null)" != "$wanted" ]]; then
  rm -rf "$folder" && mkdir -p "$folder"
  # shellcheck disable=SC2086
  "${PYTHON:-python3}" -m pip install --quiet --disable-pip-version-check --target "$folder" $wanted >&2 ||
    fail "pip could not install rosbags from PyPI; see above; is the network up, is python3-pip there?"
  echo "$wanted" >"$folder/.ready"
fi
echo "$PWD/$folder"
