"""Whole calibrations by action over DDS."""

import math
import random
import time

import pytest
import rclpy
import yaml
from action_msgs.msg import GoalStatus
from geometry_msgs.msg import Point, PoseStamped, Vector3
from rcl_interfaces.srv import GetParameters
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Header

from grating_calibration.action import Calibrate
from grating_calibration.msg import CalibrationStatus, Pixel, PixelEstimate, PointEstimate
from grating_calibration.srv import PixelToWorld


def test_a_whole_calibration_then_every_status_then_a_restart(cell):
    file = cell.folder / "calibration.yaml"
    cell.start(node={"calibration_file": file, "record_dir": cell.folder / "sweep"})
    client = cell.client
    pair = {"left": [Pixel(u=300.0, v=180.0)], "right": [Pixel(u=300.0, v=180.0)]}
    before = client.pixel_to_world(**pair)
    assert [answer.status for answer in before.answers] == [PointEstimate.NOT_CALIBRATED]
    assert "calibrate" in before.message
    assert not client.save(cell.folder / "x.yaml").success

    feedback = []
    handle = client.send(cell.goal(), lambda message: feedback.append(message.feedback))
    assert handle.accepted
    # While it runs: services answer, a second goal is refused, the state is told.
    during = client.pixel_to_world(**pair)
    assert during.answers[0].status == PointEstimate.NOT_CALIBRATED
    assert not client.send(cell.goal()).accepted
    client.until(lambda: client.status and client.status.state == CalibrationStatus.CALIBRATING, what="the state CALIBRATING")
    ended = client.result(handle)
    assert ended.status == GoalStatus.STATUS_SUCCEEDED, ended.result.reason
    result = ended.result
    assert result.usable, result.reason
    assert result.heights == 9 and result.method == "auto" and result.file == str(file)
    assert max(result.cross_validation_rms_px) < 0.2 and result.stereo_rms < 5e-5 and result.min_phase_margin > 0.5
    assert {"preflight", "moving", "fitting", "mapping", "saving"} <= {message.stage for message in feedback}
    assert feedback[-1].step == feedback[-1].steps == 9
    client.until(lambda: client.status and client.status.state == CalibrationStatus.READY, what="the state READY")

    left, right, points = cell.truth_pairs()
    response = client.pixel_to_world(camera="stereo", left=left, right=right)
    assert response.header.frame_id == "tool0"
    misses = []
    for answer, point in zip(response.answers, points, strict=True):
        assert answer.status in (PointEstimate.OK, PointEstimate.OUTSIDE_VOLUME)
        got = (answer.point.x, answer.point.y, answer.point.z)
        misses.append([1e6 * g - 1e3 * p for g, p in zip(got, point, strict=True)])
        assert all(answer.covariance[i] > 0 for i in (0, 4, 8))
    rms = [math.sqrt(sum(miss[i] ** 2 for miss in misses) / len(misses)) for i in range(3)]
    assert max(rms) < 20.0, f"{rms} µm"

    every_status(cell, left[0], right[0])

    # A new node serves the same answers from the file.
    cell.processes.stop("calibration_node")
    cell.start_node({"calibration_file": file})
    client.until(lambda: client.status is not None, what="the status")
    again = client.pixel_to_world(camera="stereo", left=left, right=right)
    assert [a.point for a in again.answers] == [a.point for a in response.answers]


