"""Every fault that docs/reliability.md lists, what must come of it, and the table there.

The tests of the faults hold each row of the table against what their run led to; `pytest --write-matrix` writes the rows anew.
"""

import dataclasses
import pathlib
import re

from action_msgs.msg import GoalStatus

from grating_calibration.msg import Pixel

DOCUMENT = pathlib.Path(__file__).resolve().parents[3] / "docs/reliability.md"
BEGIN, END = "<!-- matrix: written by pytest tests/ros --write-matrix -->", "<!-- end of matrix -->"

HEIGHTS = 6
# Time enough for a busy machine.
NODE = {"image_timeout": 2.0, "pose_timeout": 1.5, "settle.timeout": 3.0, "move_to.armed": "true"}
# What the rows that ran led to: {key: (usable, reason)}.
OUTCOMES = {}
# Whether rows are held against the table; not while it is written.
compare = True


@dataclasses.dataclass(frozen=True)
class Row:
    """A fault of `sim_cell`, or something that the test does, from the middle of a sweep on."""

    key: str
    what: str
    # None: the calibration is usable all the same; else what the refusal must say.
    refusal: str | None
    # Parameter of sim_cell that brings it about; none: `fault` set to the key.
    parameter: tuple[str, float] | None = None


ROWS = [
    Row("lost_1", "1 % of the images lost", None, ("lost_frames", 0.01)),
    Row("lost_10", "10 % of the images lost", None, ("lost_frames", 0.1)),
    Row("lost_30", "30 % of the images lost", None, ("lost_frames", 0.3)),
    Row("late_frames", "images 0.3 s late", None),
    Row("swapped_order", "pairs in swapped order", None),
    Row("repeated_frames", "every image twice", None),
    Row("frozen_frames", "images frozen, with new stamps", "is its driver frozen"),
    Row("left_silent", "left camera silent", "left camera"),
    Row("cameras_swapped", "cameras swapped", "phase ambiguous"),
    Row("wrong_encoding", "another encoding", "yuv422"),
    Row("wrong_size", "another image size", "fix the camera's resolution"),
    Row("truncated", "truncated image data", "the message has"),
    Row("padded_rows", "rows padded to another step", None),
    Row("light", "half the light", None),
    Row("glare", "a reflection", None),
    Row("target_bumped", "target bumped by 0.4 mm", "was the target bumped"),
    Row("target_removed", "target removed", "in view"),
    Row("nan_pose", "NaN poses", "NaN"),
    Row("frozen_pose", "poses frozen", "pose was lost"),
    Row("late_pose", "poses 0.25 s late", None),
    Row("turned", "tool turned by 0.02 rad", "turned"),
    Row("stuck", "robot stuck", "did not settle"),
    Row("overshoot", "robot overshoots by 3 mm", "off its way"),
    Row("short", "robot stops 50 µm short", "did not settle"),
    Row("second_goal", "a second client's goal", None),
    Row("service_storm", "1000 service calls a second", None),
    Row("parameters", "parameters changed in mid-sweep", None),
    Row("full_disk", "the disk of record_dir full", "is the disk full"),
    Row("node_killed", "node killed, then resumed", None),
    Row("two_cells", "a second cell calibrates on the same graph", None),
]


def row(key):
    return next(row for row in ROWS if row.key == key)


def judge(cell, handle, row):
    """The goal's result, which must be what the row and the table say; the node must be fit for the next goal."""
    end = cell.client.result(handle, 40.0)
    result = end.result
    if row.refusal is None:
        assert end.status == GoalStatus.STATUS_SUCCEEDED and result.usable, result.reason
    else:
        assert not result.usable and row.refusal in result.reason, result.reason
        # What was told to stop stays stopped.
        cell.client.spin(0.2)
        count = len(cell.client.set_points)
        cell.client.spin(0.4)
        assert len(cell.client.set_points) == count
    assert len(cell.client.pixel_to_world(left=[Pixel()], right=[Pixel()]).answers) == 1
    assert "panicked" not in cell.processes.log("calibration_node")
    OUTCOMES[row.key] = (result.usable, result.reason)
    if compare:
        told, found = table()[row.what].split(" | "), line(row, result.usable, result.reason).split(" | ")
        assert told[1] == found[1], f"docs/reliability.md says {told[1]}: run pytest tests/ros --write-matrix"
        if not result.usable:
            # What follows differs from run to run, as a busy machine has it.
            told, found = (re.split("[(:;]", columns[2])[0] for columns in (told, found))
            assert told == found, f"docs/reliability.md says {told}: run pytest tests/ros --write-matrix"
    return result


def line(row, usable, reason):
    """A row of the table."""
    outcome = "a usable calibration" if usable else "refused"
    return f"| {row.what} | {outcome} | {words(usable, reason)} |"


def words(usable, reason):
    """The result's reason, short."""
    if usable:
        return re.search(r"err by .*? µm RMS", reason)[0].replace("err by", "points to")
    # Folders, temporary files and numbers differ from run to run.
    reason = re.sub(r"/\S+/(?=sweep/)", "", reason)
    reason = re.sub(r"\.tmp\w+", ".tmp…", reason)
    text = re.sub(r"(?<![A-Za-z\d.])-?\d+(\.\d+)?", "…", reason.replace("|", "\\|").replace("\n", " "))
    return text if len(text) < 200 else text[:200].rsplit(" ", 1)[0] + " …"


def table():
    """{what: line} of the document."""
    lines = DOCUMENT.read_text().split(BEGIN)[1].split(END)[0].strip().splitlines()[2:]
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines}


def write():
    """Puts the rows that ran into the document; the others stay as they are."""
    lines = table() | {entry.what: line(entry, *OUTCOMES[entry.key]) for entry in ROWS if entry.key in OUTCOMES}
    rows = ["| fault | outcome | what the result says |", "| --- | --- | --- |"]
    rows += [lines[entry.what] for entry in ROWS if entry.what in lines]
    before, rest = DOCUMENT.read_text().split(BEGIN)
    DOCUMENT.write_text("\n".join([before + BEGIN, *rows, END]) + rest.split(END)[1])
