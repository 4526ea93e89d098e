import types

import pytest

from grating_calibration.msg import CalibrationStatus, Pixel
from support.cell import Cell

PAIR = {"left": [Pixel(u=300.0, v=180.0)], "right": [Pixel(u=300.0, v=180.0)]}


@pytest.fixture(scope="package")
def calibrated(tmp_path_factory):
    """A cell that was calibrated by action; what it told before, meanwhile and afterwards."""
    with Cell(tmp_path_factory.mktemp("calibrated")) as cell:
        cell.start(node={"calibration_file": cell.file, "record_dir": cell.folder / "sweep"})
        client = cell.client
        told = types.SimpleNamespace(feedback=[])
        told.before = client.pixel_to_world(**PAIR)
        told.saved_before = client.save(cell.folder / "x.yaml")
        handle = client.send(cell.goal(), lambda message: told.feedback.append(message.feedback))
        assert handle.accepted
        told.during = client.pixel_to_world(**PAIR)
        told.second = client.send(cell.goal())
        client.until(lambda: client.status and client.status.state == CalibrationStatus.CALIBRATING, what="the state CALIBRATING")
        told.ended = client.result(handle)
        client.until(lambda: client.status and client.status.state == CalibrationStatus.READY, what="the state READY")
        cell.told = told
        yield cell


@pytest.fixture
def asked(calibrated):
    """Pixels of a point that both cameras see, left and right."""
    left, right, _ = calibrated.truth_pairs()
    return left[0], right[0]
