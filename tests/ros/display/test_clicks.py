"""Clicks in the images become points, rows of a table, and moves of an armed tool."""

import csv
import math
import types

import pytest
from geometry_msgs.msg import Point, PointStamped
from rcl_interfaces.msg import Log
from rclpy.qos import QoSProfile
from visualization_msgs.msg import MarkerArray

from grating_calibration.msg import Click, PointEstimate
from support.client import LATCHED

WARNING = 30


class Clicker:
    """A person with a mouse: whole pixels as rqt_image_view publishes them, or any pixel by the image's frame."""

    def __init__(self, cell):
        self.cell, self.client = cell, cell.client
        self.clicks, self.points, self.log = [], [], []
        node = self.client.node
        node.create_subscription(Click, "calibration_node/click", self.clicks.append, 10)
        node.create_subscription(PointStamped, "clicked_point", self.points.append, 10)
        node.create_subscription(Log, "/rosout", self.log.append, QoSProfile(depth=100))
        self.mouse = {side: node.create_publisher(Point, f"{side}/image_raw_mouse_left", 10) for side in ("left", "right")}
        self.pixels = node.create_publisher(PointStamped, "clicked_pixel", 10)
        publishers = [*self.mouse.values(), self.pixels]
        self.client.until(lambda: all(p.get_subscription_count() for p in publishers), what="the node's subscriptions")

    def click(self, side, u, v):
        return self.answer_to(lambda: self.mouse[side].publish(Point(x=float(u), y=float(v))))

    def click_in_frame(self, frame, u, v):
        message = PointStamped(point=Point(x=float(u), y=float(v)))
        message.header.frame_id = frame
        return self.answer_to(lambda: self.pixels.publish(message))

    def answer_to(self, publish):
        before = len(self.clicks), len(self.points)
        publish()
        answered = lambda: len(self.clicks) > before[0] and len(self.points) > before[1]  # noqa: E731
        self.client.until(answered, what="the click's answer")
        return self.clicks[-1]

    def latest_row(self):
        return list(csv.DictReader(open(self.cell.folder / "clicked_points.csv")))[-1]


@pytest.fixture(scope="module")
def clicker(shown):
    return Clicker(shown)


@pytest.fixture
def origin(shown, clicker):
    """Where both cameras see the grid's origin, in base_link (0, 0, 0), from the highest pose; no click waits for its partner."""
    seen = shown.client.world_to_pixel(points=[Point(z=-shown.top_m)])
    origin = types.SimpleNamespace(left=seen.left[0].pixel, right=seen.right[0].pixel)
    clicker.click("left", round(origin.left.u), round(origin.left.v))
    assert clicker.click("right", round(origin.right.u), round(origin.right.v)).by == "stereo"
    return origin


def distance(click, x, y, z):
    point = click.estimate.point
    return math.dist((point.x, point.y, point.z), (x, y, z))


def test_a_click_in_one_image_is_a_point_of_the_grids_plane(clicker, origin):
    one = clicker.click("left", round(origin.left.u), round(origin.left.v))
    assert (one.camera, one.by, one.header.frame_id, one.message) == ("left", "plane", "base_link", "")
    assert one.estimate.status == PointEstimate.OK and math.isnan(one.right.u)
    # Whole pixels are half a pixel off: 35 µm here.
    assert distance(one, 0, 0, 0) < 6e-5
    assert one.estimate.covariance[0] > (1e-5) ** 2 and one.estimate.covariance[8] == 0.0


def test_a_click_in_each_image_is_one_point_by_stereo_and_then_used_up(clicker, origin):
    left, right = ((round(pixel.u), round(pixel.v)) for pixel in (origin.left, origin.right))
    assert clicker.click("left", *left).by == "plane"
    both = clicker.click("right", *right)
    assert both.by == "stereo" and (both.left.u, both.left.v, both.right.u, both.right.v) == (*left, *right)
    point = both.estimate.point
    assert math.hypot(point.x, point.y) < 2e-4 and abs(point.z) < 5e-4 and both.estimate.covariance[8] > 0
    assert float(clicker.latest_row()["czz_m2"]) > 0
    again = clicker.click("left", *left)
    assert again.by == "plane" and again.message == ""


