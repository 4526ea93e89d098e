"""Clients that the node has never heard of get their first answer."""

import rclpy
from rcl_interfaces.srv import GetParameters
from rclpy.executors import SingleThreadedExecutor

from grating_calibration.srv import PixelToWorld


def test_clients_that_have_just_started_get_their_answers(cell):
    cell.start_node()
    for _ in range(12):
        # A participant of its own, as each program has.
        context = rclpy.Context()
        rclpy.init(context=context)
        try:
            node = rclpy.create_node("newcomer", context=context)
            executor = SingleThreadedExecutor(context=context)
            executor.add_node(node)
            parameters = node.create_client(GetParameters, "calibration_node/get_parameters")
            points = node.create_client(PixelToWorld, "pixel_to_world")
            assert parameters.wait_for_service(20.0) and points.wait_for_service(20.0)
            answers = [parameters.call_async(GetParameters.Request(names=["pitch"])), points.call_async(PixelToWorld.Request())]
            for answer in answers:
                executor.spin_until_future_complete(answer, timeout_sec=10.0)
                assert answer.done(), cell.processes.log("calibration_node")
        finally:
            rclpy.shutdown(context=context)
