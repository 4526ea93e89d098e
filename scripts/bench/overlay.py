"""How old an image is when its overlay arrives, with image pairs at 30 Hz, over DDS between real processes.

    overlay.py [--out overlay.json] [--into docs/benchmarks.md] [--seconds 20]
    overlay.py replay FOLDER

The node calibrates from the simulated cell and drives back. Then the cell stops, so that rendering takes no core, and a
process of its own (`replay`) sends the cell's last pair and pose again and again, stamped anew. An overlay carries the stamp
of its image: its age on arrival is the clock minus that stamp, from the pair's publication to a subscriber's callback.
All processes have config/fastdds.xml; what the node receives when the pairs' sender has not is counted first.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import numpy as np  # noqa: E402
import rclpy  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from geometry_msgs.msg import PoseStamped  # noqa: E402
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue  # noqa: E402
from rcl_interfaces.srv import SetParameters  # noqa: E402
from rclpy.qos import qos_profile_sensor_data  # noqa: E402
from rclpy.serialization import deserialize_message  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

import nodes  # noqa: E402
import planner  # noqa: E402
import service  # noqa: E402

CAMERAS = ("left", "right")
SOURCES = {"left": (Image, "left/image_raw"), "right": (Image, "right/image_raw"), "pose": (PoseStamped, "robot/pose")}
PAIRS_HZ, POSES_A_PAIR = 30, 4
# Of the parameter overlay.rate: its default and its upper bound.
OVERLAY_HZ = (2.0, 30.0)
# A serialised message begins with four bytes about its encoding, then the header's stamp: s, ns.
STAMP = slice(4, 12)


def stamp_ns(raw):
    seconds, nanoseconds = struct.unpack("<iI", raw[STAMP])
    return 1_000_000_000 * seconds + nanoseconds


def stamped(raw, at_ns):
    return raw[: STAMP.start] + struct.pack("<iI", *divmod(at_ns, 1_000_000_000)) + raw[STAMP.stop :]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=pathlib.Path)
    arguments.add_argument("--into", type=pathlib.Path)
    arguments.add_argument("--seconds", type=float, default=20.0, help="for each overlay.rate")
    arguments = arguments.parse_args()
    nodes.own_domain()
    nodes.enough_shared_memory()
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    found = {"date": str(datetime.date.today()), "cpu": cpu, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        node = {"move_to.armed": "true", "limits.max_step": 0.05}
        with nodes.Nodes(folder) as processes:
            processes.start_cell_and_node({}, node)
            user = planner.Planner(planner.origins_seen(folder / "truth"))
            result = user.calibrate(8)
            assert result.usable, result.reason
            user.go_back()
            record(user, folder)
            processes.stop("sim_cell")
            pid = processes.running["calibration_node"].pid
            pairs = Pairs(user)
            with replaying(folder, {name: value for name, value in os.environ.items() if name != nodes.PROFILE}):
                spin(user, 3.0)
                found["plain_pairs_hz"] = pairs.timed(pid, arguments.seconds / 2)["pairs_hz"]
            with replaying(folder, os.environ) as sent:
                found |= measure(user, pairs, pid, arguments.seconds)
            found |= sent
    print(json.dumps(found, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(found))
    if arguments.into:
        arguments.into.write_text(service.replace(arguments.into.read_text(), service.overlays(found)))


def record(user, folder):
    """Writes the next pair and pose to `folder`, as they are on the wire."""
    latest = {}
    take = lambda name: lambda raw: latest.update({name: raw})  # noqa: E731
    subscriptions = [
        user.node.create_subscription(kind, topic, take(name), qos_profile_sensor_data, raw=True)
        for name, (kind, topic) in SOURCES.items()
    ]
    # Images from before the tool came to rest may be under way.
    end = time.time_ns() + 1_000_000_000
    spin_until(user, lambda: len(latest) == len(SOURCES) and end < stamp_ns(latest["left"]) == stamp_ns(latest["right"]))
    for subscription in subscriptions:
        user.node.destroy_subscription(subscription)
    for name, raw in latest.items():
        (folder / f"{name}.cdr").write_bytes(raw)


def spin_until(user, done, seconds=30.0):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not within {seconds} s"
        rclpy.spin_once(user.node, timeout_sec=0.1)


@contextlib.contextmanager
def replaying(folder, environment):
    """A process that sends what `record` wrote, until its stdin ends; gives what it then tells."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, __file__, "replay", folder], env=environment, **pipes)
    told = {}
    try:
        yield told
    finally:
        try:
            told["sent_hz"] = process.communicate(timeout=10)[0]
        finally:
            process.kill()
    assert process.returncode == 0, "the replay has failed"
    told["sent_hz"] = float(told["sent_hz"])
    assert told["sent_hz"] > 0.95 * PAIRS_HZ, f"the replay sent {told['sent_hz']:.1f} pairs per second only"


