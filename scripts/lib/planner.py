"""A planner and its cell, for scripts and tests: starts the nodes, sends goals, asks again when an answer is lost."""

import contextlib
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

import rclpy
import yaml
from geometry_msgs.msg import Point
from rclpy.action import ActionClient

from grating_calibration.action import Calibrate
from grating_calibration.msg import Pixel, PointEstimate  # noqa: F401  (users of this module take them from here)
from grating_calibration.srv import MoveTo, PixelToWorld

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "install/grating_calibration/lib/grating_calibration"
# A quarter of the pixels, for more rounds.
SMALL_CELL = {"rig.width": 640, "rig.height": 360, "sensor.blur_px": 0.6, "lens.freeform_px": 0.25, "frame_rate": 10.0}


# What names a file of settings to Fast DDS, and that with enough shared memory for large messages.
PROFILE, SHARED_MEMORY = "FASTRTPS_DEFAULT_PROFILES_FILE", "config/fastdds.xml"


def enough_shared_memory():
    """Before rclpy starts, for all processes started from here."""
    os.environ[PROFILE] = str(ROOT / SHARED_MEMORY)


def own_domain():
    """Nobody else's nodes; before rclpy starts, for all processes started from here."""
    os.environ["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(1, 100))


@contextlib.contextmanager
def nodes(folder, cell, node, cell_yields=False):
    """sim_cell and calibration_node with these parameters and with files in `folder`; gives {name: process}.

    `cell_yields`: the cell renders in time that nobody else wants (SCHED_IDLE), as real cameras take none of the node's.
    """
    yields = {"preexec_fn": lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))} if cell_yields else {}
    cell = {"truth_dir": folder / "truth", "truth_points": 10} | cell
    node = {"file_dir": folder, "calibration_file": folder / "c.yaml"} | node
    processes = {}
    try:
        for name, parameters in (("sim_cell", cell), ("calibration_node", node)):
            given = [part for key, value in parameters.items() for part in ("-p", f"{key}:={value}")]
            log = open(folder / f"{name}.log", "w")
            own = yields if name == "sim_cell" else {}
            command = [BIN / name, "--ros-args", *given]
            processes[name] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, **own)
        yield processes
    finally:
        for process in processes.values():
            process.terminate()
            process.wait(timeout=10)


def origins_seen(truth_dir):
    """Where both cameras see the grid's origin, as the simulated cell tells."""
    truth = truth_dir / "truth.yaml"
    while not truth.exists():
        time.sleep(0.1)
    truth = yaml.safe_load(truth.read_text())
    return [*truth["origin_left"], *truth["origin_right"]]


class Planner:
    """A user of the node."""

    def __init__(self, origins):
        """`origins`: u, v of the grid's origin in the left image, then in the right one."""
        if not rclpy.ok():
            rclpy.init()
        self.node = rclpy.create_node("planner")
        self.origins = [Pixel(u=origins[0], v=origins[1]), Pixel(u=origins[2], v=origins[3])]
        self.action = ActionClient(self.node, Calibrate, "calibration_node/calibrate")
        self.move = self.node.create_client(MoveTo, "calibration_node/move_to")
        self.pixel_to_world = self.node.create_client(PixelToWorld, "pixel_to_world")
        assert self.action.wait_for_server(20.0), "the node was not found"
        assert self.move.wait_for_service(20.0) and self.pixel_to_world.wait_for_service(20.0)

    def wait(self, send, seconds=30.0):
        """The answer; asked again when it is lost, see docs/ros_interface.md."""
        for _ in range(4):
            future = send()
            rclpy.spin_until_future_complete(self.node, future, timeout_sec=seconds)
            if future.done():
                return future.result()
        raise SystemExit(f"no answer within {seconds} s, four times")

    def calibrate(self, heights, step=0.0002, seconds=300.0):
        """The result of a sweep from where the tool stands."""
        goal = Calibrate.Goal(height_start=0.0, height_stop=(heights - 1) * step, height_step=step, origins=self.origins)
        handle = self.wait(lambda: self.action.send_goal_async(goal))
        return self.wait(handle.get_result_async, seconds).result

    def go_back(self):
        """To where the simulated tool stood in the beginning; needs move_to.armed."""
        back = self.wait(lambda: self.move.call_async(MoveTo.Request(point=Point())))
        if not back.success:
            raise SystemExit(f"the tool did not come back: {back.message}")

    def ask(self, request):
        """pixel_to_world's response."""
        return self.wait(lambda: self.pixel_to_world.call_async(request))


def sweep_until_told():
    """`planner.py FOLDER HEIGHTS`: sweeps until stdin ends; tells the start and end of each, in s of the monotonic clock."""
    folder, heights = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    user = Planner(origins_seen(folder / "truth"))
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    while True:
        print(f"begun {time.monotonic():.3f}", flush=True)
        result = user.calibrate(heights)
        print(f"{'usable' if result.usable else 'unusable'} {time.monotonic():.3f}: {result.reason}", flush=True)
        user.go_back()


if __name__ == "__main__":
    sweep_until_told()
