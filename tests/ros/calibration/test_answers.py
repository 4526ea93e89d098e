"""Answers of a calibrated node: right points, or a status that says why there is none."""

import math
import random

import pytest
from geometry_msgs.msg import Point
from std_msgs.msg import Header

from grating_calibration.msg import Pixel, PointEstimate

ANSWERED = (PointEstimate.OK, PointEstimate.OUTSIDE_VOLUME)


def test_points_agree_with_the_truth(calibrated):
    left, right, points = calibrated.truth_pairs()
    response = calibrated.client.pixel_to_world(camera="stereo", left=left, right=right)
    assert response.header.frame_id == "tool0"
    misses_um = []
    for answer, point in zip(response.answers, points, strict=True):
        assert answer.status in ANSWERED
        got = (answer.point.x, answer.point.y, answer.point.z)
        misses_um.append([1e6 * g - 1e3 * p for g, p in zip(got, point, strict=True)])
        assert all(answer.covariance[i] > 0 for i in (0, 4, 8))
    rms_um = [math.sqrt(sum(miss[i] ** 2 for miss in misses_um) / len(misses_um)) for i in range(3)]
    assert max(rms_um) < 20.0, rms_um


def test_each_item_of_a_batch_has_its_own_status_and_the_message_names_the_first_bad_one(calibrated, asked):
    left, right = asked
    nan, far, off = Pixel(u=math.nan, v=1.0), Pixel(u=5000.0, v=1.0), Pixel(u=right.u, v=right.v + 40.0)
    batch = calibrated.client.pixel_to_world(left=[left, nan, left, left], right=[right, right, far, off])
    assert [answer.status for answer in batch.answers] == [
        PointEstimate.OK,
        PointEstimate.INVALID_INPUT,
        PointEstimate.OUTSIDE_IMAGE,
        PointEstimate.RAYS_MISS,
    ]
    assert batch.message.startswith("item 1")


@pytest.mark.parametrize("fields", ["pairs", "plane", "sigma"])
def test_whatever_floats_come_answers_are_numbers_or_have_a_status_that_says_why_not(calibrated, asked, fields):
    strange = [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1.8e308, -1e200, asked[0].u, 1e9]
    rng = random.Random(7)
    any_pixels = lambda: [Pixel(u=rng.choice(strange), v=rng.choice(strange)) for _ in range(100)]  # noqa: E731
    fields = {"pairs": {}, "plane": {"camera": "left", "plane_z": 0.0}, "sigma": {"pixel_sigma": 0.0}}[fields]
    for value in strange:
        fields = {name: value if isinstance(of, float) else of for name, of in fields.items()}
        answers = calibrated.client.pixel_to_world(left=any_pixels(), right=any_pixels(), **fields).answers
        assert len(answers) == 100
        for answer in answers:
            numbers = [answer.point.x, answer.point.y, answer.point.z, *answer.covariance]
            assert answer.status not in ANSWERED or all(map(math.isfinite, numbers)), (fields, answer)


OLD = Header(frame_id="base_link")
OLD.stamp.sec = 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"camera": "middle"}, PointEstimate.UNKNOWN_CAMERA),
        ({"right": []}, PointEstimate.UNKNOWN_CAMERA),
        ({"header": Header(frame_id="moon")}, PointEstimate.UNKNOWN_FRAME),
        ({"header": Header(frame_id="base_link")}, PointEstimate.OK),
        ({"header": OLD}, PointEstimate.POSE_UNAVAILABLE),
        ({"camera": "left", "right": [], "plane_z": -0.002}, PointEstimate.OK),
        ({"camera": "left", "right": [], "plane_z": -0.0045}, PointEstimate.OUTSIDE_VOLUME),
        ({"camera": "left", "right": [], "plane_z": -1.0}, PointEstimate.NO_CONVERGENCE),
    ],
    ids=["camera", "one pixel too few", "frame", "base frame", "old stamp", "plane", "plane outside", "plane far away"],
)
def test_what_is_asked_decides_the_status(calibrated, asked, fields, status):
    pair = {"left": [asked[0]], "right": [asked[1]]}
    assert [answer.status for answer in calibrated.client.pixel_to_world(**pair | fields).answers] == [status]


def test_a_point_in_the_base_frame_is_the_tools_position_plus_that_in_the_tool_frame(calibrated, asked):
    pair = {"left": [asked[0]], "right": [asked[1]]}
    in_tool = calibrated.client.pixel_to_world(**pair).answers[0].point
    in_base = calibrated.client.pixel_to_world(header=Header(frame_id="base_link"), **pair)
    tool = calibrated.client.poses[-1].pose.position
    assert in_base.header.frame_id == "base_link"
    for axis in "xyz":
        moved = getattr(in_base.answers[0].point, axis) - getattr(in_tool, axis)
        assert abs(moved - getattr(tool, axis)) < 2e-5, axis


def test_points_have_their_pixels_or_a_status(calibrated, asked):
    left, right = asked
    in_tool = calibrated.client.pixel_to_world(left=[left], right=[right]).answers[0].point
    seen = calibrated.client.world_to_pixel(points=[in_tool, Point(x=math.nan), Point(x=0.03), Point(x=9.0)])
    assert [answer.status for answer in seen.left] == [
        PointEstimate.OK,
        PointEstimate.INVALID_INPUT,
        PointEstimate.OUTSIDE_IMAGE,
        PointEstimate.NO_CONVERGENCE,
    ]
    for answer, pixel in ((seen.left[0].pixel, left), (seen.right[0].pixel, right)):
        assert abs(answer.u - pixel.u) < 0.1 and abs(answer.v - pixel.v) < 0.1
    only = calibrated.client.world_to_pixel(camera="right", points=[in_tool])
    assert len(only.left) == 0 and only.right == seen.right[:1]


def test_a_new_node_gives_the_same_answers_from_the_file(calibrated):
    left, right, _ = calibrated.truth_pairs()
    before = calibrated.client.pixel_to_world(camera="stereo", left=left, right=right)
    calibrated.processes.stop("calibration_node")
    calibrated.client.status = None
    calibrated.start_node({"calibration_file": calibrated.file})
    calibrated.client.until(lambda: calibrated.client.status is not None, what="the status")
    again = calibrated.client.pixel_to_world(camera="stereo", left=left, right=right)
    assert [a.point for a in again.answers] == [b.point for b in before.answers]
    assert [list(a.covariance) for a in again.answers] == [list(b.covariance) for b in before.answers]
