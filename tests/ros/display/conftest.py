import pytest
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import PointCloud2
from visualization_msgs.msg import MarkerArray

from support.cell import STEP, Cell
from support.client import LATCHED


class Recorded:
    """All messages of a latched topic with their sizes in bytes."""

    def __init__(self, client, kind, topic):
        self.messages, self.sizes = [], []
        client.node.create_subscription(kind, topic, self.take, LATCHED, raw=True)
        self.kind = kind

    def take(self, raw):
        self.sizes.append(len(raw))
        self.messages.append(deserialize_message(raw, self.kind))


@pytest.fixture(scope="package")
def shown(tmp_path_factory):
    """A calibrated cell at its highest pose, and what was published while it was calibrated."""
    with Cell(tmp_path_factory.mktemp("shown")) as cell:
        cell.heights, cell.top_m = 7, 6 * STEP
        cell.start(node={"calibration_file": cell.file, "overlay.rate": 10.0})
        cell.markers = Recorded(cell.client, MarkerArray, "calibration_node/grid_markers")
        cell.dataset = Recorded(cell.client, PointCloud2, "calibration_node/dataset")
        cell.result = cell.calibrated(heights=cell.heights)
        cell.client.spin(1.0)
        yield cell
