#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: the kernels' tests, compute-sanitizer, benchmarks and PyTorch; writes docs/benchmarks_gpu.md.
#
# Where cargo is missing, what was built elsewhere is run: target/release/gratingcal and target/release/deps/kernels-*.
# LATENCY=FILE: what scripts/bench/latency.py --out FILE found on this machine becomes part of the document.
set -euo pipefail
cd "$(dirname "$0")/../.."

if command -v cargo >/dev/null; then
  cargo build --locked --release --bin gratingcal
  tests=$(cargo test --locked --release --test kernels --no-run --message-format json |
    sed -n 's/.*"executable":"\([^"]*kernels-[^"]*\)".*/\1/p' | tail -1)
else
  tests=$(find target/release/deps -name 'kernels-*' -perm -u+x ! -name '*.d' -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2)
fi
[[ -x "$tests" ]] || { echo "test-gpu: no test program; build with cargo test --release --test kernels --no-run" >&2; exit 1; }

found=.ros/gpu gratingcal=target/release/gratingcal
rm -rf "$found" && mkdir -p "$found"
cell=$(mktemp -d)
trap 'rm -rf "$cell"' EXIT
{
  nvidia-smi -i 0 --query-gpu=driver_version --format=csv,noheader
  sed -n '/^model name/ { s/.*: //p; q }' /proc/cpuinfo
  nproc
  date +%F
} >"$found/machine.txt"

export GRATING_GPU=required GRATING_ROOT=$PWD
"$tests" --test-threads 1 | tee "$found/tests.log"
# Everything that launches a kernel on the GPU, a few images each.
launches=(normal_equations_agree_with_f64 a_search_finds an_image_gives_the_same)
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    GRATING_DEVICES=gpu compute-sanitizer --tool "$tool" --error-exitcode 1 "$tests" --test-threads 1 "${launches[@]}" |
      tee "$found/$tool.log"
  done
else
  echo "test-gpu: compute-sanitizer is not installed, memcheck and racecheck did not run"
fi

"$gratingcal" simulate --out "$cell" --json >"$found/truth.json"
# Twice: clocks and neighbours differ from run to run.
"$gratingcal" bench --backend cuda --repeats 15 --json --sweep "$cell" >"$found/bench_1.json"
"$gratingcal" bench --backend cuda --repeats 15 --json >"$found/bench_2.json"
grid=$(python3 -c 'import json, sys
truth = json.load(sys.stdin)
print("--pitch-mm", truth["pitch_mm"])
for side in ("left", "right"): print(f"--origin-{side}", ",".join(map(str, truth[f"origin_{side}"])))' <"$found/truth.json")
for draws in 18000 36000; do
  # 1: not usable, as the published method is on such a lens.
  # shellcheck disable=SC2086
  "$gratingcal" calibrate --backend cuda --method original --original-draws "$draws" $grid --left "$cell/left" \
    --right "$cell/right" --poses "$cell/poses.csv" --out "$cell/calibration.yaml" --json >"$found/original_$draws.json" ||
    [[ $? == 1 ]]
done
if python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
  python3 scripts/bench/torch_cost.py | tee "$found/torch.log"
else
  echo "test-gpu: no PyTorch with CUDA, its figures are not measured"
fi
python3 scripts/bench/gpu.py "$found" ${LATENCY:+--latency "$LATENCY"}
