"""Latency of pixel_to_world, asked by a real rclpy and a real r2r client, idle and while sweeps run.

    latency.py [--out latency.json] [--into docs/benchmarks.md] [--seconds 20] [--heights 11] [--backend auto]

p50 and p99, in ms, for batches of 1 … 100 000 pairs: as JSON, and as a section of a document. The r2r client is
examples/pixel_to_world_client.rs, whose `echo` service tells what the transport alone takes.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import rclpy  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402

import nodes  # noqa: E402
import planner  # noqa: E402
import service  # noqa: E402
from planner import Pixel, PixelToWorld  # noqa: E402
from progress import say, status  # noqa: E402

CLIENT = nodes.EXAMPLES / "pixel_to_world_client"
PAIRS = (1, 100, 1000, 10_000, 100_000)
# Heights of the sweeps beside which it is timed: from moving to mapping they fit into the usual time of one batch.
HEIGHTS = 11
# Least share of the time of each batch for which a sweep must be under way: between two, the tool goes back.
UNDER_WAY = 0.7
# Between two calls, s: so that they meet all stages of a sweep.
PAUSE = 0.01
PIXELS = (Pixel(u=640.0, v=360.0), Pixel(u=632.0, v=364.0))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=pathlib.Path)
    arguments.add_argument("--into", type=pathlib.Path)
    arguments.add_argument("--seconds", type=float, default=20.0, help="for each batch while sweeps run; a quarter when idle")
    arguments.add_argument("--heights", type=int, default=HEIGHTS, help="of each sweep")
    arguments.add_argument("--backend", default="auto", help="the node's parameter of that name")
    arguments = arguments.parse_args()
    nodes.own_domain()
    nodes.enough_shared_memory()
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    found = {"date": str(datetime.date.today()), "cpu": cpu, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    found["profile"] = nodes.SHARED_MEMORY
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        node = {"move_to.armed": "true", "limits.max_step": 0.05, "backend": arguments.backend}
        with nodes.Nodes(folder) as processes:
            processes.start_cell_and_node({}, node, preexec_fn=nodes.yield_to_others)
            found["rows"] = measure(folder, arguments.seconds, arguments.heights)
        found["backend"] = re.search(r"images are worked on by (.*)", (folder / "calibration_node.log").read_text())[1]
    print(json.dumps(found, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(found))
    if arguments.into:
        arguments.into.write_text(service.replace(arguments.into.read_text(), service.section(found)))


def measure(folder, seconds, heights):
    """A row for each client and batch: {client, pairs, idle, sweep}, where the last two hold calls, p50_ms and p99_ms.

    `sweep` also tells the share of its time for which a sweep was under way, and how many sweeps ended in it.
    """
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
    for done, row in enumerate(rows):
        status(f"idle, {row['client']}, {row['pairs']} pairs per call, {done + 1} of {len(rows)}")
        row["idle"] = of(clients[row["client"]](row["pairs"], seconds / 4))
    sweeps = subprocess.Popen(
        [sys.executable, planner.__file__, folder, str(heights)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        # The first of them has begun, and in the end all went well.
        time.sleep(5.0)
        for done, row in enumerate(rows):
            status(f"beside sweeps, {row['client']}, {row['pairs']} pairs per call, {done + 1} of {len(rows)}")
            begun = time.monotonic()
            row["sweep"] = of(clients[row["client"]](row["pairs"], seconds))
            row["timed"] = (begun, time.monotonic())
            say(f"{row['client']}, {row['pairs']} pairs per call: {row['idle']} idle, {row['sweep']} beside sweeps")
            assert sweeps.poll() is None, "the sweeps have ended"
    finally:
        echo.terminate()
        told = sweeps.communicate()[0].splitlines()
    outcomes = [line for line in told if not line.startswith("begun")]
    assert outcomes and all(line.startswith("usable") for line in outcomes), outcomes
    times = [float(re.match(r"\w+ ([0-9.]+)", line)[1]) for line in told] + [time.monotonic()]
    runs = list(zip(times[::2], times[1::2], strict=False))
    for row in rows:
        row["sweep"] |= beside(runs, *row.pop("timed"))
        assert row["sweep"]["under_way"] >= UNDER_WAY, row
        if row["client"] == "rclpy":
            row["own_ms"] = python_ms(row["pairs"])
    return rows


def of(times):
    times = sorted(times)
    return {"calls": len(times), "p50_ms": times[len(times) // 2], "p99_ms": times[int(0.99 * len(times))]}


def beside(runs, begun, ended):
    """Of the time from `begun` to `ended`: the share in one of `runs`, pairs of start and end, and how many ended in it."""
    share = sum(max(0.0, min(ended, end) - max(begun, start)) for start, end in runs) / (ended - begun)
    return {"under_way": share, "ended": sum(begun <= end < ended for _, end in runs)}


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
