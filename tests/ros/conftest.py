"""Real nodes on a ROS domain of their own, and a real rclpy client."""

import os
import pathlib
import random
import subprocess
import time

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "install/grating_calibration/lib/grating_calibration"

# Chosen before rclpy starts; children inherit it.
os.environ["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(1, 100))

import rclpy  # noqa: E402
import rclpy.parameter  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.qos import QoSDurabilityPolicy, QoSProfile  # noqa: E402

from geometry_msgs.msg import PoseStamped  # noqa: E402
from grating_calibration.action import Calibrate  # noqa: E402
from grating_calibration.msg import CalibrationStatus, Pixel  # noqa: E402
from grating_calibration.srv import Load, PixelToWorld, Save, WorldToPixel  # noqa: E402
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue  # noqa: E402
from rcl_interfaces.srv import SetParameters  # noqa: E402

# A quarter of the pixels: the whole suite runs in a minute or two.
SMALL_CELL = {
    "rig.width": 640,
    "rig.height": 360,
    "sensor.blur_px": 0.6,
    "lens.freeform_px": 0.25,
    "frame_rate": 10.0,
    "truth_points": 200,
    "truth_depth": 0.004,
}


class Processes:
    """Started processes; all end with the test."""

    def __init__(self, folder):
        self.folder = folder
        self.running = {}

    def start(self, name, parameters=None):
        arguments = ["--ros-args"]
        for key, value in (parameters or {}).items():
            arguments += ["-p", f"{key}:={value}"]
        log = open(self.folder / f"{name}.log", "a")
        self.running[name] = subprocess.Popen([BIN / name, *arguments], stdout=log, stderr=subprocess.STDOUT)

    def stop(self, name):
        process = self.running.pop(name)
        process.terminate()
        try:
            return process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            raise

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def stop_all(self):
        for name in list(self.running):
            try:
                self.stop(name)
            except subprocess.TimeoutExpired:
                pass


class Client:
    """A user of the node."""

    def __init__(self):
        self.node = rclpy.create_node("test_client")
        self.targets = []
        self.poses = []
        self.status = None
        self.node.create_subscription(PoseStamped, "robot/target_pose", self.targets.append, 10)
        self.node.create_subscription(PoseStamped, "robot/pose", self.poses.append, rclpy.qos.qos_profile_sensor_data)
        latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
        self.node.create_subscription(CalibrationStatus, "calibration_node/calibration", self._status, latched)
        self.action = ActionClient(self.node, Calibrate, "calibration_node/calibrate")
        self.services = {}

    def _status(self, message):
        self.status = message

    def until(self, condition, seconds=20.0, what="it"):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
            rclpy.spin_once(self.node, timeout_sec=0.05)

    def spin(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rclpy.spin_once(self.node, timeout_sec=0.02)

    def wait(self, future, seconds=60.0):
        self.until(future.done, seconds, "the answer")
        return future.result()

    def ask(self, send, seconds=60.0):
        """The answer to `send()`, sent again when it is lost.

        Fast DDS drops an answer when the server has not found the client's reader within 100 ms, as happens right after
        both have started (RCL_RET_TIMEOUT in the node's log); docs/ros_interface.md tells users to ask again.
        """
        end = time.monotonic() + seconds
        while True:
            future = send()
            retry = min(end, time.monotonic() + 10.0)
            while not future.done() and time.monotonic() < retry:
                rclpy.spin_once(self.node, timeout_sec=0.05)
            if future.done():
                return future.result()
            assert time.monotonic() < end, f"no answer within {seconds} s"

    def call(self, kind, name, request, seconds=20.0):
        if name not in self.services:
            self.services[name] = self.node.create_client(kind, name)
        assert self.services[name].wait_for_service(timeout_sec=20.0), f"{name} is not offered"
        return self.ask(lambda: self.services[name].call_async(request), seconds)

    def pixel_to_world(self, **fields):
        return self.call(PixelToWorld, "pixel_to_world", PixelToWorld.Request(**fields))

    def world_to_pixel(self, **fields):
        return self.call(WorldToPixel, "world_to_pixel", WorldToPixel.Request(**fields))

    def load(self, file):
        return self.call(Load, "calibration_node/load", Load.Request(file=str(file)))

    def save(self, file):
        return self.call(Save, "calibration_node/save", Save.Request(file=str(file)))

    def send(self, goal, feedback=None):
        assert self.action.wait_for_server(timeout_sec=20.0), "the action is not offered"
        return self.ask(lambda: self.action.send_goal_async(goal, feedback_callback=feedback))

    def until_step(self, handle, steps, step):
        """Until the feedback, collected in `steps`, has reached `step`."""
        ended = handle.get_result_async()
        self.until(lambda: ended.done() or (steps and steps[-1] >= step), 60.0, f"step {step}")
        assert not ended.done(), ended.result().result.reason

    def result(self, handle, seconds=120.0):
        return self.wait(handle.get_result_async(), seconds)


class Cell:
    """sim_cell, calibration_node and a client."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = Processes(folder)
        self.client = Client()
        self.truth_dir = folder / "truth"

    def start(self, cell=None, node=None, pose=True):
        self.start_cell(cell)
        self.start_node(node)
        self.client.until(lambda: (self.truth_dir / "truth_points.csv").exists(), what="the simulated cell's start")
        self.client.until(lambda: self.client.poses or not pose, what="a robot pose")

    def start_cell(self, parameters=None):
        self.processes.start("sim_cell", SMALL_CELL | {"truth_dir": self.truth_dir} | (parameters or {}))

    def fault(self, kind):
        """From now on this goes wrong in the cell."""
        wanted = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=kind)
        request = SetParameters.Request(parameters=[Parameter(name="fault", value=wanted)])
        assert self.client.call(SetParameters, "sim_cell/set_parameters", request).results[0].successful

    def set(self, node, parameters):
        """Sets parameters of a running node, by their Python types."""
        entries = [rclpy.parameter.Parameter(name, value=value).to_parameter_msg() for name, value in parameters.items()]
        answer = self.client.call(SetParameters, f"{node}/set_parameters", SetParameters.Request(parameters=entries))
        assert all(result.successful for result in answer.results), answer.results

    def start_node(self, parameters=None):
        self.processes.start("calibration_node", {"file_dir": self.folder} | (parameters or {}))

    def truth(self):
        return yaml.safe_load((self.truth_dir / "truth.yaml").read_text())

    def goal(self, heights=9, step=0.0005, **fields):
        truth = self.truth()
        goal = Calibrate.Goal(height_start=0.0, height_stop=(heights - 1) * step, height_step=step, **fields)
        goal.origins = [Pixel(u=u, v=v) for u, v in (truth["origin_left"], truth["origin_right"])]
        return goal

    def calibrating(self, step):
        """Starts a long sweep and comes back when it has reached `step`."""
        steps = []
        handle = self.client.send(self.goal(heights=40), lambda message: steps.append(message.feedback.step))
        self.client.until_step(handle, steps, step)
        return handle

    def close(self):
        self.processes.stop_all()
        self.client.node.destroy_node()


def pytest_addoption(parser):
    parser.addoption("--pictures", help="folder for the pictures that tests look at")


def save_png(path, message):
    """Writes a colour image message, to be looked at."""
    import zlib

    def chunk(kind, data):
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    step = 3 * message.width
    rows = b"".join(b"\0" + bytes(message.data[v * step : (v + 1) * step]) for v in range(message.height))
    head = message.width.to_bytes(4) + message.height.to_bytes(4) + bytes([8, 2, 0, 0, 0])
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    pathlib.Path(path).write_bytes(png)


@pytest.fixture(scope="session", autouse=True)
def ros():
    rclpy.init()
    yield
    rclpy.shutdown()


@pytest.fixture
def cell(tmp_path):
    cell = Cell(tmp_path)
    yield cell
    cell.close()
