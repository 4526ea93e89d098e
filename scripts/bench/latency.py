"""Latency of pixel_to_world, asked by a real rclpy and a real r2r client, idle and while sweeps run.

    latency.py [--out latency.json] [--into docs/benchmarks.md] [--seconds 20]

p50 and p99, in ms, for batches of 1 … 100 000 pairs: as JSON, and as a section of a document. The r2r client is
examples/pixel_to_world_client.rs, whose `echo` service tells what the transport alone takes.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

import planner  # noqa: E402
import rclpy  # noqa: E402
import service  # noqa: E402
from planner import ROOT, Pixel, PixelToWorld  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402

CLIENT = ROOT / "build/grating_calibration/cargo/release/examples/pixel_to_world_client"
PAIRS = (1, 100, 1000, 10_000, 100_000)
# Heights of the sweeps beside which it is timed: from moving to mapping they fit into the time of one batch.
HEIGHTS = 11
# Between two calls, s: so that they meet all stages of a sweep.
PAUSE = 0.01
PIXELS = (Pixel(u=640.0, v=360.0), Pixel(u=632.0, v=364.0))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=pathlib.Path)
    arguments.add_argument("--into", type=pathlib.Path)
    arguments.add_argument("--seconds", type=float, default=20.0, help="for each batch while sweeps run; a quarter when idle")
    arguments = arguments.parse_args()
    planner.own_domain()
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    found = {"date": str(datetime.date.today()), "cpu": cpu, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with planner.nodes(folder, {}, {"move_to.armed": "true", "limits.max_step": 0.05}):
            found["rows"] = measure(folder, arguments.seconds)
    print(json.dumps(found, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(found))
    if arguments.into:
        arguments.into.write_text(service.replace(arguments.into.read_text(), service.section(found)))


def measure(folder, seconds):
    """A row for each client and batch: {client, pairs, idle, sweep}, where the last two hold calls, p50_ms and p99_ms."""
    user = planner.Planner(planner.origins_seen(folder / "truth"))
    # Something to answer from.
    result = user.calibrate(8)
    assert result.usable, result.reason
    user.go_back()
    echo = subprocess.Popen([CLIENT, "echo"], stdin=subprocess.PIPE)
    clients = {
        "rclpy": lambda pairs, seconds: by_rclpy(user, pairs, seconds),
        "r2r": lambda pairs, seconds: by_r2r("pixel_to_world", pairs, seconds),
        "r2r, echo": lambda pairs, seconds: by_r2r("echo", pairs, seconds),
    }
    rows = [{"client": client, "pairs": pairs} for client in clients for pairs in PAIRS]
    for row in rows:
        row["idle"] = of(clients[row["client"]](row["pairs"], seconds / 4))
    sweeps = subprocess.Popen(
        [sys.executable, ROOT / "scripts/planner.py", folder, str(HEIGHTS)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        # The first of them has begun, and in the end all went well.
        time.sleep(5.0)
        for row in rows:
            row["sweep"] = of(clients[row["client"]](row["pairs"], seconds))
            print(row, file=sys.stderr, flush=True)
            assert sweeps.poll() is None, "the sweeps have ended"
    finally:
        echo.terminate()
        outcomes = sweeps.communicate()[0].splitlines()
    assert outcomes and all(line.startswith("usable") for line in outcomes), outcomes
    for row in rows:
        if row["client"] == "rclpy":
            row["own_ms"] = python_ms(row["pairs"])
    return rows


def of(times):
    times = sorted(times)
    return {"calls": len(times), "p50_ms": times[len(times) // 2], "p99_ms": times[int(0.99 * len(times))]}


def by_r2r(name, pairs, seconds):
    return json.loads(subprocess.check_output([CLIENT, "time", str(pairs), str(seconds), name], text=True))


def by_rclpy(user, pairs, seconds):
    request = PixelToWorld.Request(left=PIXELS[:1] * pairs, right=PIXELS[1:] * pairs)
    user.ask(request)
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(PAUSE)
        begun = time.perf_counter()
        future = user.pixel_to_world.call_async(request)
        while not future.done():
            rclpy.spin_once(user.node, timeout_sec=1.0)
        times.append(1e3 * (time.perf_counter() - begun))
        assert len(future.result().answers) == pairs
    return times


def python_ms(pairs):
    """What encoding a request and decoding a response take in Python, ms, the least of three."""
    request = PixelToWorld.Request(left=PIXELS[:1] * pairs, right=PIXELS[1:] * pairs)
    response = serialize_message(PixelToWorld.Response(answers=[planner.PointEstimate()] * pairs))
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        serialize_message(request)
        deserialize_message(response, PixelToWorld.Response)
        times.append(1e3 * (time.perf_counter() - begun))
    return min(times)


if __name__ == "__main__":
    main()
