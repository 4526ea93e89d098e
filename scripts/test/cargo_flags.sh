# shellcheck shell=bash disable=SC2034
# Source this: cargo's flags for all tests and lints (`core`), and those that put the checks which a release leaves out back
# into our own crate (`checked`); `passed` counts the tests of the last step and repeats what could not be done on this machine.

# In the folder of the node's own build all crates but ours are ready, r2r and OpenCV too.
core=(--locked --release --target-dir build/grating_calibration/cargo)
checked=()
for check in debug-assertions overflow-checks; do
  checked+=(--config "profile.release.package.grating_calibration.$check=true")
done

passed() {
  awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$STEP_LOG"
  grep -o 'SKIPPED .*' "$STEP_LOG" || true
}
