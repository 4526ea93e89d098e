"""What goes wrong in the middle of a sweep: a right result or a clear refusal, and a node that still serves.

One cell and one node go through all the faults: each must leave the node fit for the next.
"""

import os
import subprocess
import sys
import time

import pytest
import yaml

import fault_matrix
from action_msgs.msg import GoalStatus
from conftest import Cell
from fault_matrix import ROWS
from geometry_msgs.msg import Point
from grating_calibration.msg import Pixel, PointEstimate
from grating_calibration.srv import MoveTo

HEIGHTS = 6
NODE = {"image_timeout": 2.0, "settle.timeout": 3.0, "move_to.armed": "true"}
BY_TEST = {"second_goal", "service_storm", "parameters", "full_disk", "node_killed", "two_cells"}


@pytest.fixture(scope="module")
def outcomes(request):
    found = {}
    yield found
    if request.config.getoption("--write-matrix"):
        fault_matrix.write(found)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    cell = Cell(tmp_path_factory.mktemp("cell"))
    cell.start(node=NODE)
    yield cell
    cell.close()


@pytest.fixture
def home(shared):
    """The shared cell without faults, the tool where it was in the beginning."""
    shared.fault("none")
    shared.set("sim_cell", lost_frames=0.0)
    there = MoveTo.Request(point=Point())
    for _ in range(10):
        if shared.client.call(MoveTo, "calibration_node/move_to", there).success:
            return shared
        shared.client.spin(0.2)
    raise AssertionError("the tool did not come back after the last fault")


def under_way(cell, step=3, heights=HEIGHTS, **fields):
    """A goal that has reached `step`."""
    steps = []
    handle = cell.client.send(cell.goal(heights=heights, **fields), lambda message: steps.append(message.feedback.step))
    cell.client.until_step(handle, steps, step)
    return handle


def ended(cell, handle, outcomes, key):
    """The goal's result, which must be what the matrix says."""
    wanted = fault_matrix.row(key).refusal
    end = cell.client.result(handle, 40.0)
    result = end.result
    if wanted is None:
        assert end.status == GoalStatus.STATUS_SUCCEEDED and result.usable, result.reason
    else:
        assert not result.usable and wanted in result.reason, result.reason
        # What was told to stop stays stopped.
        cell.client.spin(0.2)
        count = len(cell.client.targets)
        cell.client.spin(0.4)
        assert len(cell.client.targets) == count
    assert len(cell.client.pixel_to_world(left=[Pixel()], right=[Pixel()]).answers) == 1
    assert "panicked" not in cell.processes.log("calibration_node")
    outcomes[key] = (result.usable, result.reason)
    return result


@pytest.mark.parametrize("row", [row for row in ROWS if row.key not in BY_TEST], ids=lambda row: row.key)
def test_in_mid_sweep(home, outcomes, row):
    handle = under_way(home)
    if row.parameter:
        home.set("sim_cell", **dict([row.parameter]))
    else:
        home.fault(row.key)
    ended(home, handle, outcomes, row.key)


def test_a_second_goal_is_refused_and_harms_nothing(home, outcomes):
    handle = under_way(home)
    assert not home.client.send(home.goal()).accepted
    ended(home, handle, outcomes, "second_goal")


