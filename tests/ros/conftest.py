"""Real nodes on a ROS domain of their own, and a real rclpy client."""

import csv
import pathlib
import subprocess
import sys
import time

import pytest
import yaml

import fault_matrix

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "scripts/lib"))

from nodes import BIN, ROOT, SMALL_CELL, Nodes, own_domain  # noqa: E402, F401  (tests take them from here)

own_domain()

import rclpy  # noqa: E402
import rclpy.parameter  # noqa: E402
from action_msgs.msg import GoalStatus  # noqa: E402
from geometry_msgs.msg import PoseStamped  # noqa: E402
from rcl_interfaces.srv import GetParameters, SetParameters  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.qos import QoSDurabilityPolicy, QoSProfile  # noqa: E402

from grating_calibration.action import Calibrate  # noqa: E402
from grating_calibration.msg import CalibrationStatus, Pixel  # noqa: E402
from grating_calibration.srv import Load, PixelToWorld, Save, WorldToPixel  # noqa: E402


class Client:
    """A user of the node."""

    def __init__(self, namespace=""):
        self.node = rclpy.create_node("test_client", namespace=namespace)
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
        """The answer to `send()`, sent again when nothing comes: a server that was killed is on offer until its lease has run
        out, and may get what is meant for its successor.
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
        return self.wait(self.services[name].call_async(request), seconds)

    def pixel_to_world(self, **fields):
        return self.call(PixelToWorld, "pixel_to_world", PixelToWorld.Request(**fields))

    def world_to_pixel(self, **fields):
        return self.call(WorldToPixel, "world_to_pixel", WorldToPixel.Request(**fields))

    def load(self, file):
        return self.call(Load, "calibration_node/load", Load.Request(file=str(file)))

    def save(self, file):
        return self.call(Save, "calibration_node/save", Save.Request(file=str(file)))

    def send(self, goal, feedback=None, after_kill=False):
        assert self.action.wait_for_server(timeout_sec=20.0), "the action is not offered"
        send = lambda: self.action.send_goal_async(goal, feedback_callback=feedback)  # noqa: E731
        return self.ask(send) if after_kill else self.wait(send())

    def until_step(self, handle, steps, step):
        """Until the feedback, collected in `steps`, has reached `step`."""
        ended = handle.get_result_async()
        self.until(lambda: ended.done() or (steps and steps[-1] >= step), 60.0, f"step {step}")
        assert not ended.done(), ended.result().result.reason

    def result(self, handle, seconds=120.0):
        return self.wait(handle.get_result_async(), seconds)


class Cell:
    """sim_cell, calibration_node and a client."""

    def __init__(self, folder, namespace=""):
        self.folder = folder
        self.processes = Nodes(folder, namespace)
        self.client = Client(namespace)
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
        self.set("sim_cell", fault=kind)

    def set(self, node, **values):
        for name, value in values.items():
            result = self._set(node, name, value)
            assert result.successful, f"{name} = {value}: {result.reason}"

    def refused(self, node, name, value):
        """Why the parameter can't be changed so."""
        result = self._set(node, name, value)
        assert not result.successful, f"{name} = {value} was accepted"
        return result.reason

    def _set(self, node, name, value):
        wanted = rclpy.Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[wanted])
        return self.client.call(SetParameters, f"{node}/set_parameters", request).results[0]

    def get(self, node, *names):
        request = GetParameters.Request(names=names)
        values = self.client.call(GetParameters, f"{node}/get_parameters", request).values
        return {name: rclpy.parameter.parameter_value_to_python(value) for name, value in zip(names, values, strict=True)}

    def start_node(self, parameters=None):
        self.processes.start("calibration_node", {"file_dir": self.folder} | (parameters or {}))

    def truth(self):
        return yaml.safe_load((self.truth_dir / "truth.yaml").read_text())

    def goal(self, heights=9, step=0.0005, **fields):
        truth = self.truth()
        goal = Calibrate.Goal(height_start=0.0, height_stop=(heights - 1) * step, height_step=step, **fields)
        goal.origins = [Pixel(u=u, v=v) for u, v in (truth["origin_left"], truth["origin_right"])]
        return goal

    def truth_pairs(self):
        """Pixels of both cameras and their points, mm."""
        rows = list(csv.DictReader(open(self.truth_dir / "truth_points.csv")))
        left = [Pixel(u=float(row["u_left"]), v=float(row["v_left"])) for row in rows]
        right = [Pixel(u=float(row["u_right"]), v=float(row["v_right"])) for row in rows]
        points = [[float(row[axis]) for axis in ("x_mm", "y_mm", "z_mm")] for row in rows]
        return left, right, points

    def calibrate_folder(self, sweep):
        """What `gratingcal calibrate` makes of a recorded sweep."""
        truth, out = self.truth(), self.folder / "from_folder.yaml"
        origins = [part for side in ("left", "right") for part in (f"--origin-{side}", "{},{}".format(*truth[f"origin_{side}"]))]
        command = [BIN / "gratingcal", "calibrate", "--left", sweep / "left", "--right", sweep / "right",
                   "--poses", sweep / "poses.csv", "--pitch-mm", "1.1", *origins, "--out", out]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        return yaml.safe_load(out.read_text())

    def under_way(self, step=3, heights=fault_matrix.HEIGHTS, **fields):
        """A goal that has reached `step`."""
        steps = []
        handle = self.client.send(self.goal(heights, **fields), lambda message: steps.append(message.feedback.step))
        self.client.until_step(handle, steps, step)
        return handle

    def ended(self, handle, row):
        """The goal's result, which must be what the matrix says; the node must be fit for the next."""
        end = self.client.result(handle, 40.0)
        result = end.result
        if row.refusal is None:
            assert end.status == GoalStatus.STATUS_SUCCEEDED and result.usable, result.reason
        else:
            assert not result.usable and row.refusal in result.reason, result.reason
            # What was told to stop stays stopped.
            self.client.spin(0.2)
            count = len(self.client.targets)
            self.client.spin(0.4)
            assert len(self.client.targets) == count
        assert len(self.client.pixel_to_world(left=[Pixel()], right=[Pixel()]).answers) == 1
        assert "panicked" not in self.processes.log("calibration_node")
        fault_matrix.OUTCOMES[row.key] = (result.usable, result.reason)
        return result

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
    parser.addoption("--write-matrix", action="store_true", help="write docs/reliability.md's table of faults")
    parser.addoption("--pictures", help="folder for the pictures that tests look at")


def pytest_sessionfinish(session):
    if session.config.getoption("--write-matrix"):
        fault_matrix.write(fault_matrix.OUTCOMES)


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
