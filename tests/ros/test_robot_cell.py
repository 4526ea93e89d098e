"""Motion backends, plan, resume, check, diagnostics and armed moves, with real peer processes."""

import math

import pytest
import yaml
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Point
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from grating_calibration.srv import Check, MoveTo


def calibrated(cell, **fields):
    ended = cell.client.result(cell.client.send(cell.goal(**fields)))
    assert ended.status == GoalStatus.STATUS_SUCCEEDED, ended.result.reason
    assert ended.result.usable, ended.result.reason
    return ended.result


def test_a_dry_run_tells_the_plan_and_moves_nothing(cell):
    cell.start(node={"record_dir": cell.folder / "sweep"})
    ended = cell.client.result(cell.client.send(cell.goal(heights=5, dry_run=True)))
    assert ended.status == GoalStatus.STATUS_SUCCEEDED, ended.result.reason
    assert not ended.result.usable and "nothing was moved" in ended.result.reason
    plan = ended.result.plan
    assert "5 poses in base_link, commanded on robot/target_pose" in plan and str(cell.folder / "sweep") in plan
    heights = [float(line.split(" z ")[1].split()[0]) for line in plan.splitlines() if " z " in line]
    assert all(math.isclose(h, 0.0005 * i, abs_tol=1e-5) for i, h in enumerate(heights)) and len(heights) == 5
    assert not cell.client.targets


def test_publishers_that_can_not_be_understood_are_named_before_anything_moves(cell):
    cell.start(cell={"publish_tf": "true"}, node={"pose_source": "tf"}, pose=False)
    # Whoever starts later never gets what a volatile publisher has sent before.
    volatile = cell.client.node.create_publisher(TFMessage, "/tf_static", 10)
    text = cell.client.node.create_publisher(String, "left/image_raw", 10)
    ended = cell.client.result(cell.client.send(cell.goal(heights=5)))
    assert ended.status == GoalStatus.STATUS_ABORTED
    assert "/tf_static is published by /test_client with durability VOLATILE" in ended.result.reason, ended.result.reason
    assert "left/image_raw is published as std_msgs/msg/String by /test_client" in ended.result.reason
    assert not cell.client.targets
    for publisher in (volatile, text):
        cell.client.node.destroy_publisher(publisher)


def test_check_calls_nothing_good_that_is_not(cell):
    cell.start()
    client = cell.client

    def check():
        return client.call(Check, "calibration_node/check", Check.Request())

    before = check()
    assert before.verdict == Check.Response.UNKNOWN and "no calibration" in before.message
    calibrated(cell, heights=6)
    good = check()
    assert good.verdict == Check.Response.GOOD, good.message
    assert abs(good.height - 0.0025) < 5e-5 and abs(good.scale - 1.0) < 1e-3 and good.moved < 5e-5
    # A camera is bumped: it looks a fifth of a degree elsewhere.
    cell.processes.stop("sim_cell")
    cell.start_cell({"cameras.left.tilt_deg": 0.2})
    bumped = check()
    assert bumped.verdict == Check.Response.DRIFTED and abs(bumped.shift_px - 2.3) < 0.3, bumped
    cell.fault("target_removed")
    gone = check()
    assert gone.verdict in (Check.Response.UNKNOWN, Check.Response.WRONG_TARGET), gone
    assert not client.targets or max(target.pose.position.z for target in client.targets) < 0.003


def test_diagnostics_name_what_is_silent(cell):
    cell.start(node={"image_timeout": 1.0})
    client, latest = cell.client, {}

    def note(message):
        latest.update({status.name.split(": ")[1]: status for status in message.status})

    client.node.create_subscription(DiagnosticArray, "/diagnostics", note, 10)
    parts = ("left camera", "right camera", "robot", "backend")

    def levels():
        return [latest[part].level if part in latest else None for part in parts]

    client.until(lambda: levels() == [b"\x00"] * 4, what="health")
    cell.fault("left_silent")
    client.until(lambda: levels() == [b"\x02", b"\x00", b"\x00", b"\x00"], what="the silent camera's error")
    assert "no usable image" in latest["left camera"].message
    cell.fault("frozen_pose")
    client.until(lambda: levels()[0] == b"\x00" and levels()[2] == b"\x02", what="the lost robot's error")


def test_a_move_needs_arming_and_keeps_the_limits(cell):
    cell.start()
    client = cell.client

    def move_to(z, **fields):
        return client.call(MoveTo, "calibration_node/move_to", MoveTo.Request(point=Point(z=z), **fields))

    unarmed = move_to(0.001)
    assert not unarmed.success and "not armed" in unarmed.message
    assert move_to(0.001, dry_run=True).success
    assert not client.targets
    cell.processes.stop("calibration_node")
    client.services.clear()
    cell.start_node({"move_to.armed": "true"})
    moved = move_to(0.001)
    assert moved.success, moved.message
    assert abs(moved.reached.z - 0.001) < 3e-5
    # Interpolated at limits.max_speed, not jumped.
    heights = [target.pose.position.z for target in client.targets]
    assert max(b - a for a, b in zip(heights, heights[1:])) < 0.0005
    count = len(client.targets)
    assert "outside the allowed" in move_to(1.0).message
    assert not move_to(math.nan).success and not move_to(0.02).success
    client.spin(0.3)
    assert len(client.targets) == count
    # Disarmed on its way, it stops there.
    cell.set("calibration_node", **{"limits.max_speed": 0.001})
    under_way = client.services["calibration_node/move_to"].call_async(MoveTo.Request(point=Point(z=0.0035)))
    client.until(lambda: len(client.targets) > count + 20, what="the way")
    cell.set("calibration_node", **{"move_to.armed": False})
    stopped = client.wait(under_way)
    assert not stopped.success and "move_to.armed was set to false" in stopped.message
    count = len(client.targets)
    client.spin(0.5)
    assert len(client.targets) == count and client.poses[-1].pose.position.z < 0.003


JOINTS = {"joints.x": "''", "joints.y": "''", "joints.z": "lift", "joints.scale": "[1.0, 1.0, -1000.0]"}
JOINTS |= {"joints.offset": "[0.0, 0.0, 40.0]"}


@pytest.mark.parametrize(
    ("cell_parameters", "node"),
    [
        ({"interface": "joints"} | JOINTS, {"motion": "joints", "pose_source": "joints"} | JOINTS),
        ({"publish_tf": "true"}, {"pose_source": "tf"}),
    ],
    ids=["gantry in joints", "pose from TF"],
)
def test_other_ways_to_the_robot(cell, cell_parameters, node):
    file = cell.folder / "calibration.yaml"
    cell.start(cell=cell_parameters, node=node | {"calibration_file": file}, pose=False)
    result = calibrated(cell, heights=6)
    assert result.stereo_rms < 5e-5
    assert yaml.safe_load(file.read_text())
    if "motion" in node:
        assert not cell.client.targets
