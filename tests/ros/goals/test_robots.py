"""Cells of other kinds: jogs over a bad print, a tool that points down, a gantry in joints, poses from TF."""

import pytest
import yaml
from geometry_msgs.msg import Vector3
from std_msgs.msg import Header


def test_jogs_measure_the_print(cell):
    cell.start(cell={"grid.print.scale": [0.01, 0.004]}, node={"calibration_file": cell.file})
    cell.calibrated(heights=6, jogs=[Vector3(x=0.0008), Vector3(y=0.0008)])
    calibration = yaml.safe_load(cell.file.read_text())
    assert "robot's axes" in calibration["frame"]
    stage = calibration["stage"]
    assert stage["print_measured"]
    # 1 µm of encoder noise over 0.8 mm.
    for measured, printed in zip(stage["pitch_mm"], (1.111, 1.1044), strict=True):
        assert abs(measured / printed - 1.0) < 4e-3, stage
    positions = [set_point.pose.position for set_point in cell.client.set_points]
    assert all(position.z >= -1e-6 for position in positions)
    along_x = [1e3 * position.x for position in positions]
    assert max(along_x) - min(along_x) > 0.79 and max(b - a for a, b in zip(along_x, along_x[1:])) < 0.31


def test_answers_follow_a_tool_that_points_down(cell):
    # Half a turn about x, as many arms hold their tool: its y and z run against the base's.
    cell.start(cell={"tool_orientation": [1.0, 0.0, 0.0, 0.0]})
    cell.calibrated()
    left, right, points = cell.truth_pairs()
    for frame, signs in (("tool0", (1.0, -1.0, -1.0)), ("calibration", (1.0, 1.0, 1.0))):
        response = cell.client.pixel_to_world(camera="stereo", left=left, right=right, header=Header(frame_id=frame))
        for answer, point in zip(response.answers, points, strict=True):
            got = (answer.point.x, answer.point.y, answer.point.z)
            for g, sign, p in zip(got, signs, point, strict=True):
                assert abs(1e3 * g - sign * p) < 0.1, (frame, got, point)


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
def test_other_ways_to_the_robot_calibrate_as_well(cell, cell_parameters, node):
    cell.start(cell=cell_parameters, node=node | {"calibration_file": cell.file}, pose=False)
    result = cell.calibrated(heights=6)
    assert result.stereo_rms < 5e-5 and yaml.safe_load(cell.file.read_text())["heights"] == 6
    # Joints are commanded by trajectories only.
    assert bool(cell.client.set_points) == ("motion" not in node)