def every_status(cell, left, right):
    client = cell.client
    nan, far, off = Pixel(u=math.nan, v=1.0), Pixel(u=5000.0, v=1.0), Pixel(u=right.u, v=right.v + 40.0)
    batch = client.pixel_to_world(left=[left, nan, left, left], right=[right, right, far, off])
    assert [answer.status for answer in batch.answers] == [
        PointEstimate.OK,
        PointEstimate.INVALID_INPUT,
        PointEstimate.OUTSIDE_IMAGE,
        PointEstimate.RAYS_MISS,
    ]
    assert batch.message.startswith("item 1")

    # Whatever floats come: numbers back, or a status that says why not.
    strange = [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1.8e308, -1e200, left.u, 1e9]
    rng = random.Random(7)
    any_pixels = lambda: [Pixel(u=rng.choice(strange), v=rng.choice(strange)) for _ in range(500)]  # noqa: E731
    for fields in ({}, {"camera": "left", "plane_z": rng.choice(strange)}, {"pixel_sigma": rng.choice(strange)}):
        answers = client.pixel_to_world(left=any_pixels(), right=any_pixels(), **fields).answers
        assert len(answers) == 500
        for answer in answers:
            numbers = [answer.point.x, answer.point.y, answer.point.z, *answer.covariance]
            assert answer.status not in (PointEstimate.OK, PointEstimate.OUTSIDE_VOLUME) or all(map(math.isfinite, numbers))

    def status(**fields):
        return {answer.status for answer in client.pixel_to_world(**fields).answers}

    pair = {"left": [left], "right": [right]}
    assert status(camera="middle", **pair) == {PointEstimate.UNKNOWN_CAMERA}
    assert status(left=[left, left], right=[right]) == {PointEstimate.UNKNOWN_CAMERA}
    assert status(header=Header(frame_id="moon"), **pair) == {PointEstimate.UNKNOWN_FRAME}
    assert status(header=Header(frame_id="base_link"), **pair) == {PointEstimate.OK}
    old = Header(frame_id="base_link")
    old.stamp.sec = 1
    assert status(header=old, **pair) == {PointEstimate.POSE_UNAVAILABLE}
    assert status(camera="left", left=[left], plane_z=-0.002) == {PointEstimate.OK}
    assert status(camera="left", left=[left], plane_z=-0.0045) == {PointEstimate.OUTSIDE_VOLUME}
    assert status(camera="left", left=[left], plane_z=-1.0) == {PointEstimate.NO_CONVERGENCE}

    # The same point in the base frame is where the tool stands plus the point in the tool frame.
    in_tool = client.pixel_to_world(**pair).answers[0].point
    in_base = client.pixel_to_world(header=Header(frame_id="base_link"), **pair)
    tool = client.poses[-1].pose.position
    assert in_base.header.frame_id == "base_link"
    assert abs(in_base.answers[0].point.z - tool.z - in_tool.z) < 2e-5

    seen = client.world_to_pixel(points=[in_tool, Point(x=math.nan), Point(x=0.03), Point(x=9.0)])
    assert [answer.status for answer in seen.left] == [
        PointEstimate.OK,
        PointEstimate.INVALID_INPUT,
        PointEstimate.OUTSIDE_IMAGE,
        PointEstimate.NO_CONVERGENCE,
    ]
    assert abs(seen.left[0].pixel.u - left.u) < 0.1 and abs(seen.right[0].pixel.v - right.v) < 0.1
    assert isinstance(seen.right[0], PixelEstimate)
    only = client.world_to_pixel(camera="right", points=[in_tool])
    assert len(only.left) == 0 and len(only.right) == 1


def test_cancel_stops_the_robot_and_leaves_the_node_ready(cell):
    cell.start()
    client = cell.client
    handle = cell.calibrating(4)
    # The same goal again, by another client, is refused and leaves the one that runs alone.
    twin = ActionClient(client.node, Calibrate, "calibration_node/calibrate")
    assert twin.wait_for_server(timeout_sec=20.0)
    assert not client.wait(twin.send_goal_async(cell.goal(), goal_uuid=handle.goal_id)).accepted
    twin.destroy()
    client.spin(0.3)
    assert handle.status == GoalStatus.STATUS_EXECUTING
    answer = client.wait(handle.cancel_goal_async())
    assert len(answer.goals_canceling) == 1
    ended = client.result(handle)
    assert ended.status == GoalStatus.STATUS_CANCELED
    # The last command was to stay: from then on neither commands nor motion.
    client.spin(0.5)
    commands, place = len(client.targets), client.poses[-1].pose.position.z
    client.spin(1.5)
    assert len(client.targets) == commands
    assert abs(client.poses[-1].pose.position.z - place) < 2e-5
    assert place < 0.006

    second = client.send(cell.goal(heights=6))
    assert second.accepted
    assert client.result(second).status == GoalStatus.STATUS_SUCCEEDED


def test_long_after_a_goal_its_result_is_there_and_the_node_rests(cell):
    cell.start()
    handle = cell.client.send(cell.goal(heights=5, dry_run=True))
    first = cell.client.result(handle)
    assert first.status == GoalStatus.STATUS_SUCCEEDED and first.result.plan
    # A server of rcl forgets a goal after 10 s; that of r2r would never rest again (r2r issue 136).
    cell.client.spin(11.0)
    again = cell.client.result(handle)
    assert (again.status, again.result.plan) == (first.status, first.result.plan)
    before, seconds = cell.processes.switches("calibration_node"), 2.0
    time.sleep(seconds)
    switches = (cell.processes.switches("calibration_node") - before) / seconds
    # Images, poses and timers wake it some hundred times a second; a wait that returns at once ten thousand times.
    assert switches < 3000, f"{switches:.0f} context switches a second"


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
        ({}, {"origins": "half a cell off"}, "is no grid intersection"),
    ],
)  # fmt: skip
def test_goals_that_can_not_end_well_do_not_move_the_robot(cell, node, change, reason):
    cell.start(node=node)
    goal = cell.goal()
    for name, value in change.items():
        if value == "half a cell off":
            value = [Pixel(u=origin.u + 10.0, v=origin.v + 10.0) for origin in goal.origins]
        setattr(goal, name, value)
    ended = cell.client.result(cell.client.send(goal))
    assert ended.status == GoalStatus.STATUS_ABORTED
    assert reason in ended.result.reason, ended.result.reason
    assert not ended.result.usable
    away = [math.hypot(t.pose.position.x, t.pose.position.y, t.pose.position.z) for t in cell.client.targets]
    assert all(distance < 2e-5 for distance in away), "the robot was sent away from where it stood"


