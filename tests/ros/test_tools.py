"""What users run beside the node: bags, the examples, the ros2 command line. One calibration serves all tests."""

import csv
import math
import os
import shutil
import subprocess
import sys

import pytest
import yaml

from conftest import BIN, ROOT, Cell

HEIGHTS, STEP = 7, 0.0005
TOPICS = ("/left/image_raw=sensor_msgs/msg/Image", "/right/image_raw=sensor_msgs/msg/Image", "/robot/pose=geometry_msgs/msg/PoseStamped")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A cell that was calibrated by action while its topics were recorded."""
    cell = Cell(tmp_path_factory.mktemp("tools"))
    cell.start(node={"calibration_file": cell.folder / "calibration.yaml", "record_dir": cell.folder / "sweep"})
    packages = subprocess.run([ROOT / "scripts/rosbags.sh"], check=True, capture_output=True, text=True).stdout.strip()
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), packages]))
    command = [sys.executable, ROOT / "tests/ros/record_bag.py", cell.folder / "bag", *TOPICS]
    recorder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path})
    try:
        assert recorder.stdout.readline() == "recording\n"
        # Discovery: the sweep begins when the recorder gets everything.
        cell.client.until(lambda: all(cell.client.node.count_subscribers(topic.split("=")[0]) >= 2 for topic in TOPICS), what="the recorder")
        cell.client.spin(0.5)
        cell.result = cell.client.result(cell.client.send(cell.goal(heights=HEIGHTS, step=STEP))).result
        assert cell.result.usable, cell.result.reason
        recorder.communicate(timeout=30)
        assert recorder.returncode == 0
    finally:
        recorder.kill()
    yield cell
    cell.close()


def test_a_recorded_sweep_gives_what_the_node_found(recorded):
    folder, truth = recorded.folder, recorded.truth()
    origins = [part for side in ("left", "right") for part in (f"--origin-{side}", "{},{}".format(*truth[f"origin_{side}"]))]
    command = [BIN / "gratingcal", "calibrate", "--bag", folder / "bag", "--extract", folder / "chosen",
               "--pitch-mm", "1.1", *origins, "--out", folder / "from_bag.yaml"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{HEIGHTS} rests of the tool" in done.stderr and "left out" not in done.stderr, done.stderr
    # The same pairs, and the same poses to the last bit. The bag begins before the goal, so its first pair may be an earlier one.
    images = [[(where / side / f"{i:05}.png").read_bytes() for side in ("left", "right")] for where in (folder / "sweep", folder / "chosen") for i in range(HEIGHTS)]
    live, bag = images[:HEIGHTS], images[HEIGHTS:]
    same = [i for i in range(HEIGHTS) if live[i] == bag[i]]
    live_poses, bag_poses = ((folder / where / "poses.csv").read_text().splitlines()[1:] for where in ("sweep", "chosen"))
    print(same)
    for i in same: print(live_poses[i], bag_poses[i])
    # Points from both calibrations.
    rows = (recorded.truth_dir / "truth_points.csv").read_text()
    def points(file):
        done = subprocess.run([BIN / "gratingcal", "pixel-to-world", "--calibration", folder / file], input=rows, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [[float(row[a]) for a in ("x_mm", "y_mm", "z_mm")] for row in csv.DictReader(done.stdout.splitlines()) if row["x_mm"]]
    a, b = points("calibration.yaml"), points("from_bag.yaml")
    diffs = [math.dist(p, q) * 1e3 for p, q in zip(a, b, strict=True)]
    print("DIFF um", max(diffs), (sum(d*d for d in diffs)/len(diffs))**.5, len(diffs))
    la, lb = (yaml.safe_load((folder / f).read_text()) for f in ("calibration.yaml", "from_bag.yaml"))
    print(la["heights"], lb["heights"], la["height_range_mm"], lb["height_range_mm"], la["left"]["correspondences"], lb["left"]["correspondences"])
    assert 0
