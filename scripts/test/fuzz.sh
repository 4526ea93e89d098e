#!/usr/bin/env bash
# Fuzzes every reader of foreign bytes for SECONDS_EACH (60) seconds; ends with an error at the first finding.
set -euo pipefail
cd "$(dirname "$0")/../.."

source scripts/lib/cargo.sh
source scripts/lib/progress.sh

fail() { echo "fuzz: $*" >&2; exit 1; }

command -v cargo-fuzz >/dev/null || fail "cargo-fuzz is missing: cargo install cargo-fuzz"
cargo +nightly --version >/dev/null 2>&1 || fail "nightly Rust is missing, which libFuzzer needs: rustup toolchain install nightly"
mapfile -t targets < <(cargo +nightly fuzz list)
steps fuzz ${#targets[@]}
for target in "${targets[@]}"; do
  mkdir -p "fuzz/corpus/$target"
  # Without a sanitizer: this is safe Rust, and several times faster.
  # Found inputs go to the first folder, which git does not know; seeds stay as they are.
  step "$target" cargo +nightly fuzz run -s none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -max_total_time="${SECONDS_EACH:-60}" -max_len=200000 -rss_limit_mb=2048 -timeout=10 -print_final_stats=1
done
done_in "nothing was found"
