# Everything from nothing: see README.md. Each target sets up what it needs; the second time is quick. Logs lie in build/log.
SHELL := /bin/bash
ENV := source scripts/env.sh

.PHONY: setup build demo check test test-gpu bench scaling accuracy fuzz soak shell release-check

setup:
	@scripts/setup/run.sh

build: setup
	@scripts/setup/build.sh

demo: build
	@$(ENV) && scripts/lib/progress.sh demo "the main job on a simulated cell" python3 demo/run.py

# Format, spelling, lints, documentation, core tests: three minutes when warm; needs neither ROS nor CUDA.
check:
	@scripts/test/check.sh

# check, then licences, kernels for GPUs, the node and real nodes over DDS.
test: build
	@$(ENV) && scripts/test/all.sh

# On a machine with an NVIDIA GPU: the kernels' tests there, compute-sanitizer; docs/benchmarks_gpu.md, with PyTorch beside it.
test-gpu:
	@scripts/test/gpu.sh

# docs/benchmarks.md: ours, OpenCV and NumPy in one run.
bench: build
	@scripts/bench/run.sh

# docs/scaling.md and its plot: time and memory against pixels, heights, intersections, threads.
scaling:
	@scripts/bench/scaling.sh

# docs/accuracy.md, which says how long it took. QUICK=1: a few cells, written to .ros/accuracy.
accuracy:
	@scripts/accuracy/run.sh $(if $(QUICK),--quick)

# Every reader of foreign bytes, SECONDS_EACH=60 each; needs nightly Rust and cargo-fuzz. make test runs bounded cases.
fuzz:
	@scripts/test/fuzz.sh

# Demo sweeps again and again for MINUTES=60: memory and open files must stay flat.
soak: build
	@$(ENV) && scripts/lib/progress.sh soak "sweeps again and again" python3 scripts/test/soak.py --minutes $(or $(MINUTES),60)

# What docs/release.md asks for and a program can tell.
release-check:
	@scripts/release/check.sh

shell: build
	@$(ENV) && exec bash
