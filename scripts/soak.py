"""Sweeps of the simulated cell again and again: the node's memory and open files must stay flat.

    soak.py [--minutes 60] [--heights 21] [--out docs/soak.md]

Every round is a calibration by action, recorded to disk, then ten thousand answers. Ends with 1 when memory has grown by
more than 5 % after warm-up, or files stay open.
"""

import argparse
import datetime
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = ROOT / "install/grating_calibration/lib/grating_calibration"
os.environ["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(1, 100))
MOST_GROWTH = 0.05
# Rounds until caches and thread pools have their size.
WARM_UP = 3

import rclpy  # noqa: E402
import yaml  # noqa: E402
from geometry_msgs.msg import Point  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402

from grating_calibration.action import Calibrate  # noqa: E402
from grating_calibration.msg import Pixel  # noqa: E402
from grating_calibration.srv import MoveTo, PixelToWorld  # noqa: E402


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmRSS:")).split()[1]) / 1024


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def wait(node, send, seconds=30.0):
    """The answer; asked again when it is lost, see docs/ros_interface.md."""
    for _ in range(4):
        future = send()
        rclpy.spin_until_future_complete(node, future, timeout_sec=seconds)
        if future.done():
            return future.result()
    sys.exit("soak: the node does not answer")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--minutes", type=float, default=60.0)
    arguments.add_argument("--heights", type=int, default=21)
    arguments.add_argument("--out", type=pathlib.Path)
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        cell = {"rig.width": 640, "rig.height": 360, "sensor.blur_px": 0.6, "lens.freeform_px": 0.25, "frame_rate": 10.0,
                "truth_dir": folder / "truth", "truth_points": 10}  # fmt: skip
        node = {"file_dir": folder, "calibration_file": folder / "c.yaml", "record_dir": folder / "sweep",
                "move_to.armed": "true", "limits.max_step": 0.05, "pose_timeout": 5.0}  # fmt: skip
        processes = {}
        for name, parameters in (("sim_cell", cell), ("calibration_node", node)):
            given = [part for key, value in parameters.items() for part in ("-p", f"{key}:={value}")]
            log = open(folder / f"{name}.log", "w")
            processes[name] = subprocess.Popen([BIN / name, "--ros-args", *given], stdout=log, stderr=subprocess.STDOUT)
        try:
            rounds, refused = soak(processes["calibration_node"].pid, folder, arguments)
        finally:
            for process in processes.values():
                process.terminate()
                process.wait(timeout=10)
    judge(rounds, refused, arguments)


def soak(pid, folder, arguments):
    """(minutes, resident MiB, open files) after every round, and why sweeps were not usable."""
    rclpy.init()
    node = rclpy.create_node("soak")
    action = ActionClient(node, Calibrate, "calibration_node/calibrate")
    move = node.create_client(MoveTo, "calibration_node/move_to")
    ask = node.create_client(PixelToWorld, "pixel_to_world")
    assert action.wait_for_server(20.0) and move.wait_for_service(20.0) and ask.wait_for_service(20.0)
    truth = folder / "truth/truth.yaml"
    while not truth.exists():
        time.sleep(0.1)
    truth = yaml.safe_load(truth.read_text())
    goal = Calibrate.Goal(height_start=0.0, height_stop=(arguments.heights - 1) * 0.0002, height_step=0.0002)
    goal.origins = [Pixel(u=u, v=v) for u, v in (truth["origin_left"], truth["origin_right"])]
    batch = PixelToWorld.Request(left=[Pixel(u=320.0, v=180.0)] * 1000, right=[Pixel(u=315.0, v=182.0)] * 1000)
    rounds, refused, begun = [], [], time.monotonic()
    while time.monotonic() - begun < 60.0 * arguments.minutes:
        handle = wait(node, lambda: action.send_goal_async(goal))
        result = wait(node, handle.get_result_async, 300.0).result
        if not result.usable:
            refused.append(result.reason)
            print(f"round {len(rounds) + 1} is not usable: {result.reason}", flush=True)
        for _ in range(10):
            wait(node, lambda: ask.call_async(batch))
        back = wait(node, lambda: move.call_async(MoveTo.Request(point=Point())))
        if not back.success:
            sys.exit(f"soak: round {len(rounds) + 1}: {back.message}")
        rounds.append(((time.monotonic() - begun) / 60.0, resident_mib(pid), open_files(pid)))
        print(f"round {len(rounds)}: {rounds[-1][0]:.1f} min, {rounds[-1][1]:.1f} MiB, {rounds[-1][2]} files", flush=True)
    node.destroy_node()
    rclpy.shutdown()
    return rounds, refused


def judge(rounds, refused, arguments):
    warm = rounds[WARM_UP:]
    if len(warm) < 6:
        sys.exit(f"soak: {len(rounds)} rounds say nothing yet: give more --minutes")
    third = len(warm) // 3
    first, last = (statistics.median(mib for _, mib, _ in part) for part in (warm[:third], warm[-third:]))
    files = [count for *_, count in warm]
    growth = last / first - 1.0
    text = (
        f"{datetime.date.today()}: {len(rounds)} sweeps of {arguments.heights} heights and {10_000 * len(rounds)} answers in "
        f"{rounds[-1][0]:.0f} minutes, {len(refused)} of the sweeps not usable; resident memory of `calibration_node` {first:.1f} MiB in the first third after warm-up, "
        f"{last:.1f} MiB in the last ({100 * growth:+.1f} %); open files {min(files)} … {max(files)}, at the end {files[-1]}."
    )
    print(text)
    if arguments.out:
        arguments.out.write_text(f"# Soak\n\nWritten by `make soak`.\n\n{text}\n")
    if len(refused) > len(rounds) / 2:
        sys.exit(f"soak: most sweeps are not usable, the last: {refused[-1]}")
    if growth > MOST_GROWTH or files[-1] > files[0] + 2:
        sys.exit("soak: memory or open files grow")


if __name__ == "__main__":
    main()
