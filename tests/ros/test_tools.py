"""What users run beside the node: bags, the examples, RViz's configuration, the ros2 commands. One calibration serves all."""

import csv
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest
import yaml
from geometry_msgs.msg import Point
from rclpy.qos import QoSDurabilityPolicy, QoSReliabilityPolicy

from conftest import BIN, ROOT, SMALL_CELL, Cell

HEIGHTS, STEP = 7, 0.0005
STATUS = "grating_calibration/msg/CalibrationStatus"
IMAGE, POSE = "sensor_msgs/msg/Image", "geometry_msgs/msg/PoseStamped"
TOPICS = {"/left/image_raw": IMAGE, "/right/image_raw": IMAGE, "/robot/pose": POSE}
SIDES = ("left", "right")


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A cell that was calibrated by action while its topics were recorded."""
    cell = Cell(tmp_path_factory.mktemp("tools"))
    recorder = None
    try:
        # Recorder, cell and node share the machine: poses may be late.
        node = {"calibration_file": cell.folder / "calibration.yaml", "record_dir": cell.folder / "sweep", "pose_timeout": 3.0}
        cell.start({"frame_rate": 5.0}, node)
        packages = run(ROOT / "scripts/setup/rosbags.sh").stdout.strip()
        path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), packages]))
        command = [sys.executable, ROOT / "tests/ros/record_bag.py", cell.folder / "bag", *map("=".join, TOPICS.items())]
        recorder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
        )
        assert recorder.stdout.readline() == "recording\n"
        # The node and the recorder; this client listens to the pose, too.
        listeners = lambda topic: cell.client.node.count_subscribers(topic) - (topic == "/robot/pose")  # noqa: E731
        cell.client.until(lambda: all(listeners(topic) >= 2 for topic in TOPICS), what="the recorder's subscriptions")
        cell.client.spin(0.5)
        cell.result = cell.client.result(cell.client.send(cell.goal(heights=HEIGHTS, step=STEP))).result
        assert cell.result.usable, cell.result.reason
        recorder.communicate(timeout=30)
        assert recorder.returncode == 0
        yield cell
    finally:
        if recorder:
            recorder.kill()
        cell.close()


def test_a_recorded_sweep_gives_what_the_node_found(recorded):
    folder, truth = recorded.folder, recorded.truth()
    origins = [part for side in SIDES for part in (f"--origin-{side}", "{},{}".format(*truth[f"origin_{side}"]))]
    done = run(BIN / "gratingcal", "calibrate", "--bag", folder / "bag", "--extract", folder / "chosen",
               "--pitch-mm", "1.1", *origins, "--out", folder / "from_bag.yaml")  # fmt: skip
    assert f"{HEIGHTS} rests of the tool" in done.stderr and "left out" not in done.stderr, done.stderr

    def pairs(name):
        poses = (folder / name / "poses.csv").read_text().splitlines()[1:]
        read = lambda side, i: (folder / name / side / f"{i:05}.png").read_bytes()  # noqa: E731
        return [([read(side, i) for side in SIDES], pose) for i, pose in enumerate(poses)]

    live, bag = pairs("sweep"), pairs("chosen")
    assert len(live) == len(bag) == HEIGHTS
    # No two pictures are the same, so the same pictures are the same choice; a node that was kept waiting takes a later pair.
    # The bag begins before the goal: at the first height an earlier pair is still, too, and an earlier pose is at rest.
    same = [i for i in range(1, HEIGHTS) if live[i][0] == bag[i][0]]
    assert len(same) >= 2, same
    # Then the poses are the same, to the last bit.
    assert [live[i][1] for i in same] == [bag[i][1] for i in same]
    files = [yaml.safe_load((folder / name).read_text()) for name in ("calibration.yaml", "from_bag.yaml")]
    assert files[1]["usable"] and files[0]["heights"] == files[1]["heights"] == HEIGHTS

    def points(name):
        rows = (recorded.truth_dir / "truth_points.csv").read_text()
        told = run(BIN / "gratingcal", "pixel-to-world", "--calibration", folder / name, input=rows).stdout.splitlines()
        return [[float(row[axis]) for axis in ("x_mm", "y_mm", "z_mm")] for row in csv.DictReader(told)]

    # What is left is the noise of the other still pair: docs/bags.md says how much.
    apart_um = [1e3 * math.dist(*both) for both in zip(points("calibration.yaml"), points("from_bag.yaml"), strict=True)]
    assert len(apart_um) == 200 and max(apart_um) < 3.0, max(apart_um)


def truth_pair(cell):
    """A pixel pair and its point, mm."""
    left, right, points = cell.truth_pairs()
    return [left[0].u, left[0].v, right[0].u, right[0].v], points[0]


def tells(text, point_mm):
    """The answer of an example is the point, in the tool's frame, in metres."""
    words = text.split("\n")[0].split()
    found = [1e3 * float(words[words.index(axis) + 1]) for axis in "xyz"]
    assert math.dist(found, point_mm) < 0.03 and words[-3:] == ["m", "in", "tool0"], text
    assert text.split("\n")[1].startswith("standard deviations "), text


