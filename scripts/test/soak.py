"""Sweeps of the simulated cell again and again: the node's memory and open files must stay flat.

    soak.py [--minutes 60] [--heights 21] [--out docs/soak.md]

Every round is a calibration by action, recorded to disk, then ten thousand answers. Ends with 1 when memory has grown by
more than 5 % after warm-up, or files stay open.
"""

import argparse
import datetime
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import nodes  # noqa: E402
import planner  # noqa: E402
from planner import Pixel, PixelToWorld  # noqa: E402
from progress import say, status  # noqa: E402

MAX_GROWTH = 0.05
# Rounds until caches and thread pools have their size.
WARM_UP = 3


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmRSS:")).split()[1]) / 1024


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--minutes", type=float, default=60.0)
    arguments.add_argument("--heights", type=int, default=21)
    arguments.add_argument("--out", type=pathlib.Path)
    arguments = arguments.parse_args()
    nodes.own_domain()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        node = {"record_dir": folder / "sweep", "move_to.armed": "true", "limits.max_step": 0.05, "pose_timeout": 5.0}
        with nodes.Nodes(folder) as processes:
            processes.start_cell_and_node(nodes.SMALL_CELL, node)
            rounds, refused = soak(processes.running["calibration_node"].pid, folder, arguments)
    judge(rounds, refused, arguments)


def soak(pid, folder, arguments):
    """(minutes, resident MiB, open files) after every round, and why sweeps were not usable."""
    user = planner.Planner(planner.origins_seen(folder / "truth"))
    batch = PixelToWorld.Request(left=[Pixel(u=320.0, v=180.0)] * 1000, right=[Pixel(u=315.0, v=182.0)] * 1000)
    rounds, refused, begun = [], [], time.monotonic()
    while time.monotonic() - begun < 60.0 * arguments.minutes:
        status(f"round {len(rounds) + 1}, {(time.monotonic() - begun) / 60.0:.1f} of {arguments.minutes:.0f} min")
        result = user.calibrate(arguments.heights)
        if not result.usable:
            refused.append(result.reason)
            say(f"round {len(rounds) + 1} is not usable: {result.reason}")
        for _ in range(10):
            user.ask(batch)
        user.go_back()
        rounds.append(((time.monotonic() - begun) / 60.0, resident_mib(pid), open_files(pid)))
        say(f"round {len(rounds)}: {rounds[-1][0]:.1f} min, {rounds[-1][1]:.1f} MiB, {rounds[-1][2]} files")
    return rounds, refused


def judge(rounds, refused, arguments):
    warm = rounds[WARM_UP:]
    if len(warm) < 6:
        sys.exit(f"soak: {len(rounds)} rounds say nothing yet: give more --minutes")
    third = len(warm) // 3
    first, last = (statistics.median(mib for _, mib, _ in part) for part in (warm[:third], warm[-third:]))
    files = [count for *_, count in warm]
    growth = last / first - 1.0
    text = (
        f"{datetime.date.today()}: {len(rounds)} sweeps of {arguments.heights} heights and {10_000 * len(rounds)} answers in "
        f"{rounds[-1][0]:.0f} minutes, {len(refused)} of the sweeps not usable; resident memory of `calibration_node` {first:.1f} MiB in the first third after warm-up, "
        f"{last:.1f} MiB in the last ({100 * growth:+.1f} %); open files {min(files)} … {max(files)}, at the end {files[-1]}."
    )
    print(text)
    if arguments.out:
        arguments.out.write_text(f"# Soak\n\nWritten by `make soak`.\n\n{text}\n")
    if len(refused) > len(rounds) / 2:
        sys.exit(f"soak: most sweeps are not usable, the last: {refused[-1]}")
    if growth > MAX_GROWTH or files[-1] > files[0] + 2:
        sys.exit("soak: memory or open files grow")


if __name__ == "__main__":
    main()
