"""Goals that cannot end well: refused with the reason, before the robot is moved."""

import math

import pytest
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from grating_calibration.msg import Pixel


@pytest.mark.parametrize(
    ("node", "change", "reason"),
    [
        ({"limits.box_max": "[0.05, 0.05, 0.002]"}, {}, "outside the allowed"),
        ({}, {"height_step": 0.0}, "height_step = 0 mm"),
        ({}, {"height_stop": math.nan}, "not a finite number"),
        ({}, {"method": "magic"}, "method 'magic' is unknown"),
        ({}, {"origins": []}, "origin_left and origin_right"),
        ({"file_dir": "/proc/self"}, {"file": "c.yaml"}, "can't be written to"),
        ({}, {"file": "/nowhere/at/all/c.yaml"}, "outside"),
        ({}, {"file": "../c.yaml"}, "contains '..'"),
        ({"base_frame": "world"}, {}, "given in frame 'base_link'"),
        ({}, {"origins": "half a pitch off"}, "is no grid intersection"),
    ],
)  # fmt: skip
def test_a_goal_that_cannot_end_well_does_not_move_the_robot(cell, node, change, reason):
    cell.start(node=node)
    if change == {"origins": "half a pitch off"}:
        change = {"origins": [Pixel(u=origin.u + 10.0, v=origin.v + 10.0) for origin in cell.goal().origins]}
    assert reason in cell.refusal(**change)
    away = [math.hypot(t.pose.position.x, t.pose.position.y, t.pose.position.z) for t in cell.client.set_points]
    assert all(distance < 2e-5 for distance in away), "the robot was sent away from where it stood"


def test_publishers_whose_messages_would_not_arrive_are_named(cell):
    cell.start(cell={"publish_tf": "true"}, node={"pose_source": "tf"}, pose=False)
    # Whoever starts later never gets what a volatile publisher has sent before.
    volatile = cell.client.node.create_publisher(TFMessage, "/tf_static", 10)
    text = cell.client.node.create_publisher(String, "left/image_raw", 10)
    reason = cell.refusal(heights=5)
    assert "/tf_static is published by /test_client with durability VOLATILE" in reason
    assert "left/image_raw is published as std_msgs/msg/String by /test_client" in reason
    assert not cell.client.set_points
    for publisher in (volatile, text):
        cell.client.node.destroy_publisher(publisher)