def snippet(language):
    """The program of docs/tutorial.md in that language."""
    return (ROOT / "docs/tutorial.md").read_text().split(f"```{language}\n")[1].split("```")[0]


def with_pixels(program, pixels):
    for placeholder, pixel in zip(("640.0", "360.0", "600.0", "365.0"), pixels, strict=True):
        assert placeholder in program
        program = program.replace(placeholder, f"{pixel:.4f}")
    return program


def test_the_python_examples_tell_the_point(recorded):
    pixels, point_mm = truth_pair(recorded)
    example = ROOT / "docs/examples/pixel_to_world.py"
    tells(run(sys.executable, example, *pixels).stdout, point_mm)
    refused = subprocess.run([sys.executable, example, "5000", "1", "1", "1"], capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0 and "outside the image" in refused.stderr, refused.stderr
    told = run(sys.executable, "-c", with_pixels(snippet("python"), pixels)).stdout
    assert told.startswith("0 geometry_msgs.msg.Point("), told


def test_the_cpp_examples_tell_the_point(recorded, tmp_path):
    prefixes = map(pathlib.Path, os.environ["AMENT_PREFIX_PATH"].split(os.pathsep))
    if not any((prefix / "share/rclcpp").exists() for prefix in prefixes):
        pytest.skip("no rclcpp here: it is not on PyPI; source a ROS 2 installation")
    pixels, point_mm = truth_pair(recorded)
    example = (ROOT / "docs/examples/pixel_to_world.cpp").read_text()
    (tmp_path / "pixel_to_world.cpp").write_text(example)
    (tmp_path / "tutorial.cpp").write_text(with_pixels(snippet("cpp"), pixels))
    # The lines that the example itself tells.
    head = [line.removeprefix("//").removeprefix(" CMakeLists.txt:") for line in example.splitlines() if line.startswith("//")]
    lines = "\n".join(line.strip() for line in head if "REQUIRED" in line or "pixel_to_world" in line and "(" in line)
    head = "cmake_minimum_required(VERSION 3.22)\nproject(examples CXX)\nset(CMAKE_CXX_STANDARD 17)\nfind_package(ament_cmake REQUIRED)\n"
    again = lines.split("add_executable", 1)[1].replace("pixel_to_world", "tutorial")
    (tmp_path / "CMakeLists.txt").write_text(f"{head}{lines}\nadd_executable{again}\n")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", *cmake_arguments())
    subprocess.run(["cmake", "--build", tmp_path / "build"], check=True, timeout=300)
    tells(run(tmp_path / "build/pixel_to_world", *pixels).stdout, point_mm)
    assert "status 0: " in run(tmp_path / "build/tutorial").stderr


def cmake_arguments():
    """What this machine's ROS needs to be linked against, from the environment."""
    return os.environ.get("EXAMPLES_CMAKE_ARGS", "").split()


def test_rviz_shows_what_the_node_publishes(recorded):
    config = yaml.safe_load((ROOT / "config/grating_calibration.rviz").read_text())
    manager = config["Visualization Manager"]
    displays = {display["Name"]: display for display in manager["Displays"]}
    kinds = {
        "MarkerArray": "visualization_msgs",
        "PointCloud2": "sensor_msgs",
        "Image": "sensor_msgs",
        "PointStamped": "geometry_msgs",
    }
    shown = set()
    for display in displays.values():
        kind = display["Class"].removeprefix("rviz_default_plugins/")
        assert display["Enabled"]
        if "Topic" not in display:
            assert kind in ("TF", "Grid"), kind
            continue
        wanted = display["Topic"]
        # Relative, so that RViz follows the node's namespace.
        assert not wanted["Value"].startswith("/")
        publishers = recorded.client.node.get_publishers_info_by_topic(f"/{wanted['Value']}")
        publisher = next(publisher for publisher in publishers if publisher.node_name == "calibration_node")
        assert publisher.topic_type == f"{kinds[kind]}/msg/{kind}", wanted
        latched = publisher.qos_profile.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
        # A latched topic is wanted as such, or who comes late sees nothing; another one is not, or nothing matches.
        assert latched == (wanted["Durability Policy"] == "Transient Local"), wanted
        reliable = publisher.qos_profile.reliability == QoSReliabilityPolicy.RELIABLE
        assert reliable or wanted["Reliability Policy"] == "Best Effort", wanted
        shown.add(wanted["Value"])
    assert shown == {
        "clicked_point",
        *(f"calibration_node/{name}" for name in ("grid_markers", "dataset", "left/overlay", "right/overlay")),
    }
    assert manager["Global Options"]["Fixed Frame"] == recorded.client.poses[-1].header.frame_id
    # Pictures have a dock each, called as their display.
    docks = {name for name, of in config["Window Geometry"].items() if isinstance(of, dict)}
    assert docks == {name for name, display in displays.items() if display["Class"].endswith("/Image")}


# Without the daemon, which would outlive the test; then discovery takes its time, and may want another try.
DIRECT = ("--no-daemon", "--spin-time", "1")


@pytest.fixture
def ros2():
    """The ros2 command line, as users type it."""
    if not shutil.which("ros2"):
        pytest.skip("no ros2 command here: it is not on PyPI; source a ROS 2 installation")

    def ros2(*words):
        for _ in range(4):
            done = subprocess.run(["ros2", *words], capture_output=True, text=True, timeout=60)
            if done.returncode == 0:
                break
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return ros2


def test_the_ros2_commands_know_the_node(recorded, ros2):
    assert "state: 2" in ros2("topic", "echo", "--once", *DIRECT, "/calibration_node/calibration")
    assert "calibration_node" in ros2("topic", "echo", "--once", *DIRECT, "/diagnostics")
    listed = ros2("param", "list", *DIRECT, "/calibration_node")
    assert "limits.max_speed" in listed and "move_to.armed" in listed
    described = ros2("param", "describe", *DIRECT, "/calibration_node", "settle.window")
    assert "Type: double" in described and "settle window" in described and "Max value: 10.0" in described, described
    assert ros2("param", "get", *DIRECT, "/calibration_node", "settle.window") == "Double value is: 0.15\n"
    # As docs/tutorial.md has them.
    assert "successful" in ros2("param", "set", *DIRECT, "/calibration_node", "limits.max_step", "0.02")
    assert "successful" in ros2("param", "set", *DIRECT, "/calibration_node", "click.approach", "[0.0, 0.0, 0.01]")
    assert recorded.get("calibration_node", "limits.max_step", "click.approach") == {
        "limits.max_step": 0.02,
        "click.approach": [0.0, 0.0, 0.01],
    }
    assert "failed" in ros2("param", "set", *DIRECT, "/calibration_node", "settle.window", "-1.0")
    (u, v, u_right, v_right), point_mm = truth_pair(recorded)
    request = f"{{left: [{{u: {u}, v: {v}}}], right: [{{u: {u_right}, v: {v_right}}}]}}"
    answer = ros2("service", "call", "/pixel_to_world", "grating_calibration/srv/PixelToWorld", request)
    place = answer.split("geometry_msgs.msg.Point(")[1].split(")")[0]
    found = [1e3 * float(part.split("=")[1]) for part in place.split(", ")]
    assert math.dist(found, point_mm) < 0.03, answer
    assert "verdict=0" in ros2("service", "call", "/calibration_node/check", "grating_calibration/srv/Check")
    # Where the origin is seen from the height that the tool has now.
    seen = recorded.client.world_to_pixel(points=[Point(z=-recorded.client.poses[-1].pose.position.z)])
    origins = ", ".join(f"{{u: {at.pixel.u}, v: {at.pixel.v}}}" for at in (seen.left[0], seen.right[0]))
    goal = f"{{height_stop: 0.0025, height_step: 0.0005, origins: [{origins}]}}"
    command = ("action", "send_goal", "--feedback", "/calibration_node/calibrate", "grating_calibration/action/Calibrate")
    told = ros2(*command, goal)
    assert "Goal accepted" in told and "stage: fitting" in told and "usable: true" in told and "SUCCEEDED" in told, told


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
        assert "width: 640" in ros2("topic", "echo", "--once", *DIRECT, "--no-arr", "/launched/left/image_raw", IMAGE)
    finally:
        os.killpg(launched.pid, signal.SIGINT)
        launched.wait(timeout=20)
    text = (tmp_path / "launch.log").read_text()
    assert text.count("process has finished cleanly") == 2, text
    assert shutil.which("rviz2") or "RViz is not installed here: apt-get install" in text, text
