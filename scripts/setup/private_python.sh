#!/usr/bin/env bash
# private_python.sh NAME: prints the folder of a private Python, .ros/NAME, made once with scripts/setup/requirements-NAME.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "${0##*/}: $*" >&2; exit 1; }

name=${1:?a name is needed}
venv=$PWD/.ros/$name
wanted=$(sha256sum <"scripts/setup/requirements-$name.txt")
if [[ "$(cat "$venv/.ready" 2>/dev/null)" != "$wanted" ]]; then
  rm -rf "$venv" && mkdir -p .ros
  "${PYTHON:-python3}" -m venv "$venv" || fail "a Python with venv is needed; on Debian: apt-get install python3-venv"
  # No more than what is named there.
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "scripts/setup/requirements-$name.txt" >&2 ||
    fail "pip could not install scripts/setup/requirements-$name.txt from PyPI; see above; is the network up?"
  echo "$wanted" >"$venv/.ready"
fi
echo "$venv"
