"""Records topics as `ros2 bag record` does, byte by byte as they come, until its standard input ends. Says `recording` once
something has come on each of them.

record_bag.py DIR TOPIC=PACKAGE/msg/TYPE …        The bag is written by the PyPI package rosbags (scripts/setup/rosbags.sh).
"""

import sys
import threading
import time

import rclpy
from rclpy.qos import QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

folder, *topics = sys.argv[1:]


def message_class(kind):
    package, _, name = kind.split("/")
    return getattr(__import__(f"{package}.msg", fromlist=[name]), name)


rclpy.init()
node = rclpy.create_node("recorder")
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
# Best effort matches every publisher, deep enough that nothing is lost while a message is written.
qos = QoSProfile(depth=100, history=QoSHistoryPolicy.KEEP_LAST, reliability=QoSReliabilityPolicy.BEST_EFFORT)
# Topics of which nothing has come yet.
awaited = {topic.split("=")[0] for topic in topics}
with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as bag:
    for topic, kind in (topic.split("=") for topic in topics):
        connection = bag.add_connection(topic, kind, typestore=get_typestore(Stores.ROS2_JAZZY))

        def write(raw, connection=connection, topic=topic):
            awaited.discard(topic)
            bag.write(connection, time.time_ns(), raw)

        node.create_subscription(message_class(kind), topic, write, qos, raw=True)
    # That a publisher is known does not mean that it knows this reader.
    latest = time.monotonic() + 30.0
    while awaited and not ended.is_set():
        rclpy.spin_once(node, timeout_sec=0.1)
        if time.monotonic() > latest:
            raise SystemExit(f"nothing comes on {', '.join(sorted(awaited))}")
    print("recording", flush=True)
    while not ended.is_set():
        rclpy.spin_once(node, timeout_sec=0.1)
    # What was sent before may still wait here, on a busy machine for a second.
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.1)
