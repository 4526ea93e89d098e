#!/usr/bin/env bash
# Prints the path of a private Python with NumPy and OpenCV, for what is compared against them.
set -euo pipefail
echo "$("${BASH_SOURCE[0]%/*}/private_python.sh" peers)/bin/python"
