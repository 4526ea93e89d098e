"""A bag that was recorded beside a calibration gives the same calibration."""

import csv
import math

import yaml

from nodes import BIN
from support.command import run

SIDES = ("left", "right")


def test_a_recorded_sweep_gives_what_the_node_found(recorded):
    folder = recorded.folder
    done = run(BIN / "gratingcal", "calibrate", "--bag", folder / "bag", "--extract", folder / "chosen",
               "--pitch-mm", "1.1", *recorded.origin_arguments(), "--out", folder / "from_bag.yaml")  # fmt: skip
    assert f"{recorded.heights} stationary intervals of the tool" in done.stderr and "left out" not in done.stderr, done.stderr

    def pairs(name):
        poses = (folder / name / "poses.csv").read_text().splitlines()[1:]
        read = lambda side, i: (folder / name / side / f"{i:05}.png").read_bytes()  # noqa: E731
        return [([read(side, i) for side in SIDES], pose) for i, pose in enumerate(poses)]

    live, bag = pairs("sweep"), pairs("chosen")
    assert len(live) == len(bag) == recorded.heights
    # No two images are the same, so the same images are the same choice; a node that was kept waiting takes a later pair.
    # The bag begins before the goal: at the first height an earlier pair is still, too, and an earlier pose is at rest.
    same = [i for i in range(1, recorded.heights) if live[i][0] == bag[i][0]]
    assert len(same) >= 2, same
    # Then the poses are the same, to the last bit.
    assert [live[i][1] for i in same] == [bag[i][1] for i in same]
    files = [yaml.safe_load((folder / name).read_text()) for name in ("calibration.yaml", "from_bag.yaml")]
    assert files[1]["usable"] and files[0]["heights"] == files[1]["heights"] == recorded.heights

    def points(name):
        rows = (recorded.truth_dir / "truth_points.csv").read_text()
        told = run(BIN / "gratingcal", "pixel-to-world", "--calibration", folder / name, input=rows).stdout.splitlines()
        return [[float(row[axis]) for axis in ("x_mm", "y_mm", "z_mm")] for row in csv.DictReader(told)]

    # What is left is the noise of the other still pair: docs/bags.md says how much.
    apart_um = [1e3 * math.dist(*both) for both in zip(points("calibration.yaml"), points("from_bag.yaml"), strict=True)]
    assert len(apart_um) == 200 and max(apart_um) < 3.0, max(apart_um)
