"""Where is the point behind this pixel pair? Asks calibration_node once.

python3 docs/examples/pixel_to_world.py U_LEFT V_LEFT U_RIGHT V_RIGHT [FRAME]
"""

import sys

import rclpy

from grating_calibration.msg import Pixel, PointEstimate
from grating_calibration.srv import PixelToWorld


def main(u_left, v_left, u_right, v_right, frame=""):
    rclpy.init()
    node = rclpy.create_node("pixel_to_world_example")
    client = node.create_client(PixelToWorld, "pixel_to_world")
    if not client.wait_for_service(timeout_sec=10.0):
        sys.exit("pixel_to_world is not offered: is calibration_node running, in this namespace?")

    request = PixelToWorld.Request()
    # The stamp stays zero: the tool's latest pose. Pixels of an image need its header.stamp.
    request.header.frame_id = frame
    request.camera = "stereo"
    request.left = [Pixel(u=float(u_left), v=float(v_left))]
    request.right = [Pixel(u=float(u_right), v=float(v_right))]
    request.pixel_sigma = 0.1

    # Fast DDS may lose the answer to a client that the node has only just found: ask again.
    for _ in range(3):
        future = client.call_async(request)
        rclpy.spin_until_future_complete(node, future, timeout_sec=5.0)
        if future.done():
            break
    else:
        sys.exit("pixel_to_world did not answer within 15 s")

    response = future.result()
    answer = response.answers[0]
    if answer.status not in (PointEstimate.OK, PointEstimate.OUTSIDE_VOLUME):
        sys.exit(response.message)
    point, sigma = answer.point, [1e6 * answer.covariance[4 * axis] ** 0.5 for axis in range(3)]
    print(f"x {point.x:.6f}  y {point.y:.6f}  z {point.z:.6f} m in {response.header.frame_id}")
    print(f"standard deviations {sigma[0]:.1f}  {sigma[1]:.1f}  {sigma[2]:.1f} µm")
    if answer.status == PointEstimate.OUTSIDE_VOLUME:
        print("outside the calibrated volume: extrapolated")
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    main(*sys.argv[1:])
