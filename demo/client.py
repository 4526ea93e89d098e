"""A user of the service: reads pixel pairs from a CSV, asks pixel_to_world, writes the points.

python3 demo/client.py truth_points.csv points.csv
"""

import csv
import sys

import rclpy

from grating_calibration.msg import Pixel, PointEstimate
from grating_calibration.srv import PixelToWorld

NAMES = {
    getattr(PointEstimate, name): name.lower()
    for name in (
        "OK", "OUTSIDE_VOLUME", "NOT_CALIBRATED", "INVALID_INPUT", "OUTSIDE_IMAGE", "UNKNOWN_CAMERA", "UNKNOWN_FRAME",
        "RAYS_MISS", "NO_CONVERGENCE", "POSE_UNAVAILABLE",
    )
}  # fmt: skip


def main(source, target):
    rows = list(csv.DictReader(open(source)))
    rclpy.init()
    node = rclpy.create_node("planner")
    client = node.create_client(PixelToWorld, "pixel_to_world")
    if not client.wait_for_service(timeout_sec=20.0):
        sys.exit("pixel_to_world is not offered: is calibration_node running?")
    request = PixelToWorld.Request(camera="stereo")
    for side in ("left", "right"):
        setattr(request, side, [Pixel(u=float(row[f"u_{side}"]), v=float(row[f"v_{side}"])) for row in rows])
    # Fast DDS may lose the answer to a client that the node has only just found: ask again.
    for _ in range(4):
        future = client.call_async(request)
        rclpy.spin_until_future_complete(node, future, timeout_sec=15.0)
        response = future.result()
        if response is not None:
            break
    else:
        sys.exit("pixel_to_world did not answer within 60 s")
    with open(target, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x_mm", "y_mm", "z_mm", "epipolar_px", "status"])
        for answer in response.answers:
            p = answer.point
            writer.writerow([1e3 * p.x, 1e3 * p.y, 1e3 * p.z, answer.epipolar_px, NAMES[answer.status]])
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
