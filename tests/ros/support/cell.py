"""A simulated cell: sim_cell, calibration_node and a client, on a graph of their own."""

import csv
import subprocess

import rclpy.parameter
import yaml
from action_msgs.msg import GoalStatus
from rcl_interfaces.srv import GetParameters, SetParameters

from grating_calibration.action import Calibrate
from grating_calibration.msg import Pixel
from nodes import BIN, SMALL_CELL, Nodes
from support import fault_matrix
from support.client import Client

# Between the heights of a goal, m.
STEP = 0.0005


class Cell:
    """Its files lie in `folder`, its names in `namespace`, which must be its own: nodes of the same name would answer each other."""

    alive = set()

    def __init__(self, folder, namespace=""):
        assert namespace not in Cell.alive, "a fixture of wider scope keeps a cell in this namespace"
        Cell.alive.add(namespace)
        self.namespace = namespace
        self.folder = folder
        self.file = folder / "calibration.yaml"
        self.truth_dir = folder / "truth"
        self.processes = Nodes(folder, namespace)
        self.client = Client(namespace)

    def start(self, cell=None, node=None, pose=True):
        """Both nodes with these parameters; back when there is a truth, and a robot pose if `pose`."""
        self.start_cell(cell)
        self.start_node(node)
        self.client.until(lambda: (self.truth_dir / "truth_points.csv").exists(), what="the simulated cell's start")
        self.client.until(lambda: self.client.poses or not pose, what="a robot pose")

    def start_cell(self, parameters=None):
        self.processes.start("sim_cell", SMALL_CELL | {"truth_dir": self.truth_dir} | (parameters or {}))

    def start_node(self, parameters=None):
        self.processes.start("calibration_node", {"file_dir": self.folder} | (parameters or {}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.processes.stop_all()
        self.client.node.destroy_node()
        Cell.alive.remove(self.namespace)

    # Parameters

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

    # The simulator's truth

    def truth(self):
        return yaml.safe_load((self.truth_dir / "truth.yaml").read_text())

    def origin_arguments(self):
        """The grid's origin in both images, as `gratingcal` takes it."""
        truth = self.truth()
        return [part for side in ("left", "right") for part in (f"--origin-{side}", "{},{}".format(*truth[f"origin_{side}"]))]

    def truth_pairs(self):
        """Pixels of both cameras and their points, mm."""
        rows = list(csv.DictReader(open(self.truth_dir / "truth_points.csv")))
        left = [Pixel(u=float(row["u_left"]), v=float(row["v_left"])) for row in rows]
        right = [Pixel(u=float(row["u_right"]), v=float(row["v_right"])) for row in rows]
        points = [[float(row[axis]) for axis in ("x_mm", "y_mm", "z_mm")] for row in rows]
        return left, right, points

    def truth_pair(self):
        """A pixel pair (u left, v left, u right, v right) and its point, mm."""
        left, right, points = self.truth_pairs()
        return [left[0].u, left[0].v, right[0].u, right[0].v], points[0]

    # Calibrations

    def goal(self, heights=9, step=STEP, **fields):
        """From the lowest pose up, with the origins that the simulator tells; `fields` replace what a goal says."""
        truth = self.truth()
        origins = [Pixel(u=u, v=v) for u, v in (truth["origin_left"], truth["origin_right"])]
        said = {"height_start": 0.0, "height_stop": (heights - 1) * step, "height_step": step, "origins": origins}
        return Calibrate.Goal(**said | fields)

    def calibrated(self, **fields):
        """The result of a whole calibration, which must be usable."""
        ended = self.client.result(self.client.send(self.goal(**fields)))
        assert ended.status == GoalStatus.STATUS_SUCCEEDED and ended.result.usable, ended.result.reason
        return ended.result

    def refusal(self, **fields):
        """Why a goal ends without a calibration."""
        ended = self.client.result(self.client.send(self.goal(**fields)))
        assert ended.status == GoalStatus.STATUS_ABORTED and not ended.result.usable, ended.result.reason
        return ended.result.reason

    def under_way(self, step=3, heights=fault_matrix.HEIGHTS, **fields):
        """A goal that has reached `step`."""
        steps = []
        handle = self.client.send(self.goal(heights, **fields), lambda message: steps.append(message.feedback.step))
        ended = handle.get_result_async()
        self.client.until(lambda: ended.done() or (steps and steps[-1] >= step), 60.0, f"step {step}")
        assert not ended.done(), ended.result().result.reason
        return handle

    def calibrate_folder(self, sweep):
        """What `gratingcal calibrate` makes of a recorded sweep."""
        out = self.folder / "from_folder.yaml"
        command = [BIN / "gratingcal", "calibrate", "--left", sweep / "left", "--right", sweep / "right",
                   "--poses", sweep / "poses.csv", "--pitch-mm", "1.1", *self.origin_arguments(), "--out", out]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        return yaml.safe_load(out.read_text())
