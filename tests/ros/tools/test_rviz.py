"""config/grating_calibration.rviz against what the node publishes."""

import yaml
from rclpy.qos import QoSDurabilityPolicy, QoSReliabilityPolicy

from nodes import ROOT


def test_rviz_shows_what_the_node_publishes(recorded):
    config = yaml.safe_load((ROOT / "config/grating_calibration.rviz").read_text())
    manager = config["Visualization Manager"]
    displays = {display["Name"]: display for display in manager["Displays"]}
    kinds = {
        "MarkerArray": "visualization_msgs",
        "PointCloud2": "sensor_msgs",
        "Image": "sensor_msgs",
        "PointStamped": "geometry_msgs",
    }
    shown = set()
    for display in displays.values():
        kind = display["Class"].removeprefix("rviz_default_plugins/")
        assert display["Enabled"]
        if "Topic" not in display:
            assert kind in ("TF", "Grid"), kind
            continue
        wanted = display["Topic"]
        # Relative, so that RViz follows the node's namespace.
        assert not wanted["Value"].startswith("/")
        publishers = recorded.client.node.get_publishers_info_by_topic(f"/{wanted['Value']}")
        publisher = next(publisher for publisher in publishers if publisher.node_name == "calibration_node")
        assert publisher.topic_type == f"{kinds[kind]}/msg/{kind}", wanted
        latched = publisher.qos_profile.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
        # A latched topic is wanted as such, or who comes late sees nothing; another one is not, or nothing matches.
        assert latched == (wanted["Durability Policy"] == "Transient Local"), wanted
        reliable = publisher.qos_profile.reliability == QoSReliabilityPolicy.RELIABLE
        assert reliable or wanted["Reliability Policy"] == "Best Effort", wanted
        shown.add(wanted["Value"])
    assert shown == {
        "clicked_point",
        *(f"calibration_node/{name}" for name in ("grid_markers", "dataset", "left/overlay", "right/overlay")),
    }
    assert manager["Global Options"]["Fixed Frame"] == recorded.client.poses[-1].header.frame_id
    # Images have a dock each, called as their display.
    docks = {name for name, of in config["Window Geometry"].items() if isinstance(of, dict)}
    assert docks == {name for name, display in displays.items() if display["Class"].endswith("/Image")}
