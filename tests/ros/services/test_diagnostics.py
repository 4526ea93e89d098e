"""`/diagnostics`: one status each of the cameras, the robot and the backend."""

from diagnostic_msgs.msg import DiagnosticArray


def test_diagnostics_name_what_is_silent(cell):
    cell.start(node={"image_timeout": 1.0})
    client, latest = cell.client, {}

    def note(message):
        latest.update({status.name.split(": ")[1]: status for status in message.status})

    client.node.create_subscription(DiagnosticArray, "/diagnostics", note, 10)
    parts = ("left camera", "right camera", "robot", "backend")

    def levels():
        return [latest[part].level if part in latest else None for part in parts]

    client.until(lambda: levels() == [b"\x00"] * 4, what="health")
    cell.fault("left_silent")
    client.until(lambda: levels() == [b"\x02", b"\x00", b"\x00", b"\x00"], what="the silent camera's error")
    assert "no usable image" in latest["left camera"].message
    cell.fault("frozen_pose")
    client.until(lambda: levels()[0] == b"\x00" and levels()[2] == b"\x02", what="the lost robot's error")
