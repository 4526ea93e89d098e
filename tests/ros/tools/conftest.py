import os
import shutil
import subprocess
import sys

import pytest

from nodes import ROOT
from support.cell import Cell
from support.command import run

IMAGE, POSE = "sensor_msgs/msg/Image", "geometry_msgs/msg/PoseStamped"
TOPICS = {"/left/image_raw": IMAGE, "/right/image_raw": IMAGE, "/robot/pose": POSE}


@pytest.fixture(scope="package")
def recorded(tmp_path_factory):
    """A cell that was calibrated by action while its topics were recorded."""
    cell = Cell(tmp_path_factory.mktemp("tools"))
    cell.heights = 7
    recorder = None
    try:
        # Recorder, cell and node share the machine: poses may be late.
        node = {"calibration_file": cell.file, "record_dir": cell.folder / "sweep", "pose_timeout": 3.0}
        cell.start({"frame_rate": 5.0}, node)
        packages = run(ROOT / "scripts/setup/rosbags.sh").stdout.strip()
        path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), packages]))
        command = [sys.executable, ROOT / "tests/ros/support/record_bag.py", cell.folder / "bag", *map("=".join, TOPICS.items())]
        recorder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
        )
        assert recorder.stdout.readline() == "recording\n"
        # The node and the recorder; this client listens to the pose, too.
        listeners = lambda topic: cell.client.node.count_subscribers(topic) - (topic == "/robot/pose")  # noqa: E731
        cell.client.until(lambda: all(listeners(topic) >= 2 for topic in TOPICS), what="the recorder's subscriptions")
        cell.client.spin(0.5)
        cell.calibrated(heights=cell.heights)
        recorder.communicate(timeout=30)
        assert recorder.returncode == 0
        yield cell
    finally:
        if recorder:
            recorder.kill()
        cell.close()


@pytest.fixture(scope="session")
def ros2():
    """The ros2 command line, as users type it."""
    if not shutil.which("ros2"):
        pytest.skip("no ros2 command here: it is not on PyPI; source a ROS 2 installation")

    def ros2(*words):
        # Without the daemon discovery takes its time, and may need another try.
        for _ in range(4):
            done = subprocess.run(["ros2", *words], capture_output=True, text=True, timeout=60)
            if done.returncode == 0:
                break
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return ros2
