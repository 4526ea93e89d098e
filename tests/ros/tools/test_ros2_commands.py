"""The node as the `ros2` commands see it, with the words of docs/tutorial.md."""

import math

from geometry_msgs.msg import Point

from support.command import DIRECT

NODE = "/calibration_node"


def test_topics_are_echoed(recorded, ros2):
    assert "state: 2" in ros2("topic", "echo", "--once", *DIRECT, f"{NODE}/calibration")
    assert "calibration_node" in ros2("topic", "echo", "--once", *DIRECT, "/diagnostics")


def test_parameters_are_listed_and_described(recorded, ros2):
    listed = ros2("param", "list", *DIRECT, NODE)
    assert "limits.max_speed" in listed and "move_to.armed" in listed
    described = ros2("param", "describe", *DIRECT, NODE, "settle.window")
    assert "Type: double" in described and "settle window" in described and "Max value: 10.0" in described, described


def test_parameters_are_got_and_set_within_their_bounds(recorded, ros2):
    assert ros2("param", "get", *DIRECT, NODE, "settle.window") == "Double value is: 0.15\n"
    assert "successful" in ros2("param", "set", *DIRECT, NODE, "limits.max_step", "0.02")
    assert "successful" in ros2("param", "set", *DIRECT, NODE, "click.approach", "[0.0, 0.0, 0.01]")
    assert recorded.get("calibration_node", "limits.max_step", "click.approach") == {
        "limits.max_step": 0.02,
        "click.approach": [0.0, 0.0, 0.01],
    }
    assert "failed" in ros2("param", "set", *DIRECT, NODE, "settle.window", "-1.0")


def test_services_are_called(recorded, ros2):
    (u, v, u_right, v_right), point_mm = recorded.truth_pair()
    request = f"{{left: [{{u: {u}, v: {v}}}], right: [{{u: {u_right}, v: {v_right}}}]}}"
    answer = ros2("service", "call", "/pixel_to_world", "grating_calibration/srv/PixelToWorld", request)
    point = answer.split("geometry_msgs.msg.Point(")[1].split(")")[0]
    found_mm = [1e3 * float(part.split("=")[1]) for part in point.split(", ")]
    assert math.dist(found_mm, point_mm) < 0.03, answer
    assert "verdict=0" in ros2("service", "call", f"{NODE}/check", "grating_calibration/srv/Check")


def test_a_goal_is_sent(recorded, ros2):
    # Where the origin is seen from the height that the tool has now.
    seen = recorded.client.world_to_pixel(points=[Point(z=-recorded.client.poses[-1].pose.position.z)])
    origins = ", ".join(f"{{u: {at.pixel.u}, v: {at.pixel.v}}}" for at in (seen.left[0], seen.right[0]))
    goal = f"{{height_stop: 0.0025, height_step: 0.0005, origins: [{origins}]}}"
    command = ("action", "send_goal", "--feedback", f"{NODE}/calibrate", "grating_calibration/action/Calibrate")
    told = ros2(*command, goal)
    assert "Goal accepted" in told and "stage: fitting" in told and "usable: true" in told and "SUCCEEDED" in told, told
