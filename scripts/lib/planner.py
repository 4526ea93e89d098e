"""A planner, for scripts and tests: sends goals to the node, asks again when an answer is lost. nodes.py starts the nodes."""

import os
import pathlib
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
