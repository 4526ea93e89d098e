"""Latency of pixel_to_world from a real client while a sweep runs.

    latency.py [--out latency.json] [--into docs/benchmarks.md]

p50 and p99, in ms, for one stereo pair and for 10 000: as JSON, and as a section of a document.
"""

import argparse
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "install/grating_calibration/lib/grating_calibration"
os.environ["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(1, 100))
# Pairs of a call, and calls.
BATCHES = ((1, 1000), (10_000, 100))

import rclpy  # noqa: E402
import service  # noqa: E402
import yaml  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402

from grating_calibration.action import Calibrate  # noqa: E402
from grating_calibration.msg import Pixel, PointEstimate  # noqa: E402
from grating_calibration.srv import PixelToWorld  # noqa: E402


def wait(node, send, seconds=60.0):
    for _ in range(4):
        future = send()
        rclpy.spin_until_future_complete(node, future, timeout_sec=seconds)
        if future.done():
            return future.result()
    sys.exit("latency: the node does not answer")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=pathlib.Path)
    arguments.add_argument("--into", type=pathlib.Path)
    arguments = arguments.parse_args()
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    machine = {"date": str(datetime.date.today()), "cpu": cpu, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        cell = {"truth_dir": folder / "truth", "truth_points": 10}
        node = {"file_dir": folder, "calibration_file": folder / "c.yaml"}
        processes = []
        for name, parameters in (("sim_cell", cell), ("calibration_node", node)):
            given = [part for key, value in parameters.items() for part in ("-p", f"{key}:={value}")]
            log = open(folder / f"{name}.log", "w")
            processes.append(subprocess.Popen([BIN / name, "--ros-args", *given], stdout=log, stderr=subprocess.STDOUT))
        try:
            found = machine | {"batches": measure(folder)}
        finally:
            for process in processes:
                process.terminate()
                process.wait(timeout=10)
    print(json.dumps(found, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(found))
    if arguments.into:
        arguments.into.write_text(service.replace(arguments.into.read_text(), service.section(found)))


def client_ms(request, response):
    """What encoding the request and decoding the response take in this client, median of five."""
    times, answer = [], serialize_message(response)
    for _ in range(5):
        begun = time.perf_counter()
        serialize_message(request)
        deserialize_message(answer, PixelToWorld.Response)
        times.append(1e3 * (time.perf_counter() - begun))
    return sorted(times)[2]


def measure(folder):
    rclpy.init()
    node = rclpy.create_node("latency")
    action = ActionClient(node, Calibrate, "calibration_node/calibrate")
    client = node.create_client(PixelToWorld, "pixel_to_world")
    assert action.wait_for_server(20.0) and client.wait_for_service(20.0)
    truth = folder / "truth/truth.yaml"
    while not truth.exists():
        time.sleep(0.1)
    truth = yaml.safe_load(truth.read_text())
    origins = [Pixel(u=u, v=v) for u, v in (truth["origin_left"], truth["origin_right"])]

    def sweep(heights):
        goal = Calibrate.Goal(height_start=0.0, height_stop=(heights - 1) * 0.0002, height_step=0.0002, origins=origins)
        return wait(node, lambda: action.send_goal_async(goal))

    # Something to answer from, then a long sweep beside which the answers are timed.
    result = wait(node, sweep(8).get_result_async, 120.0).result
    assert result.usable, result.reason
    handle = sweep(101)
    assert handle.accepted
    ended, found = handle.get_result_async(), {}
    pair = Pixel(u=640.0, v=360.0), Pixel(u=632.0, v=364.0)
    for pairs, calls in BATCHES:
        request = PixelToWorld.Request(left=[pair[0]] * pairs, right=[pair[1]] * pairs)
        wait(node, lambda request=request: client.call_async(request))
        times = []
        for _ in range(calls):
            begun = time.perf_counter()
            future = client.call_async(request)
            while not future.done():
                rclpy.spin_once(node, timeout_sec=1.0)
            times.append(1e3 * (time.perf_counter() - begun))
            answers = future.result().answers
            assert len(answers) == pairs and answers[-1].status != PointEstimate.NOT_CALIBRATED
            assert not ended.done(), "the sweep ended before the measurement"
        times.sort()
        own_ms = client_ms(request, future.result())
        found[str(pairs)] = {"calls": calls, "client_ms": own_ms, "p50_ms": times[len(times) // 2], "p99_ms": times[int(0.99 * len(times))]}
    wait(node, handle.cancel_goal_async)
    wait(node, lambda: ended, 30.0)
    node.destroy_node()
    rclpy.shutdown()
    return found


if __name__ == "__main__":
    main()
