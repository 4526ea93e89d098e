"""Calibrates by action, asks for a point, and prints what came out: a planner on a host of its own."""

import json
import sys

import rclpy
from rclpy.action import ActionClient

from grating_calibration.action import Calibrate
from grating_calibration.msg import Pixel
from grating_calibration.srv import PixelToWorld

heights, *origins = map(float, sys.argv[1:])
rclpy.init()
node = rclpy.create_node("planner")
action = ActionClient(node, Calibrate, "calibration_node/calibrate")
client = node.create_client(PixelToWorld, "pixel_to_world")
assert action.wait_for_server(20.0) and client.wait_for_service(20.0), "the node was not found"


def wait(send, seconds):
    for _ in range(4):
        future = send()
        rclpy.spin_until_future_complete(node, future, timeout_sec=seconds)
        if future.done():
            return future.result()
    sys.exit("no answer")


goal = Calibrate.Goal(height_start=0.0, height_stop=(heights - 1) * 0.0005, height_step=0.0005)
goal.origins = [Pixel(u=origins[0], v=origins[1]), Pixel(u=origins[2], v=origins[3])]
handle = wait(lambda: action.send_goal_async(goal), 10.0)
result = wait(handle.get_result_async, 60.0).result
request = PixelToWorld.Request(left=[goal.origins[0]], right=[goal.origins[1]])
answer = wait(lambda: client.call_async(request), 10.0).answers[0]
point = [answer.point.x, answer.point.y, answer.point.z]
print(json.dumps({"usable": result.usable, "reason": result.reason, "status": answer.status, "point": point}))
