"""`~/move_to`: only when armed, only within the limits."""

import math

import pytest
from geometry_msgs.msg import Point

from grating_calibration.msg import CalibrationStatus
from grating_calibration.srv import MoveTo
from support.cell import Cell


@pytest.fixture(scope="module")
def robot(tmp_path_factory):
    with Cell(tmp_path_factory.mktemp("robot")) as cell:
        cell.start()
        yield cell


def test_a_move_needs_arming(robot):
    robot.set("calibration_node", **{"move_to.armed": False})
    unarmed = robot.client.move_to(Point(z=0.001))
    assert not unarmed.success and "not armed" in unarmed.message
    assert robot.client.move_to(Point(z=0.001), dry_run=True).success
    assert not robot.client.set_points


def test_an_armed_move_is_interpolated_at_the_speed_limit(robot):
    robot.set("calibration_node", **{"move_to.armed": True})
    robot.client.set_points.clear()
    moved = robot.client.move_to(Point(z=0.001))
    assert moved.success, moved.message
    assert abs(moved.reached.z - 0.001) < 3e-5
    heights = [set_point.pose.position.z for set_point in robot.client.set_points]
    assert len(heights) > 2 and max(b - a for a, b in zip(heights, heights[1:])) < 0.0005


def test_a_move_is_no_calibration(robot):
    robot.set("calibration_node", **{"move_to.armed": True})
    client = robot.client
    client.states.clear()
    assert client.move_to(Point(z=0.0005)).success
    # The status comes with the begin and the end of each move.
    client.until(lambda: len(client.states) >= 2, what="the status of the move")
    assert set(client.states) == {CalibrationStatus.UNCALIBRATED}, client.states


def test_a_move_beyond_the_limits_is_refused(robot):
    robot.set("calibration_node", **{"move_to.armed": True})
    robot.client.spin(0.3)
    robot.client.set_points.clear()
    assert "outside the allowed" in robot.client.move_to(Point(z=1.0)).message
    for z in (math.nan, 0.02):
        assert not robot.client.move_to(Point(z=z)).success
    robot.client.spin(0.3)
    assert not robot.client.set_points


def test_disarmed_on_its_way_the_tool_stops_there(robot):
    robot.set("calibration_node", **{"move_to.armed": True, "limits.max_speed": 0.001})
    client = robot.client
    client.set_points.clear()
    start = client.poses[-1].pose.position.z
    under_way = client.services["calibration_node/move_to"].call_async(MoveTo.Request(point=Point(z=start + 0.0025)))
    client.until(lambda: len(client.set_points) > 20, what="the way")
    robot.set("calibration_node", **{"move_to.armed": False})
    stopped = client.wait(under_way)
    assert not stopped.success and "move_to.armed was set to false" in stopped.message
    client.assert_rests()
    assert start < client.poses[-1].pose.position.z < start + 0.002
