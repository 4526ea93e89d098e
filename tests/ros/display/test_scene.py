"""Markers, dataset and TF: the calibration as RViz shows it."""

import math
import struct

import pytest
from sensor_msgs.msg import PointCloud2
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from support.cell import STEP
from support.client import LATCHED

SIDES = ("left", "right")


@pytest.fixture(scope="module")
def markers(shown):
    """What a late subscriber gets, by namespace."""
    scene = shown.client.latest(MarkerArray, "calibration_node/grid_markers", LATCHED).markers
    assert scene[0].action == Marker.DELETEALL, "what an earlier sweep left must go first"
    return {marker.ns: marker for marker in scene[1:]}


def test_a_late_subscriber_gets_the_whole_scene(markers):
    wanted = {f"{side} {what}" for side in SIDES for what in ("grid", "camera", "name")}
    assert wanted | {"calibrated volume"} <= set(markers)


@pytest.mark.parametrize("side", SIDES)
def test_the_grid_is_that_of_the_last_height_and_nearly_all_green(shown, markers, side):
    grid = markers[f"{side} grid"]
    assert grid.type == Marker.LINE_LIST and len(grid.points) == len(grid.colors) > 200
    assert grid.header.frame_id == "calibration" and grid.frame_locked
    for a, b in zip(grid.points[::2], grid.points[1::2]):
        assert abs(a.z + shown.top_m) < 1e-5
        # A pitch long.
        assert abs(math.dist((a.x, a.y), (b.x, b.y)) - 0.0011) < 1e-6
    assert sum(colour.g > 0.5 and colour.r < 0.95 for colour in grid.colors) > 0.9 * len(grid.colors)


def test_the_tips_of_the_frustums_are_the_cameras(markers):
    left, right = (markers[f"{side} camera"].points[0] for side in SIDES)
    assert abs(left.z - 0.030) < 0.002 and abs(right.z - 0.030) < 0.002
    assert abs(math.dist((left.x, left.y), (right.x, right.y)) - 0.012) < 0.002


def test_markers_are_sent_while_the_sweep_goes_on_and_take_little_of_the_network(shown):
    assert len(shown.markers.messages) >= shown.heights - 1
    # Ten arrays of markers and two datasets per second, in bytes.
    assert 10 * max(shown.markers.sizes) + 2 * max(shown.dataset.sizes) < 5e6


def test_the_dataset_grows_and_ends_with_every_correspondence(shown):
    widths = [cloud.width for cloud in shown.dataset.messages]
    assert widths == sorted(widths) and len(set(widths)) >= shown.heights - 1, widths
    assert widths[-1] == shown.result.correspondences > 2000


def test_points_of_the_dataset_have_their_height_and_are_coloured_by_the_models_error(shown):
    cloud = shown.client.latest(PointCloud2, "calibration_node/dataset", LATCHED)
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "rgb", "error_um"]
    assert len(cloud.data) == cloud.width * cloud.point_step
    points = list(struct.iter_unpack("<fffIf", bytes(cloud.data)))
    assert {round(-point[2] / STEP) for point in points} == set(range(shown.heights))
    errors_um = sorted(point[4] for point in points)
    assert 0.0 < errors_um[len(errors_um) // 2] < 10.0
    good = next(rgb for *_, rgb, error_um in points if error_um < 1)
    worst = next(rgb for *_, rgb, error_um in points if error_um == errors_um[-1])
    red, green = (lambda rgb: rgb >> 16 & 255), (lambda rgb: rgb >> 8 & 255)
    assert green(good) > 200 and red(good) < 100 and red(worst) > red(good)


def test_the_calibration_frame_is_on_tf(shown):
    frames = {}

    def note(message):
        frames.update({t.child_frame_id: t for t in message.transforms})

    shown.client.node.create_subscription(TFMessage, "/tf", note, 50)
    shown.client.until(lambda: "calibration" in frames, what="the calibration frame")
    frame = frames["calibration"]
    assert frame.header.frame_id == "base_link"
    assert abs(frame.transform.translation.z - shown.client.poses[-1].pose.position.z) < 2e-5
