"""Writes what DIR/messages.csv and DIR/pixels.bin hold as rosbag2 folders DIR/sqlite3 and DIR/mcap, poses also as TF.

Independent of the reader under test: serialised and stored by the PyPI package `rosbags`.
"""

import csv
import pathlib
import sys

import numpy
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

folder = pathlib.Path(sys.argv[1])
store = get_typestore(Stores.ROS2_JAZZY)
types = store.types
pixels = numpy.fromfile(folder / "pixels.bin", dtype=numpy.uint8)


def header(stamp_ns, frame):
    time = types["builtin_interfaces/msg/Time"](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return types["std_msgs/msg/Header"](stamp=time, frame_id=frame)


def image(row):
    width, height, at = int(row["width"]), int(row["height"]), int(row["offset"])
    return types["sensor_msgs/msg/Image"](
        header=header(int(row["stamp_ns"]), "camera"), height=height, width=width, encoding="mono8", is_bigendian=0,
        step=width, data=pixels[at : at + width * height],
    )  # fmt: skip


def pose(row):
    x, y, z = (float(row[axis]) for axis in "xyz")
    place = types["geometry_msgs/msg/Pose"](
        position=types["geometry_msgs/msg/Point"](x=x, y=y, z=z),
        orientation=types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0),
    )
    return types["geometry_msgs/msg/PoseStamped"](header=header(int(row["stamp_ns"]), "base_link"), pose=place)


def link(stamp_ns, parent, child, x, y, z):
    transform = types["geometry_msgs/msg/Transform"](
        translation=types["geometry_msgs/msg/Vector3"](x=x, y=y, z=z),
        rotation=types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0),
    )
    stamped = types["geometry_msgs/msg/TransformStamped"](
        header=header(stamp_ns, parent), child_frame_id=child, transform=transform
    )
    return types["tf2_msgs/msg/TFMessage"](transforms=[stamped])


for name, plugin in (("sqlite3", StoragePlugin.SQLITE3), ("mcap", StoragePlugin.MCAP)):
    with Writer(folder / name, version=9, storage_plugin=plugin) as bag:
        connections = {}

        def write(topic, stamp_ns, message, bag=bag, connections=connections):
            if topic not in connections:
                connections[topic] = bag.add_connection(topic, message.__msgtype__, typestore=store)
            bag.write(connections[topic], stamp_ns, store.serialize_cdr(message, message.__msgtype__))

        write("/tf_static", 0, link(0, "flange", "tool0", 0.0, 0.0, -0.1))
        with open(folder / "messages.csv") as rows:
            for row in csv.DictReader(rows):
                stamp_ns = int(row["stamp_ns"])
                if row["topic"] == "/robot/pose":
                    write(row["topic"], stamp_ns, pose(row))
                    place = [float(row[axis]) for axis in "xyz"]
                    write("/tf", stamp_ns, link(stamp_ns, "base_link", "flange", place[0], place[1], place[2] + 0.1))
                else:
                    write(row["topic"], stamp_ns, image(row))