def test_lost_pose_and_deviation_stop_the_sweep(cell):
    cell.start()
    client = cell.client
    handle = cell.calibrating(3)
    # Somebody else drives the robot away.
    elsewhere = PoseStamped()
    elsewhere.pose.position.x = 0.02
    elsewhere.pose.orientation.w = 1.0
    client.node.create_publisher(PoseStamped, "robot/target_pose", 10).publish(elsewhere)
    for _ in range(20):
        client.node.create_publisher(PoseStamped, "robot/target_pose", 10).publish(elsewhere)
        client.spin(0.02)
    ended = client.result(handle)
    assert ended.status == GoalStatus.STATUS_ABORTED
    assert "off its way" in ended.result.reason or "did not settle" in ended.result.reason, ended.result.reason

    cell.processes.stop("sim_cell")
    client.spin(1.0)
    ended = client.result(client.send(cell.goal()))
    assert "no robot pose arrives" in ended.result.reason


def test_a_damaged_file_leaves_the_node_unserving_but_alive(cell):
    file = cell.folder / "calibration.yaml"
    file.write_text("version: 1\ncreated: yesterday\n")
    cell.start_node({"calibration_file": file})
    client = cell.client
    client.until(lambda: client.status is not None, what="the status")
    assert client.status.state == CalibrationStatus.UNCALIBRATED
    assert str(file) in client.status.reason
    answer = client.pixel_to_world(left=[Pixel()], right=[Pixel()])
    assert answer.answers[0].status == PointEstimate.NOT_CALIBRATED
    loaded = client.load(file)
    assert not loaded.success and "missing field" in loaded.message
    assert not client.load("/nowhere.yaml").success


def test_clients_that_have_just_started_get_their_answers(cell):
    cell.start_node()
    for _ in range(12):
        # A participant of its own, as each program has: the node has never heard of it.
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


def test_nodes_end_at_once_when_told(cell):
    cell.start()
    assert isinstance(cell.client.send(cell.goal(heights=40)).accepted, bool)
    cell.client.spin(1.0)
    for name in ("calibration_node", "sim_cell"):
        assert cell.processes.stop(name) == 0


def test_the_action_is_what_the_goal_says():
    goal = Calibrate.Goal()
    assert goal.height_stop == 0.02 and goal.height_step == 0.0001 and goal.method == "auto"


def test_jogs_measure_the_print(cell):
    file = cell.folder / "calibration.yaml"
    cell.start(cell={"grid.print.scale": [0.01, 0.004]}, node={"calibration_file": file})
    goal = cell.goal(heights=6)
    goal.jogs = [Vector3(x=0.0008), Vector3(y=0.0008)]
    ended = cell.client.result(cell.client.send(goal))
    assert ended.result.usable, ended.result.reason
    calibration = yaml.safe_load(file.read_text())
    assert "robot's axes" in calibration["frame"]
    stage = calibration["stage"]
    assert stage["print_measured"]
    # 1 µm of encoder noise over 0.8 mm.
    for measured, printed in zip(stage["pitch_mm"], (1.111, 1.1044), strict=True):
        assert abs(measured / printed - 1.0) < 4e-3, stage
    assert all(target.pose.position.z >= -1e-6 for target in cell.client.targets)
    along_x = [1e3 * target.pose.position.x for target in cell.client.targets]
    assert max(along_x) - min(along_x) > 0.79 and max(b - a for a, b in zip(along_x, along_x[1:])) < 0.31


def test_answers_follow_a_tool_that_points_down(cell):
    # Half a turn about x, as many arms hold their tool: its y and z run against the base's.
    cell.start(cell={"tool_orientation": [1.0, 0.0, 0.0, 0.0]})
    result = cell.client.result(cell.client.send(cell.goal())).result
    assert result.usable, result.reason
    left, right, points = cell.truth_pairs()
    for frame, signs in (("tool0", (1.0, -1.0, -1.0)), ("calibration", (1.0, 1.0, 1.0))):
        response = cell.client.pixel_to_world(camera="stereo", left=left, right=right, header=Header(frame_id=frame))
        for answer, point in zip(response.answers, points, strict=True):
            got = (answer.point.x, answer.point.y, answer.point.z)
            for g, sign, p in zip(got, signs, point, strict=True):
                assert abs(1e3 * g - sign * p) < 0.1, (frame, got, point)
