"""Two cells in namespaces of one graph, with sheets of different pitch."""

import yaml

from grating_calibration.msg import PointEstimate
from support.cell import Cell
from support.fault_matrix import HEIGHTS, NODE, judge, row


def test_two_cells_calibrate_at_once_and_each_serves_its_own(tmp_path):
    cells = []
    try:
        for name, pitch in (("left_cell", 0.0011), ("right_cell", 0.0013)):
            folder = tmp_path / name
            folder.mkdir()
            one = Cell(folder, name)
            cells.append(one)
            one.start(
                cell={"grid.pitch_mm": 1e3 * pitch, "frame_rate": 5.0},
                node=NODE | {"pitch": pitch, "calibration_file": one.file},
            )
        handles = [one.client.send(one.goal(heights=HEIGHTS)) for one in cells]
        assert all(handle.accepted for handle in handles)
        for one, handle in zip(cells, handles, strict=True):
            judge(one, handle, row("two_cells"))
        for one in cells:
            left, right, points = one.truth_pairs()
            answer = one.client.pixel_to_world(left=left[:1], right=right[:1]).answers[0]
            assert answer.status == PointEstimate.OK
            assert abs(1e3 * answer.point.x - points[0][0]) < 0.05 and abs(1e3 * answer.point.y - points[0][1]) < 0.05
        assert [yaml.safe_load(one.file.read_text())["pitch_mm"] for one in cells] == [1.1, 1.3]
    finally:
        for one in cells:
            one.close()
