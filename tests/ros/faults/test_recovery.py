"""A full disk and a killed node: the sweep goes on from what is on disk."""

import subprocess

import pytest
import yaml
from action_msgs.msg import GoalStatus

from support.fault_matrix import HEIGHTS, NODE, judge, row


def test_a_full_disk_stops_cleanly_and_the_sweep_goes_on_once_there_is_room(cell):
    disk = cell.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40M", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a file system of 40 MB can't be mounted here: not root, or not allowed")
    try:
        cell.start(node=NODE | {"record_dir": disk / "sweep"})
        too_long = cell.client.result(cell.client.send(cell.goal(heights=90)))
        assert "MiB free" in too_long.result.reason and "make room" in too_long.result.reason
        handle = cell.under_way()
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass
        judge(cell, handle, row("full_disk"))
        filler.unlink()
        done = len((disk / "sweep/journal.txt").read_text().splitlines()) - 1
        assert done >= 2
        again = cell.client.result(cell.client.send(cell.goal(heights=HEIGHTS, resume=True)))
        assert again.result.usable and again.result.heights == HEIGHTS, again.result.reason
    finally:
        cell.processes.stop_all()
        subprocess.run(["umount", disk], check=True)


def test_a_killed_sweep_goes_on_and_ends_as_its_own_images_do(cell):
    sweep = cell.folder / "sweep"
    node = NODE | {"record_dir": sweep, "calibration_file": cell.file}
    cell.start(node=node)
    client = cell.client
    nothing = client.result(client.send(cell.goal(resume=True)))
    assert nothing.status == GoalStatus.STATUS_ABORTED and "no calibration that could be resumed" in nothing.result.reason
    cell.under_way(step=5, heights=8)
    cell.processes.running["calibration_node"].kill()
    cell.processes.running.pop("calibration_node").wait()
    on_disk = len((sweep / "journal.txt").read_text().splitlines()) - 1
    assert on_disk >= 3

    client.services.clear()
    cell.start_node(node)
    other = client.result(client.send(cell.goal(heights=7, resume=True), after_kill=True))
    assert other.status == GoalStatus.STATUS_ABORTED and "heights or jogs differ" in other.result.reason
    # Its images are looked at as those of any other sweep.
    cell.fault("target_removed")
    blind = client.result(client.send(cell.goal(heights=8, resume=True)))
    assert blind.status == GoalStatus.STATUS_ABORTED and "in view" in blind.result.reason, blind.result.reason
    cell.fault("none")
    client.spin(0.5)
    client.set_points.clear()
    result = judge(cell, client.send(cell.goal(heights=8, resume=True)), row("node_killed"))
    assert result.heights == 8
    # Nothing that was on disk is driven to again.
    assert min(set_point.pose.position.z for set_point in client.set_points) > 0.0005 * (on_disk - 1) - 5e-5
    assert len((sweep / "journal.txt").read_text().splitlines()) == 9
    # What an uninterrupted run over the same images and poses gives, to the last digit.
    alone = cell.calibrate_folder(sweep)
    resumed = yaml.safe_load(cell.file.read_text())
    alone.pop("created"), resumed.pop("created")
    assert resumed == alone
