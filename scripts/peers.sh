#!/usr/bin/env bash
# Prints the path of a private Python with NumPy and OpenCV, made once, for what is compared against them.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "${0##*/}: $*" >&2; exit 1; }

venv=.ros/peers
wanted=$(sha256sum <scripts/requirements-peers.txt)
if [[ "$(cat "$venv/.ready" 2>/dev/null)" != "$wanted" ]]; then
  rm -rf "$venv" && mkdir -p .ros
  "${PYTHON:-python3}" -m venv "$venv" || fail "a Python with venv is needed; on Debian: apt-get install python3-venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r scripts/requirements-peers.txt >&2 ||
    fail "pip could not install OpenCV and NumPy from PyPI; see above; is the network up?"
  echo "$wanted" >"$venv/.ready"
fi
echo "$venv/bin/python"
