"""Cameras for other software: CameraInfo, camera YAML, OpenCV's file, URDF."""

import csv
import json
import os
import subprocess
import types
import xml.etree.ElementTree

import pytest
import yaml
from geometry_msgs.msg import Point
from sensor_msgs.msg import CameraInfo

from grating_calibration.msg import PointEstimate
from nodes import ROOT
from support.client import LATCHED

SIDES = ("left", "right")


def grid_lines(cell):
    """Straight lines of the grid from the highest pose, px, as the served model sees them: for each camera."""
    lines = {side: [] for side in SIDES}
    for axis in (0, 1):
        for number in (-5, 0, 5):
            along = [(0.0011 * number, 0.0011 * n) if axis else (0.0011 * n, 0.0011 * number) for n in range(-9, 10)]
            seen = cell.client.world_to_pixel(points=[Point(x=x, y=y, z=-cell.top_m) for x, y in along])
            for side in SIDES:
                line = [[a.pixel.u, a.pixel.v] for a in getattr(seen, side) if a.status <= PointEstimate.OUTSIDE_VOLUME]
                if len(line) > 6:
                    lines[side].append(line)
    return lines


@pytest.fixture(scope="module")
def exported(shown):
    """What the node exports, and what OpenCV makes of it."""
    stem = shown.file.with_suffix("")
    told = {"lines": grid_lines(shown), "left": [], "right": [], "points_mm": []}
    for row in csv.DictReader(open(shown.truth_dir / "truth_points.csv")):
        told["points_mm"].append([float(row[name]) for name in ("x_mm", "y_mm", "z_mm")])
        for side in SIDES:
            told[side].append([float(row[f"u_{side}"]), float(row[f"v_{side}"])])
    private_python = [ROOT / "scripts/setup/private_python.sh", "peers"]
    python = subprocess.run(private_python, check=True, capture_output=True, text=True).stdout.strip() + "/bin/python"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LD_", "PYTHON", "VIRTUAL"))}
    command = [python, ROOT / "tests/ros/support/rectify.py", shown.file]
    done = subprocess.run(command, input=json.dumps(told), capture_output=True, text=True, env=clean)
    assert done.returncode == 0, done.stderr
    return types.SimpleNamespace(
        infos={side: shown.client.latest(CameraInfo, f"{side}/camera_info", LATCHED) for side in SIDES},
        yaml={side: yaml.safe_load((stem.parent / f"{stem.name}_{side}.yaml").read_text()) for side in SIDES},
        opencv=json.loads(done.stdout),
        calibration=yaml.safe_load(shown.file.read_text()),
    )


@pytest.mark.parametrize("side", SIDES)
def test_camera_info_camera_yaml_and_opencvs_file_hold_the_same(exported, side):
    info, file, opencv = exported.infos[side], exported.yaml[side], exported.opencv[side]
    assert (info.header.stamp.sec, info.header.stamp.nanosec) != (0, 0)
    assert info.distortion_model == file["distortion_model"] in ("plumb_bob", "rational_polynomial")
    assert list(info.k) == file["camera_matrix"]["data"] == opencv["k"]
    assert list(info.d) == file["distortion_coefficients"]["data"] == opencv["d"]
    assert list(info.r) == file["rectification_matrix"]["data"] == opencv["r"]
    assert (info.width, info.height) == (file["image_width"], file["image_height"]) == (640, 360)
    # OpenCV's file is in millimetres, CameraInfo in metres.
    p = file["projection_matrix"]["data"]
    assert list(info.p) == p and p[3] == pytest.approx(1e-3 * opencv["p"][3])
    assert p[:3] + p[4:] == opencv["p"][:3] + opencv["p"][4:]


@pytest.mark.parametrize("side", SIDES)
def test_the_exported_camera_projects_and_straightens_lines(exported, side):
    info, opencv = exported.infos[side], exported.opencv[side]
    # The lens has a part that no Brown model holds, 0.25 px in amplitude.
    assert opencv["projection_rms_px"] < 0.25, opencv
    assert 3 * opencv["straight_px"] < opencv["bent_px"], opencv
    assert opencv["empty_px"] == 0
    assert abs(info.k[2] - 320) < 12 and abs(info.k[5] - 180) < 12 and abs(info.k[0] / info.k[4] - 1) < 0.01


def test_a_rectified_pair_is_as_stereo_image_proc_needs_it(exported):
    """The same rows, converging cameras though they are, and a depth by P's Tx."""
    left, right, opencv = exported.infos["left"].p, exported.infos["right"].p, exported.opencv
    assert left[0] == left[5] == right[0] == right[5] and left[6] == right[6] and left[3] == 0.0
    assert right[3] == pytest.approx(-1e-3 * right[0] * opencv["baseline_mm"][0])
    misfit_px = max(exported.calibration[side]["standard"]["misfit_rms_px"] for side in SIDES)
    scale = left[0] / exported.infos["left"].k[0]
    assert opencv["rows_rms_px"] < 2.0 * misfit_px * scale and opencv["raw_rows_px"] > 10.0, opencv
    (low, high), (searched_low, searched_high) = opencv["disparity_px"], opencv["searched_px"]
    assert searched_low - 8 < low < high < searched_high + 8 and searched_high - searched_low < 60, opencv


def test_triangulated_points_and_extrinsics_are_the_truth(exported):
    opencv = exported.opencv
    assert opencv["triangulated_rms_mm"] < 0.02, opencv
    baseline_mm = opencv["baseline_mm"]
    assert abs(baseline_mm[0] - baseline_mm[1]) < 0.1 and abs(baseline_mm[0] - 12.0) < 0.4, baseline_mm
    assert opencv["turn_rad"] < 0.003, opencv


def test_frames_for_the_robots_description_are_where_the_simulator_has_the_cameras(shown, exported):
    urdf = xml.etree.ElementTree.parse(shown.folder / "calibration_cameras.urdf").getroot()
    origins = {joint.find("child").get("link"): joint.find("origin").get("xyz").split() for joint in urdf.iter("joint")}
    x, _, z = map(float, origins["left_camera_optical_frame"])
    assert abs(abs(x) - 0.006) < 0.001 and abs(z - 0.030) < 0.001, origins
    assert (shown.folder / "calibration_static_tf.sh").read_text().count("static_transform_publisher") == 4