def replay(folder):
    """Sends the pair at 30 Hz, and the pose several times as often, until stdin ends; then tells how many pairs per second."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    rclpy.init()
    node = rclpy.create_node("replay")
    raw = {name: (folder / f"{name}.cdr").read_bytes() for name in SOURCES}
    # Depths as the simulated cell's.
    qos = {"left": 2, "right": 2, "pose": qos_profile_sensor_data}
    publishers = {name: node.create_publisher(kind, topic, qos[name]) for name, (kind, topic) in SOURCES.items()}
    begun = time.monotonic()
    due, pairs, tick = begun, 0, 0
    while not ended.is_set():
        now_ns = time.time_ns()
        publishers["pose"].publish(stamped(raw["pose"], now_ns))
        if tick % POSES_A_PAIR == 0:
            for camera in CAMERAS:
                publishers[camera].publish(stamped(raw[camera], now_ns))
            pairs += 1
        tick += 1
        # No bursts after a pause: a camera doesn't send any either.
        due = max(due + 1.0 / (POSES_A_PAIR * PAIRS_HZ), time.monotonic() - 0.5 / PAIRS_HZ)
        time.sleep(max(0.0, due - time.monotonic()))
    print(pairs / (time.monotonic() - begun))


class Arrivals:
    """Overlays of one camera."""

    def __init__(self, user, camera):
        self.ages_ms, self.ways_ms, self.overlays = [], [], []
        self.subscription = user.node.create_subscription(Image, f"calibration_node/{camera}/overlay", self.take, 10, raw=True)

    def take(self, raw, info):
        now_ns = time.time_ns()
        self.ages_ms.append(1e-6 * (now_ns - stamp_ns(raw)))
        self.ways_ms.append(1e-6 * (now_ns - info["source_timestamp"]))
        # To be looked at later, about one per second.
        if not self.overlays or now_ns > stamp_ns(self.overlays[-1]) + 1_000_000_000:
            self.overlays.append(raw)

    def clear(self):
        self.ages_ms, self.ways_ms, self.overlays = [], [], []


class Pairs:
    """What the node's diagnostics say about image pairs."""

    def __init__(self, user):
        self.user, self.latest = user, None
        user.node.create_subscription(DiagnosticArray, "/diagnostics", self.take, 10)

    def take(self, message):
        cameras = [status for status in message.status if status.name.startswith("calibration_node: ")]
        values = [{v.key: v.value for v in status.values} for status in cameras if status.name.endswith("camera")]
        if len(values) == len(CAMERAS):
            # Images without a partner are counted over both cameras.
            paired = sum(int(of["received"]) for of in values) - int(values[0]["without_partner"])
            self.latest = (paired / 2, message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec)

    def timed(self, pid, seconds):
        """Spins; gives `pairs_hz` that the node got meanwhile, `cores` that process `pid` had, and the `seconds` it took."""
        begun, before_s, (count, at) = time.monotonic(), cpu_s(pid), self.latest
        spin(self.user, seconds)
        took = time.monotonic() - begun
        pairs_hz = (self.latest[0] - count) / (self.latest[1] - at)
        return {"pairs_hz": pairs_hz, "cores": (cpu_s(pid) - before_s) / took, "seconds": took}


def measure(user, pairs, pid, seconds):
    """`unseen_cores` that the node had while nobody looked, and a row for each overlay.rate and camera."""
    spin(user, 3.0)
    unseen = pairs.timed(pid, seconds / 2)
    arrivals = {camera: Arrivals(user, camera) for camera in CAMERAS}
    rows = []
    for rate in OVERLAY_HZ:
        set_rate(user, rate)
        # What was drawn at the rate before is through.
        spin(user, 3.0)
        for of in arrivals.values():
            of.clear()
        meanwhile = pairs.timed(pid, seconds)
        for camera, of in arrivals.items():
            assert of.overlays and all(map(compared, of.overlays)), "an overlay shows no grid that was measured"
            ages, ways = sorted(of.ages_ms), sorted(of.ways_ms)
            row = {"overlay_hz": rate, "camera": camera, "overlays": len(ages), "per_s": len(ages) / meanwhile["seconds"]}
            row |= {"p50_ms": ages[len(ages) // 2], "p99_ms": ages[int(0.99 * len(ages))], "way_p50_ms": ways[len(ways) // 2]}
            rows.append(row | meanwhile)
    return {"unseen_cores": unseen["cores"], "rows": rows}


def spin(user, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        rclpy.spin_once(user.node, timeout_sec=0.1)


def cpu_s(pid):
    """User and system time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def set_rate(user, rate):
    client = user.node.create_client(SetParameters, "calibration_node/set_parameters")
    assert client.wait_for_service(20.0)
    value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=rate)
    request = SetParameters.Request(parameters=[Parameter(name="overlay.rate", value=value)])
    result = user.wait(lambda: client.call_async(request)).results[0]
    assert result.successful, result.reason


def compared(raw):
    """Whether an overlay rings its worst intersections in magenta: its image was fitted and held against the calibration."""
    overlay = deserialize_message(raw, Image)
    r, g, b = np.frombuffer(overlay.data, np.uint8).reshape(-1, 3).T
    return bool(((r > 200) & (g < 120) & (b > 200)).any())


if __name__ == "__main__":
    if sys.argv[1:2] == ["replay"]:
        replay(pathlib.Path(sys.argv[2]))
    else:
        main()
