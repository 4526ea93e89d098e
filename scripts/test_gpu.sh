#!/usr/bin/env bash
# The kernels' tests on a real GPU, then under compute-sanitizer; at last `gratingcal bench --backend cuda`.
#
# Where cargo is missing, what was built elsewhere is run: target/release/gratingcal and target/release/deps/kernels-*.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v cargo >/dev/null; then
  cargo build --locked --release --bin gratingcal
  tests=$(cargo test --locked --release --test kernels --no-run --message-format json |
    sed -n 's/.*"executable":"\([^"]*kernels-[^"]*\)".*/\1/p' | tail -1)
else
  tests=$(find target/release/deps -name 'kernels-*' -perm -u+x ! -name '*.d' -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2)
fi
[[ -x "$tests" ]] || { echo "test-gpu: no test program; build with cargo test --release --test kernels --no-run" >&2; exit 1; }

export GRATING_GPU=required GRATING_ROOT=$PWD
"$tests" --test-threads 1
# Everything that launches a kernel on the GPU, a few images each.
launches=(normal_equations_agree_with_f64 a_search_finds an_image_gives_the_same)
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    GRATING_DEVICES=gpu compute-sanitizer --tool "$tool" --error-exitcode 1 "$tests" --test-threads 1 "${launches[@]}"
  done
else
  echo "test-gpu: compute-sanitizer is not installed, memcheck and racecheck did not run"
fi
target/release/gratingcal bench --backend cuda
if python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
  python3 scripts/bench/torch_cost.py
else
  echo "test-gpu: no PyTorch with CUDA, its figures are not measured"
fi
