"""Faults in the middle of a sweep. One cell and one node go through all of them: each must leave the node fit for the next."""

import subprocess

import pytest
from geometry_msgs.msg import Point

from nodes import EXAMPLES
from support import fault_matrix
from support.cell import Cell
from support.fault_matrix import HEIGHTS, NODE, ROWS, judge, row

# Rows that have a test of their own, here, in test_recovery.py and in ../network.
BY_TEST = {"second_goal", "service_storm", "parameters", "full_disk", "node_killed", "two_cells"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Cell(tmp_path_factory.mktemp("cell")) as cell:
        cell.start(node=NODE)
        yield cell


@pytest.fixture
def home(shared):
    """The shared cell without faults, the tool where it was in the beginning."""
    shared.fault("none")
    shared.set("sim_cell", lost_frames=0.0)
    for _ in range(10):
        if shared.client.move_to(Point()).success:
            return shared
        shared.client.spin(0.2)
    raise AssertionError("the tool did not come back after the last fault")


@pytest.mark.parametrize("fault", [row for row in ROWS if row.key not in BY_TEST], ids=lambda row: row.key)
def test_a_fault_ends_as_the_matrix_says(home, fault):
    handle = home.under_way()
    if fault.parameter:
        home.set("sim_cell", **dict([fault.parameter]))
    else:
        home.fault(fault.key)
    judge(home, handle, fault)


def test_a_second_goal_is_refused_and_harms_nothing(home):
    handle = home.under_way()
    assert not home.client.send(home.goal()).accepted
    judge(home, handle, row("second_goal"))


def test_a_storm_of_calls_does_not_stop_a_sweep(home):
    client = EXAMPLES / "pixel_to_world_client"
    storm = subprocess.Popen([client, "storm", "1000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert storm.stdout.readline() == "calling\n"
        judge(home, home.under_way(step=2), row("service_storm"))
        called, answered, seconds = map(float, storm.communicate("stop\n", timeout=30)[0].split())
    finally:
        storm.kill()
    assert called > 950 * seconds, f"{called} calls in {seconds:.1f} s"
    # r2r drops what comes while ten calls wait; that is rare even on a busy machine.
    assert called - answered <= called / 1000, f"{called - answered} of {called} calls were not answered"


def test_parameters_changed_in_mid_sweep_are_refused_or_do_no_harm(home):
    handle = home.under_way()
    changed = {
        "pitch": 0.05, "limits.box_max": [0.0, 0.0, 0.0], "limits.max_step": 1e-6, "limits.max_speed": 1.0,
        "limits.max_rotation": 1e-6, "settle.timeout": 0.1, "settle.reach": 1e-7, "settle.image_tolerance": 0.001,
        "control_period": 1.0, "usable_rms": 1e-8, "phase_degree": 2, "record_dir": "elsewhere",
        "calibration_file": "other.yaml", "move_to.armed": False,
    }  # fmt: skip
    before = home.get("calibration_node", *changed)
    try:
        home.set("calibration_node", **changed)
        for name, value in {"motion": "joints", "pose_source": "tf", "base_frame": "moon", "use_sim_time": True}.items():
            assert "is read-only" in home.refused("calibration_node", name, value)
        assert "is outside" in home.refused("calibration_node", "limits.max_speed", 1e9)
        result = judge(home, handle, row("parameters"))
        assert result.heights == HEIGHTS and result.file == ""
    finally:
        home.set("calibration_node", **before)


def test_the_document_has_one_row_for_each_fault():
    """What each row says is compared where its fault is tested."""
    assert list(fault_matrix.table()) == [entry.what for entry in ROWS], "run pytest tests/ros --write-matrix"
