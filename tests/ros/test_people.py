"""What people see and do: markers, dataset, TF, overlays, clicks, camera info. One calibration serves all tests."""

import csv
import json
import math
import os
import struct
import subprocess
import xml.etree.ElementTree

import pytest
import yaml
from geometry_msgs.msg import Point, PointStamped
from rcl_interfaces.msg import Log
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from conftest import ROOT, Cell, save_png
from grating_calibration.msg import Click, PointEstimate

LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
HEIGHTS, STEP = 7, 0.0005


class Bytes:
    """Messages of a topic with their arrival and size."""

    def __init__(self, client, kind, topic, qos):
        self.messages, self.sizes = [], []
        client.node.create_subscription(kind, topic, self.take, qos, raw=True)
        self.kind = kind

    def take(self, raw):
        from rclpy.serialization import deserialize_message

        self.sizes.append(len(raw))
        self.messages.append(deserialize_message(raw, self.kind))


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A calibrated cell, and what was published while it was calibrated."""
    cell = Cell(tmp_path_factory.mktemp("people"))
    cell.start(node={"calibration_file": cell.folder / "calibration.yaml", "overlay.rate": 10.0})
    client = cell.client
    cell.markers = Bytes(client, MarkerArray, "calibration_node/grid_markers", LATCHED)
    cell.dataset = Bytes(client, PointCloud2, "calibration_node/dataset", LATCHED)
    cell.result = client.result(client.send(cell.goal(heights=HEIGHTS, step=STEP))).result
    assert cell.result.usable, cell.result.reason
    client.spin(1.0)
    yield cell
    cell.close()


def latest(cell, kind, topic, qos=10):
    """The next message of a topic, as somebody gets it who comes now."""
    got = []
    subscription = cell.client.node.create_subscription(kind, topic, got.append, qos)
    cell.client.until(lambda: got, what=topic)
    cell.client.node.destroy_subscription(subscription)
    return got[-1]


def test_markers_show_the_whole_scene_to_whoever_comes_late(shown):
    scene = latest(shown, MarkerArray, "calibration_node/grid_markers", LATCHED).markers
    # Everything older goes first.
    assert scene[0].action == Marker.DELETEALL
    names = {marker.ns: marker for marker in scene[1:]}
    wanted = {f"{camera} {what}" for camera in ("left", "right") for what in ("grid", "camera", "name")}
    assert wanted | {"calibrated volume"} <= set(names)
    for camera in ("left", "right"):
        grid = names[f"{camera} grid"]
        assert grid.type == Marker.LINE_LIST and len(grid.points) == len(grid.colors) > 200
        assert grid.header.frame_id == "calibration" and grid.frame_locked
        # Of the last height, each line a pitch long, and nearly all good: green.
        for a, b in zip(grid.points[::2], grid.points[1::2]):
            assert abs(a.z + (HEIGHTS - 1) * STEP) < 1e-5
            assert abs(math.dist((a.x, a.y), (b.x, b.y)) - 0.0011) < 1e-6
        assert sum(colour.g > 0.5 and colour.r < 0.95 for colour in grid.colors) > 0.9 * len(grid.colors)
        # The frustum's tip is the camera: 30 mm above the grid, 12 mm from the other.
        tip = names[f"{camera} camera"].points[0]
        assert abs(tip.z - 0.030) < 0.002 and abs(abs(tip.x) - 0.006) < 0.002, tip
    # Sent while the sweep went on, too, and never too much of it.
    grown = [len(array.markers) for array in shown.markers.messages]
    assert len(grown) >= HEIGHTS - 1
    assert 10 * max(shown.markers.sizes) + 2 * max(shown.dataset.sizes) < 5e6, (
        max(shown.markers.sizes),
        max(shown.dataset.sizes),
    )


def test_the_dataset_grows_and_ends_with_the_models_error(shown):
    widths = [cloud.width for cloud in shown.dataset.messages]
    assert widths == sorted(widths) and widths[-1] > 2000, widths
    cloud = latest(shown, PointCloud2, "calibration_node/dataset", LATCHED)
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "rgb", "error_um"]
    assert cloud.width == shown.result.correspondences and len(cloud.data) == cloud.width * cloud.point_step
    points = list(struct.iter_unpack("<fffIf", bytes(cloud.data)))
    heights = {round(-point[2] / STEP) for point in points}
    assert heights == set(range(HEIGHTS))
    errors = sorted(point[4] for point in points)
    assert 0.0 < errors[len(errors) // 2] < 10.0
    good, bad = (
        next(point[3] for point in points if test(point[4])) for test in ((lambda e: e < 1), (lambda e: e == errors[-1]))
    )
    assert good >> 8 & 255 > 200 and good >> 16 < 100
    assert bad >> 16 > good >> 16


def test_the_calibration_frame_is_on_tf(shown):
    frames = {}

    def note(message):
        frames.update({t.child_frame_id: t for t in message.transforms})

    shown.client.node.create_subscription(TFMessage, "/tf", note, 50)
    shown.client.until(lambda: "calibration" in frames, what="the calibration frame")
    frame = frames["calibration"]
    assert frame.header.frame_id == "base_link"
    assert abs(frame.transform.translation.z - shown.client.poses[-1].pose.position.z) < 2e-5


@pytest.mark.parametrize("camera", ["left", "right"])
def test_an_overlay_draws_the_grid_over_the_picture(shown, camera, request):
    raw = latest(shown, Image, f"{camera}/image_raw")
    drawn = latest(shown, Image, f"calibration_node/{camera}/overlay")
    assert (drawn.width, drawn.height, drawn.encoding) == (raw.width, raw.height, "rgb8")
    pixels = list(zip(*[iter(drawn.data)] * 3))
    blue = sum(b > r + 60 for r, _, b in pixels) / len(pixels)
    orange = sum(r > b + 60 for r, _, b in pixels) / len(pixels)
    assert 0.02 < blue < 0.3 and 0.02 < orange < 0.3, (blue, orange)
    # The origin's ring and the magenta rings of the worst crossings.
    assert any(r > 200 and g < 120 and b > 200 for r, g, b in pixels)
    if folder := request.config.getoption("--pictures", None):
        save_png(f"{folder}/overlay_{camera}.png", drawn)


def clicks(cell):
    got = []
    cell.client.node.create_subscription(Click, "calibration_node/click", got.append, 10)
    points = []
    cell.client.node.create_subscription(PointStamped, "clicked_point", points.append, 10)
    return got, points


def test_clicks_become_points_and_rows(shown):
    client, (answers, points) = shown.client, clicks(shown)
    whole = {c: client.node.create_publisher(Point, f"{c}/image_raw_mouse_left", 10) for c in ("left", "right")}
    stamped = client.node.create_publisher(PointStamped, "clicked_pixel", 10)
    client.until(lambda: all(p.get_subscription_count() for p in [*whole.values(), stamped]), what="the node's subscriptions")

    def click(camera, u, v, how=None):
        before = len(answers)
        if how is None:
            whole[camera].publish(Point(x=float(u), y=float(v)))
        else:
            message = PointStamped(point=Point(x=float(u), y=float(v)))
            message.header.frame_id = how
            stamped.publish(message)
        client.until(lambda: len(answers) > before and len(points) > before, what="the click's answer")
        return answers[-1]

    log = []
    client.node.create_subscription(Log, "/rosout", log.append, QoSProfile(depth=100))
    # The grid's origin, in base_link at (0, 0, 0): where does each camera see it now?
    height = (HEIGHTS - 1) * STEP
    seen = client.world_to_pixel(points=[Point(x=0.0, y=0.0, z=-height)])
    left, right = seen.left[0].pixel, seen.right[0].pixel
    one = click("left", round(left.u), round(left.v))
    assert (one.camera, one.by, one.header.frame_id) == ("left", "plane", "base_link") and one.message == ""
    assert one.estimate.status == PointEstimate.OK and math.isnan(one.right.u)
    # Whole pixels are half a pixel off: 35 µm here.
    assert math.dist((one.estimate.point.x, one.estimate.point.y, one.estimate.point.z), (0, 0, 0)) < 6e-5
    assert one.estimate.covariance[0] > (1e-5) ** 2 and one.estimate.covariance[8] == 0.0
    both = click("right", round(right.u), round(right.v))
    assert both.by == "stereo" and (both.left.u, both.right.u) == (round(left.u), round(right.u))
    p = both.estimate.point
    assert math.hypot(p.x, p.y) < 2e-4 and abs(p.z) < 5e-4 and both.estimate.covariance[8] > 0
    # That pair is used up; sub-pixel clicks by frame.
    again = click("left", left.u, left.v, how="left")
    assert again.by == "plane" and abs(again.estimate.point.x) < 5e-6, again
    other = click("right", right.u + 60, right.v + 40, how="right")
    assert other.by == "plane" and "another point" in other.message
    off = click("left", 5000, 10)
    assert off.estimate.status == PointEstimate.OUTSIDE_IMAGE and "outside the image" in off.message and off.by == ""
    assert math.isnan(points[-1].point.x)
    # Said as a warning of the node, where ROS users look.
    client.until(lambda: any("(5000.0, 10.0) px" in line.msg for line in log), what="the line on /rosout")
    line = next(line for line in log if "(5000.0, 10.0) px" in line.msg)
    assert line.level == 30 and line.name == "calibration_node"
    nobody = click("", 1, 1, how="tool0")
    assert nobody.estimate.status == PointEstimate.UNKNOWN_CAMERA and "left or right" in nobody.message
    rows = list(csv.DictReader(open(shown.folder / "clicked_points.csv")))
    assert [row["by"] for row in rows] == ["plane", "stereo", "plane", "plane", ""]
    assert rows[4]["status"] == "outside_image" and rows[4]["x_m"] == "" and float(rows[1]["czz_m2"]) > 0
    assert abs(float(rows[2]["x_m"])) < 5e-6 and rows[2]["time"].startswith("20")
    names = {marker.ns for marker in latest(shown, MarkerArray, "calibration_node/grid_markers", LATCHED).markers}
    assert {"clicked points", "last click"} <= names


def test_a_click_moves_the_tool_only_when_it_is_armed(shown):
    client = shown.client
    mouse = client.node.create_publisher(Point, "left/image_raw_mouse_left", 10)
    client.until(mouse.get_subscription_count, what="the node's subscription")
    here = client.poses[-1].pose.position
    seen = client.world_to_pixel(points=[Point(x=0.0003, y=-0.0002, z=-here.z)]).left[0].pixel
    shown.set("calibration_node", **{"click.move": "any", "click.approach": [0.0, 0.0, 0.002]})
    client.targets.clear()
    answers, _ = clicks(shown)

    def click():
        before = len(answers)
        mouse.publish(Point(x=seen.u, y=seen.v))
        client.until(lambda: len(answers) > before, what="the click's answer")

    click()
    client.until(lambda: "not armed" in shown.processes.log("calibration_node"), what="the refusal")
    assert not client.targets
    shown.set("calibration_node", **{"move_to.armed": True})
    click()
    client.until(lambda: "moved to the clicked point" in shown.processes.log("calibration_node"), what="the move")
    there = client.poses[-1].pose.position
    assert math.dist((there.x, there.y, there.z), (0.0003, -0.0002, 0.002)) < 5e-5, there
    shown.set("calibration_node", **{"move_to.armed": False, "click.move": "off"})


def test_other_software_gets_a_camera_that_rectifies(shown):
    infos = {side: latest(shown, CameraInfo, f"{side}/camera_info", LATCHED) for side in ("left", "right")}
    stamps = {(s.sec, s.nanosec) for s in (info.header.stamp for info in infos.values())}
    assert stamps != {(0, 0)}
    # Straight lines of the grid as the served model sees them, and the simulator's own points.
    height = (HEIGHTS - 1) * STEP
    told = {"lines": {"left": [], "right": []}, "left": [], "right": [], "points_mm": []}
    for axis in (0, 1):
        for place in (-5, 0, 5):
            along = [(0.0011 * place, 0.0011 * n) if axis else (0.0011 * n, 0.0011 * place) for n in range(-9, 10)]
            seen = shown.client.world_to_pixel(points=[Point(x=x, y=y, z=-height) for x, y in along])
            for side in ("left", "right"):
                line = [[a.pixel.u, a.pixel.v] for a in getattr(seen, side) if a.status <= PointEstimate.OUTSIDE_VOLUME]
                if len(line) > 6:
                    told["lines"][side].append(line)
    for row in csv.DictReader(open(shown.truth_dir / "truth_points.csv")):
        told["points_mm"].append([float(row[name]) for name in ("x_mm", "y_mm", "z_mm")])
        for side in ("left", "right"):
            told[side].append([float(row[f"u_{side}"]), float(row[f"v_{side}"])])
    private_python = [ROOT / "scripts/setup/private_python.sh", "peers"]
    python = subprocess.run(private_python, check=True, capture_output=True, text=True).stdout.strip() + "/bin/python"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LD_", "PYTHON", "VIRTUAL"))}
    command = [python, ROOT / "tests/ros/rectify.py", shown.folder / "calibration.yaml"]
    done = subprocess.run(command, input=json.dumps(told), capture_output=True, text=True, env=clean)
    assert done.returncode == 0, done.stderr
    opencv = json.loads(done.stdout)
    for side, info in infos.items():
        yaml_file = yaml.safe_load((shown.folder / f"calibration_{side}.yaml").read_text())
        assert info.distortion_model == yaml_file["distortion_model"] in ("plumb_bob", "rational_polynomial")
        assert list(info.k) == yaml_file["camera_matrix"]["data"] == opencv[side]["k"]
        assert list(info.d) == yaml_file["distortion_coefficients"]["data"] == opencv[side]["d"]
        assert (info.width, info.height) == (yaml_file["image_width"], yaml_file["image_height"]) == (640, 360)
        assert list(info.r) == yaml_file["rectification_matrix"]["data"] == opencv[side]["r"]
        # OpenCV's file is in millimetres, CameraInfo in metres.
        p = yaml_file["projection_matrix"]["data"]
        assert list(info.p) == p and p[3] == pytest.approx(1e-3 * opencv[side]["p"][3])
        assert p[:3] + p[4:] == opencv[side]["p"][:3] + opencv[side]["p"][4:]
        assert opencv[side]["empty_px"] == 0
        # The lens has a part that no Brown model holds, 0.25 px in amplitude.
        assert opencv[side]["projection_rms_px"] < 0.25, opencv
        assert 3 * opencv[side]["straight_px"] < opencv[side]["bent_px"], opencv
        assert abs(info.k[2] - 320) < 12 and abs(info.k[5] - 180) < 12 and abs(info.k[0] / info.k[4] - 1) < 0.01
    # As stereo_image_proc needs it: the same rows, converging cameras though they are, and a depth by P's Tx.
    left, right = infos["left"].p, infos["right"].p
    assert left[0] == left[5] == right[0] == right[5] and left[6] == right[6] and left[3] == 0.0
    assert right[3] == pytest.approx(-1e-3 * right[0] * opencv["baseline_mm"][0])
    calibration = yaml.safe_load((shown.folder / "calibration.yaml").read_text())
    misfit = max(calibration[side]["standard"]["misfit_rms_px"] for side in infos)
    assert opencv["rows_rms_px"] < 2.0 * misfit * left[0] / infos["left"].k[0] and opencv["raw_rows_px"] > 10.0, opencv
    assert opencv["triangulated_rms_mm"] < 0.02, opencv
    (low, high), (searched_low, searched_high) = opencv["disparity_px"], opencv["searched_px"]
    assert searched_low - 8 < low < high < searched_high + 8 and searched_high - searched_low < 60, opencv
    baseline = opencv["baseline_mm"]
    assert abs(baseline[0] - baseline[1]) < 0.1 and abs(baseline[0] - 12.0) < 0.4, baseline
    assert opencv["turn_rad"] < 0.003, opencv
    # Frames for the robot's description: the camera is where the simulator has it.
    urdf = xml.etree.ElementTree.parse(shown.folder / "calibration_cameras.urdf").getroot()
    origins = {joint.find("child").get("link"): joint.find("origin").get("xyz").split() for joint in urdf.iter("joint")}
    x, _, z = map(float, origins["left_camera_optical_frame"])
    assert abs(abs(x) - 0.006) < 0.001 and abs(z - 0.030) < 0.001, origins
    assert (shown.folder / "calibration_static_tf.sh").read_text().count("static_transform_publisher") == 4