def test_a_storm_of_calls_does_not_stop_a_sweep(home, outcomes):
    storm = subprocess.Popen(
        [sys.executable, os.path.join(os.path.dirname(__file__), "storm.py"), "1000"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert storm.stdout.readline() == "calling\n"
        begun = time.monotonic()
        ended(home, under_way(home, step=2), outcomes, "service_storm")
        seconds = time.monotonic() - begun
        called, answered = map(int, storm.communicate("stop\n", timeout=30)[0].split())
    finally:
        storm.kill()
    # On a busy machine Python calls somewhat more slowly than asked.
    assert called > 300 * seconds, f"{called} calls in {seconds:.1f} s"
    assert answered == called


def test_parameters_changed_in_mid_sweep_are_refused_or_do_no_harm(home, outcomes):
    handle = under_way(home)
    changed = {
        "pitch": 0.05, "limits.box_max": [0.0, 0.0, 0.0], "limits.max_step": 1e-6, "limits.max_speed": 1.0,
        "limits.max_rotation": 1e-6, "settle.timeout": 0.1, "settle.reach": 1e-7, "settle.image_tolerance": 0.001,
        "control_period": 1.0, "usable_rms": 1e-8, "phase_degree": 2, "origin_left": [1.0, 1.0], "record_dir": "elsewhere",
        "calibration_file": "other.yaml", "move_to.armed": False,
    }  # fmt: skip
    before = home.get("calibration_node", *changed)
    try:
        home.set("calibration_node", **changed)
        for name, value in {"motion": "joints", "pose_source": "tf", "base_frame": "moon", "use_sim_time": True}.items():
            assert "is read when the node starts" in home.refused("calibration_node", name, value)
        assert "is outside" in home.refused("calibration_node", "limits.max_speed", 1e9)
        result = ended(home, handle, outcomes, "parameters")
        assert result.heights == HEIGHTS and result.file == ""
    finally:
        home.set("calibration_node", **before)


def test_a_full_disk_stops_cleanly_and_the_sweep_goes_on_once_there_is_room(cell, outcomes):
    disk = cell.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40M", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a file system of 40 MB can't be mounted here: not root, or not allowed")
    try:
        cell.start(node=NODE | {"record_dir": disk / "sweep"})
        too_long = cell.client.result(cell.client.send(cell.goal(heights=100)))
        assert "MiB free" in too_long.result.reason and "make room" in too_long.result.reason
        handle = under_way(cell)
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass
        ended(cell, handle, outcomes, "full_disk")
        filler.unlink()
        done = len((disk / "sweep/journal.txt").read_text().splitlines()) - 1
        assert done >= 2
        again = cell.client.result(cell.client.send(cell.goal(heights=HEIGHTS, resume=True)))
        assert again.result.usable and again.result.heights == HEIGHTS, again.result.reason
    finally:
        cell.processes.stop_all()
        subprocess.run(["umount", disk], check=True)


def test_a_killed_sweep_goes_on_and_ends_as_its_own_images_do(cell, outcomes):
    file, sweep = cell.folder / "calibration.yaml", cell.folder / "sweep"
    node = {"record_dir": sweep, "calibration_file": file}
    cell.start(node=node)
    client = cell.client
    nothing = client.result(client.send(cell.goal(resume=True)))
    assert nothing.status == GoalStatus.STATUS_ABORTED and "no calibration that could be resumed" in nothing.result.reason
    under_way(cell, step=5, heights=8)
    cell.processes.running["calibration_node"].kill()
    cell.processes.running.pop("calibration_node").wait()
    on_disk = len((sweep / "journal.txt").read_text().splitlines()) - 1
    assert on_disk >= 3

    client.services.clear()
    cell.start_node(node)
    other = client.result(client.send(cell.goal(heights=7, resume=True)))
    assert other.status == GoalStatus.STATUS_ABORTED and "heights or jogs differ" in other.result.reason
    # Its pictures are looked at as those of any other sweep.
    cell.fault("target_removed")
    blind = client.result(client.send(cell.goal(heights=8, resume=True)))
    assert blind.status == GoalStatus.STATUS_ABORTED and "in view" in blind.result.reason, blind.result.reason
    cell.fault("none")
    client.targets.clear()
    result = ended(cell, client.send(cell.goal(heights=8, resume=True)), outcomes, "node_killed")
    assert result.heights == 8
    # Nothing that was on disk is driven to again.
    assert min(target.pose.position.z for target in client.targets) > 0.0005 * (on_disk - 1) - 5e-5
    assert len((sweep / "journal.txt").read_text().splitlines()) == 9
    # What an uninterrupted run over the same images and poses gives, to the last digit.
    alone = cell.calibrate_folder(sweep)
    resumed = yaml.safe_load(file.read_text())
    alone.pop("created"), resumed.pop("created")
    assert resumed == alone


def test_two_cells_on_one_graph_calibrate_at_once(tmp_path, outcomes):
    cells = []
    try:
        for name, pitch in (("left_cell", 0.0011), ("right_cell", 0.0013)):
            folder = tmp_path / name
            folder.mkdir()
            one = Cell(folder, name)
            cells.append(one)
            one.start(cell={"grid.pitch_mm": 1e3 * pitch, "frame_rate": 5.0}, node={"pitch": pitch, "calibration_file": folder / "c.yaml"})
        handles = [one.client.send(one.goal(heights=HEIGHTS)) for one in cells]
        assert all(handle.accepted for handle in handles)
        for one, handle in zip(cells, handles, strict=True):
            ended(one, handle, outcomes, "two_cells")
        # Each serves its own: the pixels of one cell are no point of the other.
        for one, other in zip(cells, reversed(cells), strict=True):
            left, right, points = one.truth_pairs()
            answer = one.client.pixel_to_world(left=left[:1], right=right[:1]).answers[0]
            assert answer.status == PointEstimate.OK
            assert abs(1e3 * answer.point.x - points[0][0]) < 0.05 and abs(1e3 * answer.point.y - points[0][1]) < 0.05
            assert yaml.safe_load((one.folder / "c.yaml").read_text())["pitch_mm"] != yaml.safe_load(
                (other.folder / "c.yaml").read_text()
            )["pitch_mm"]
    finally:
        for one in cells:
            one.close()


def test_the_document_has_every_row_with_its_outcome():
    written = fault_matrix.written()
    assert list(written) == [row.what for row in ROWS], "run pytest tests/ros/test_faults.py --write-matrix"
    for row in ROWS:
        assert written[row.what] == ("a usable calibration" if row.refusal is None else "refused"), row
