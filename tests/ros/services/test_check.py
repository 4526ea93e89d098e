"""`~/check`: one image pair against the served calibration."""

import pytest

from grating_calibration.srv import Check
from support.cell import Cell


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """A cell that was checked before and after its calibration."""
    with Cell(tmp_path_factory.mktemp("checked")) as cell:
        cell.start()
        cell.before = cell.client.check()
        cell.calibrated(heights=6)
        cell.after = cell.client.check()
        yield cell


def test_without_a_calibration_nothing_is_known(checked):
    assert checked.before.verdict == Check.Response.UNKNOWN and "no calibration" in checked.before.message


def test_an_unchanged_cell_is_good(checked):
    good = checked.after
    assert good.verdict == Check.Response.GOOD, good.message
    assert abs(good.height - 0.0025) < 5e-5 and abs(good.scale - 1.0) < 1e-3 and good.moved < 5e-5


def test_a_bumped_camera_has_drifted_and_no_target_is_never_good(checked):
    # The left camera looks a fifth of a degree elsewhere.
    checked.processes.stop("sim_cell")
    checked.start_cell({"cameras.left.tilt_deg": 0.2})
    checked.client.set_points.clear()
    bumped = checked.client.check()
    assert bumped.verdict == Check.Response.DRIFTED and abs(bumped.shift_px - 2.3) < 0.3, bumped
    checked.fault("target_removed")
    gone = checked.client.check()
    assert gone.verdict in (Check.Response.UNKNOWN, Check.Response.WRONG_TARGET), gone
    assert not checked.client.set_points
