"""What goes wrong in the middle of a sweep: a right result or a clear refusal, and a node that still serves."""

import time

import pytest

from action_msgs.msg import GoalStatus
from grating_calibration.msg import Pixel

RIGHT = None
SHORT = {"image_timeout": 2.0, "settle.timeout": 3.0}

OUTCOMES = {
    "late_frames": RIGHT,
    "swapped_order": RIGHT,
    "repeated_frames": RIGHT,
    "frozen_frames": "is its driver frozen",
    "left_silent": "left",
    "cameras_swapped": "",
    "wrong_encoding": "yuv422",
    "wrong_size": "",
    "truncated": "",
    "padded_rows": RIGHT,
    "light": RIGHT,
    "glare": RIGHT,
    "target_bumped": "",
    "target_removed": "",
    "nan_pose": "pose was lost",
    "frozen_pose": "the robot's pose was lost",
    "late_pose": RIGHT,
    "turned": "turned",
    "stuck": "did not settle",
    "overshoot": "off its way",
    "short": "did not settle",
}


@pytest.mark.parametrize("fault", OUTCOMES)
def test_in_mid_sweep(cell, fault):
    cell.start(node=SHORT)
    client, steps = cell.client, []
    handle = client.send(cell.goal(heights=6), lambda message: steps.append(message.feedback.step))
    client.until_step(handle, steps, 3)
    cell.fault(fault)
    begun = time.monotonic()
    ended = client.result(handle, 40.0)
    print("OUTCOME", fault, ended.status, ended.result.usable, f"{time.monotonic() - begun:.1f}", ended.result.reason)
    if OUTCOMES[fault] is RIGHT:
        assert ended.status == GoalStatus.STATUS_SUCCEEDED and ended.result.usable, ended.result.reason
    else:
        assert not ended.result.usable and OUTCOMES[fault] in ended.result.reason, ended.result.reason
        # What was told to stop stays stopped.
        client.spin(0.3)
        count = len(client.targets)
        client.spin(0.5)
        assert len(client.targets) == count
    assert len(client.pixel_to_world(left=[Pixel()], right=[Pixel()]).answers) == 1
    assert "panicked" not in cell.processes.log("calibration_node")
