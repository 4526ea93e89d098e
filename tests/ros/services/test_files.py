"""`~/load`, and what the node serves after a start with a bad file."""

from grating_calibration.msg import CalibrationStatus, Pixel, PointEstimate


def test_a_damaged_file_leaves_the_node_alive_without_a_calibration(cell):
    cell.file.write_text("version: 1\ncreated: yesterday\n")
    cell.start_node({"calibration_file": cell.file})
    client = cell.client
    client.until(lambda: client.status is not None, what="the status")
    assert client.status.state == CalibrationStatus.UNCALIBRATED
    assert str(cell.file) in client.status.reason
    answer = client.pixel_to_world(left=[Pixel()], right=[Pixel()])
    assert answer.answers[0].status == PointEstimate.NOT_CALIBRATED
    loaded = client.load(cell.file)
    assert not loaded.success and "missing field" in loaded.message
    assert not client.load("/nowhere.yaml").success