def test_a_left_and_a_right_click_at_the_same_instant_are_one_point(clicker, origin):
    for _ in range(20):
        clicker.clicks.clear()
        for side, at in (("left", origin.left), ("right", origin.right)):
            clicker.mouse[side].publish(Point(x=at.u, y=at.v))
        clicker.client.until(lambda: len(clicker.clicks) == 2, what="both answers")
        assert sorted(answer.by for answer in clicker.clicks) == ["plane", "stereo"]


def test_a_pixel_between_whole_ones_is_as_good_as_the_calibration(clicker, origin):
    fine = clicker.click_in_frame("left", origin.left.u, origin.left.v)
    assert fine.by == "plane" and distance(fine, 0, 0, 0) < 5e-6, fine
    row = clicker.latest_row()
    assert row["by"] == "plane" and abs(float(row["x_m"])) < 5e-6 and row["time"].startswith("20")


def test_clicks_on_different_points_are_taken_alone(clicker, origin):
    clicker.click("left", round(origin.left.u), round(origin.left.v))
    other = clicker.click_in_frame("right", origin.right.u + 60, origin.right.v + 40)
    assert other.by == "plane" and "another point" in other.message


def test_a_click_outside_the_image_has_no_point_and_is_logged_as_a_warning(clicker, origin):
    off = clicker.click("left", 5000, 10)
    assert off.estimate.status == PointEstimate.OUTSIDE_IMAGE and "outside the image" in off.message and off.by == ""
    assert math.isnan(clicker.points[-1].point.x)
    row = clicker.latest_row()
    assert (row["status"], row["by"], row["x_m"]) == ("outside_image", "", "")
    told = lambda: [line for line in clicker.log if "(5000.0, 10.0) px" in line.msg]  # noqa: E731
    clicker.client.until(told, what="the line on /rosout")
    assert (told()[0].level, told()[0].name) == (WARNING, "calibration_node")


def test_a_click_in_no_cameras_frame_names_the_cameras(clicker):
    rows = len((clicker.cell.folder / "clicked_points.csv").read_text().splitlines())
    nobody = clicker.click_in_frame("tool0", 1, 1)
    assert nobody.estimate.status == PointEstimate.UNKNOWN_CAMERA and "left or right" in nobody.message
    assert len((clicker.cell.folder / "clicked_points.csv").read_text().splitlines()) == rows


def test_clicked_points_are_among_the_markers(clicker, origin):
    names = {marker.ns for marker in clicker.client.latest(MarkerArray, "calibration_node/grid_markers", LATCHED).markers}
    assert {"clicked points", "last click"} <= names


def test_a_click_moves_the_tool_only_when_it_is_armed(shown, clicker):
    client, log = shown.client, lambda: shown.processes.log("calibration_node")
    here = client.poses[-1].pose.position
    seen = client.world_to_pixel(points=[Point(x=0.0003, y=-0.0002, z=-here.z)]).left[0].pixel
    shown.set("calibration_node", **{"click.move": "any", "click.approach": [0.0, 0.0, 0.002]})
    client.set_points.clear()
    clicker.click("left", seen.u, seen.v)
    client.until(lambda: "not armed" in log(), what="the refusal")
    assert not client.set_points
    shown.set("calibration_node", **{"move_to.armed": True})
    clicker.click("left", seen.u, seen.v)
    client.until(lambda: "moved to the clicked point" in log(), what="the move")
    there = client.poses[-1].pose.position
    assert math.dist((there.x, there.y, there.z), (0.0003, -0.0002, 0.002)) < 5e-5, there
    assert client.move_to(Point(z=shown.top_m)).success
    shown.set("calibration_node", **{"move_to.armed": False, "click.move": "off"})
