"""Calls pixel_to_world so many times a second until told to stop; prints how many calls were made and answered."""

import sys
import threading
import time

import rclpy
from grating_calibration.msg import Pixel
from grating_calibration.srv import PixelToWorld

MOST_WAITING = 8
rate = float(sys.argv[1])
rclpy.init()
node = rclpy.create_node("storm")
client = node.create_client(PixelToWorld, "pixel_to_world")
assert client.wait_for_service(timeout_sec=20.0)
request = PixelToWorld.Request(left=[Pixel(u=300.0, v=180.0)], right=[Pixel(u=300.0, v=180.0)])
# The node's first answers to a client that it has only just found may be lost (docs/ros_interface.md).
while True:
    first = client.call_async(request)
    rclpy.spin_until_future_complete(node, first, timeout_sec=2.0)
    if first.done():
        break
stopped = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stopped.set()), daemon=True).start()
print("calling", flush=True)
begun, called, answered, waiting = time.monotonic(), 0, 0, []
while not stopped.is_set():
    # So many are due; no more than the node keeps waiting (docs/ros_interface.md) are under way.
    due = min(int((time.monotonic() - begun) * rate) - called, MOST_WAITING - len(waiting))
    for _ in range(due):
        waiting.append(client.call_async(request))
        called += 1
    rclpy.spin_once(node, timeout_sec=0.001)
    answered += sum(future.done() for future in waiting)
    waiting = [future for future in waiting if not future.done()]
end = time.monotonic() + 10.0
while waiting and time.monotonic() < end:
    rclpy.spin_once(node, timeout_sec=0.1)
    answered += sum(future.done() for future in waiting)
    waiting = [future for future in waiting if not future.done()]
print(called, answered)
