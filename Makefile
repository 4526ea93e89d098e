# Everything from nothing: see README.md. Each target sets up what it needs; the second time is quick.
SHELL := /bin/bash
ENV := source scripts/env.sh

.PHONY: setup build demo test test-gpu bench scaling accuracy fuzz soak shell

setup:
	@scripts/setup/run.sh

# CMake refuses Python packages below its source folder; through a link the private ROS is not below it.
build: setup
	@mkdir -p .ros/ws && ln -sfn ../.. .ros/ws/grating_calibration
	@$(ENV) && colcon build --base-paths .ros/ws/grating_calibration --event-handlers console_direct+ status- \
		--cmake-args -Wno-dev > build.log 2>&1 || { tail -40 build.log; exit 1; }

demo: build
	@$(ENV) && python3 demo/run.py

test: build
	@$(ENV) && scripts/test/all.sh

# On a machine with an NVIDIA GPU: the kernels' tests there, compute-sanitizer; docs/benchmarks_gpu.md, with PyTorch beside it.
test-gpu:
	@scripts/test/gpu.sh

# docs/benchmarks.md, in some ten minutes: ours, OpenCV and NumPy in one run.
bench: build
	@scripts/bench/run.sh

# docs/scaling.md and its plot: time and memory against pixels, heights, intersections, threads.
scaling:
	@scripts/bench/scaling.sh

# docs/accuracy.md, in ten minutes; QUICK=1: a few cells in a few minutes, written to .ros/accuracy.
accuracy:
	@scripts/accuracy/run.sh $(if $(QUICK),--quick)

# Every reader of foreign bytes, SECONDS_EACH=60 each; needs nightly Rust and cargo-fuzz. make test runs bounded cases.
fuzz:
	@scripts/test/fuzz.sh

# Demo sweeps again and again for MINUTES=60: memory and open files must stay flat.
soak: build
	@$(ENV) && python3 scripts/test/soak.py --minutes $(or $(MINUTES),60)

shell: build
	@$(ENV) && exec bash
