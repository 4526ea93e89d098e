"""A user of the node: sends goals, calls services, and notes poses, set points and the node's status."""

import math
import time

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.action import ActionClient
from rclpy.qos import QoSDurabilityPolicy, QoSProfile

from grating_calibration.action import Calibrate
from grating_calibration.msg import CalibrationStatus
from grating_calibration.srv import Check, Load, MoveTo, PixelToWorld, Save, WorldToPixel

# Of topics whose last message a late subscriber gets.
LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


class Client:
    """A user of the node in `namespace`."""

    def __init__(self, namespace=""):
        self.node = rclpy.create_node("test_client", namespace=namespace)
        self.set_points = []
        self.poses = []
        self.status = None
        self.states = []
        self.node.create_subscription(PoseStamped, "robot/target_pose", self.set_points.append, 10)
        self.node.create_subscription(PoseStamped, "robot/pose", self.poses.append, rclpy.qos.qos_profile_sensor_data)
        self.node.create_subscription(CalibrationStatus, "calibration_node/calibration", self._note_status, LATCHED)
        self.action = ActionClient(self.node, Calibrate, "calibration_node/calibrate")
        self.services = {}

    def _note_status(self, message):
        self.status = message
        self.states.append(message.state)

    def until(self, condition, seconds=20.0, what="it"):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
            rclpy.spin_once(self.node, timeout_sec=0.05)

    def spin(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rclpy.spin_once(self.node, timeout_sec=0.02)

    def wait(self, future, seconds=60.0):
        self.until(future.done, seconds, "the answer")
        return future.result()

    def ask(self, send, seconds=60.0):
        """The answer to `send()`, sent again when nothing comes: a server that was killed is on offer until its lease has run
        out, and may get what is meant for its successor.
        """
        end = time.monotonic() + seconds
        while True:
            future = send()
            retry = min(end, time.monotonic() + 10.0)
            while not future.done() and time.monotonic() < retry:
                rclpy.spin_once(self.node, timeout_sec=0.05)
            if future.done():
                return future.result()
            assert time.monotonic() < end, f"no answer within {seconds} s"

    def latest(self, kind, topic, qos=10):
        """The next message of a topic, as a late subscriber gets it."""
        got = []
        subscription = self.node.create_subscription(kind, topic, got.append, qos)
        self.until(lambda: got, what=topic)
        self.node.destroy_subscription(subscription)
        return got[-1]

    # Services

    def call(self, kind, name, request, seconds=20.0):
        if name not in self.services:
            self.services[name] = self.node.create_client(kind, name)
        assert self.services[name].wait_for_service(timeout_sec=20.0), f"{name} is not offered"
        return self.wait(self.services[name].call_async(request), seconds)

    def pixel_to_world(self, **fields):
        return self.call(PixelToWorld, "pixel_to_world", PixelToWorld.Request(**fields))

    def world_to_pixel(self, **fields):
        return self.call(WorldToPixel, "world_to_pixel", WorldToPixel.Request(**fields))

    def load(self, file):
        return self.call(Load, "calibration_node/load", Load.Request(file=str(file)))

    def save(self, file):
        return self.call(Save, "calibration_node/save", Save.Request(file=str(file)))

    def check(self):
        return self.call(Check, "calibration_node/check", Check.Request())

    def move_to(self, point, **fields):
        return self.call(MoveTo, "calibration_node/move_to", MoveTo.Request(point=point, **fields))

    # Goals

    def send(self, goal, feedback=None, after_kill=False):
        assert self.action.wait_for_server(timeout_sec=20.0), "the action is not offered"
        send = lambda: self.action.send_goal_async(goal, feedback_callback=feedback)  # noqa: E731
        return self.ask(send) if after_kill else self.wait(send())

    def result(self, handle, seconds=120.0):
        return self.wait(handle.get_result_async(), seconds)

    # The robot

    def assert_rests(self, seconds=0.5):
        """What was commanded before may still arrive; then nothing is commanded and nothing moves."""
        self.spin(0.2)
        commands, pose = len(self.set_points), self.poses[-1].pose.position
        self.spin(seconds)
        now = self.poses[-1].pose.position
        assert len(self.set_points) == commands, "the robot is still commanded"
        # Noise of the encoders.
        assert math.dist((pose.x, pose.y, pose.z), (now.x, now.y, now.z)) < 3e-5, "the robot still moves"
