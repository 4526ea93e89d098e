"""`ros2 launch`: cell and node in a namespace, and their end."""

import os
import shutil
import signal
import subprocess

from nodes import SMALL_CELL
from support.command import DIRECT

STATUS = "grating_calibration/msg/CalibrationStatus"


def test_ros2_launch_starts_cell_and_node_in_a_namespace(ros2, tmp_path):
    small = "".join(f"    {name}: {value}\n" for name, value in SMALL_CELL.items())
    (tmp_path / "cell.yaml").write_text(f"/**:\n  ros__parameters:\n{small}    truth_dir: {tmp_path / 'truth'}\n")
    command = ["ros2", "launch", "grating_calibration", "calibrate.launch.py", "sim:=true", "namespace:=launched", "rviz:=true",
               f"sim_params_file:={tmp_path / 'cell.yaml'}", f"calibration_file:={tmp_path / 'calibration.yaml'}"]  # fmt: skip
    log = open(tmp_path / "launch.log", "w")
    launched = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=os.environ | {"ROS_LOG_DIR": str(tmp_path)}
    )
    try:
        # From the cell through the node: its own diagnosis, where the namespace puts it.
        latched = ("--qos-durability", "transient_local", "--qos-reliability", "reliable")
        told = ros2("topic", "echo", "--once", *DIRECT, *latched, "/launched/calibration_node/calibration", STATUS)
        assert "state: 0" in told, told
        assert (
            ros2("param", "get", *DIRECT, "/launched/calibration_node", "calibration_file").strip().endswith("calibration.yaml")
        )
        assert "width: 640" in ros2(
            "topic", "echo", "--once", *DIRECT, "--no-arr", "/launched/left/image_raw", "sensor_msgs/msg/Image"
        )
    finally:
        os.killpg(launched.pid, signal.SIGINT)
        launched.wait(timeout=20)
    text = (tmp_path / "launch.log").read_text()
    assert text.count("process has finished cleanly") == 2, text
    assert shutil.which("rviz2") or "RViz is not installed here: apt-get install" in text, text
