"""The main job, start to end: a simulated cell, a calibration by action, answers to a separate ROS client, a verdict.

Starts sim_cell and calibration_node on a ROS domain of their own, calibrates, lets demo/client.py ask pixel_to_world for
the simulator's truth points, then runs the original method on the same images. Leaves everything in demo_out/ and ends
with an error when a step fails or a bound does not hold.
"""

import contextlib
import csv
import json
import math
import pathlib
import resource
import shutil
import subprocess
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "scripts/lib"))

from nodes import BIN, CONFIG, ROOT, NodeEnded, Nodes, enough_shared_memory, own_domain  # noqa: E402
from progress import say, status  # noqa: E402

OUT = ROOT / "demo_out"
# Draws and pixel spacing of the original method; published are 18000 and 1.
ORIGINAL_DRAWS, ORIGINAL_STRIDE = 6000, 4
HEIGHTS, STEP_M = 101, 0.0002
STAGES = 5
# Of the default method, against the simulator's truth.
BOUNDS = {"stereo_rms_um": 8.0, "stereo_max_um": 60.0, "points": 4000, "peak_memory_mib": 2048.0}


def fail(message):
    sys.exit(f"demo: {message}")


def run(*command, stdin=None, stdout=subprocess.PIPE, accept=(0,)):
    done = subprocess.run(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True)
    if done.returncode not in accept:
        fail(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def errors(truth, answers):
    """RMS along x, y, z and largest distance, µm, over the answered points; how many; statuses."""
    misses, statuses = [], {}
    for point, answer in zip(truth, answers, strict=True):
        statuses[answer["status"]] = statuses.get(answer["status"], 0) + 1
        if answer["status"] in ("ok", "outside_volume"):
            misses.append([1e3 * (float(answer[axis]) - float(point[axis])) for axis in ("x_mm", "y_mm", "z_mm")])
    if not misses:
        fail(f"no point was answered: {statuses}")
    rms = [math.sqrt(sum(miss[i] ** 2 for miss in misses) / len(misses)) for i in range(3)]
    return {
        "stereo_rms_um": rms,
        "stereo_max_um": max(math.hypot(*miss) for miss in misses),
        "points": len(misses),
        "statuses": statuses,
    }


def calibrate_by_action(nodes):
    import rclpy
    from rclpy.action import ActionClient

    from grating_calibration.action import Calibrate
    from grating_calibration.msg import Pixel

    origin = read_truth(OUT / "truth/truth.yaml")
    rclpy.init()
    node = rclpy.create_node("demo")
    client = ActionClient(node, Calibrate, "calibration_node/calibrate")
    if not client.wait_for_server(timeout_sec=20.0):
        fail("calibration_node does not offer its action; see demo_out/calibration_node.log")
    goal = Calibrate.Goal(height_start=0.0, height_stop=(HEIGHTS - 1) * STEP_M, height_step=STEP_M, method="auto")
    goal.origins = [Pixel(u=u, v=v) for u, v in origin]
    goal.file = str(OUT / "calibration.yaml")

    def feedback(message):
        now = message.feedback
        where = f"height {now.step}/{now.steps}, {now.height * 1e3:.2f} mm, residual {now.residual:.3f}"
        status(f"{where}, {now.eta.sec} s left, {now.stage}")

    def wait(future, seconds):
        """The answer, or None when there is none in time."""
        end = time.monotonic() + seconds
        while not future.done() and time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=0.2)
            nodes.check()
        return future.result() if future.done() else None

    # Fast DDS may lose the answer to a client that the node has only just found: ask again.
    tries = (wait(client.send_goal_async(goal, feedback_callback=feedback), 5) for _ in range(4))
    handle = next((answer for answer in tries if answer is not None), None)
    if handle is None or not handle.accepted:
        fail("the goal was refused or not answered; see demo_out/calibration_node.log")
    result = wait(handle.get_result_async(), 600)
    if result is None:
        fail("the calibration takes too long; see demo_out/*.log")
    result = result.result
    node.destroy_node()
    rclpy.shutdown()
    if not result.usable:
        fail(f"the calibration is not usable: {result.reason}")
    return result


def read_truth(path):
    """Origin pixels, left and right, from truth.yaml."""
    import yaml

    truth = yaml.safe_load(path.read_text())
    return truth["origin_left"], truth["origin_right"]


def calibrate_folder(method, out, *extra):
    left, right = read_truth(OUT / "truth/truth.yaml")
    sweep = OUT / "sweep"
    text = run(
        BIN / "gratingcal", "calibrate", "--left", sweep / "left", "--right", sweep / "right",
        "--poses", sweep / "poses.csv", "--pitch-mm", "1.1", "--origin-left", f"{left[0]},{left[1]}",
        "--origin-right", f"{right[0]},{right[1]}", "--method", method, "--out", out, "--json", *extra,
        accept=(0, 1),
    )  # fmt: skip
    return json.loads(text)


def same_models(first, second):
    """Whether two files hold the same numbers; only the date may differ."""
    lines = [[line for line in open(path) if not line.startswith("created:")] for path in (first, second)]
    return lines[0] == lines[1]


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    own_domain()
    enough_shared_memory()
    seconds, begun = {}, time.monotonic()

    @contextlib.contextmanager
    def stage(name):
        since = time.monotonic()
        status(f"{name} ({len(seconds) + 1}/{STAGES})")
        yield
        seconds[name] = round(time.monotonic() - since, 1)
        say(f"  {name:<38} {seconds[name]:6.1f} s")

    say("simulated cell and calibration node")
    with Nodes(OUT) as nodes:
        nodes.start("sim_cell", {"truth_dir": OUT / "truth"}, CONFIG / "sim_cell.yaml")
        nodes.start("calibration_node", {"record_dir": OUT / "sweep"}, CONFIG / "calibration_node.yaml")
        truth_file = OUT / "truth/truth_points.csv"
        since = time.monotonic()
        while not truth_file.exists():
            nodes.check()
            if time.monotonic() - since > 30:
                fail("sim_cell does not start; see demo_out/sim_cell.log")
            time.sleep(0.1)
        with stage(f"calibrate by action, {HEIGHTS} heights"):
            calibrated = calibrate_by_action(nodes)
        with stage("pixel_to_world from another process"):
            run(sys.executable, ROOT / "demo/client.py", truth_file, OUT / "points.csv")
        nodes.check()

    truth = list(csv.DictReader(open(truth_file)))
    summary = {"default": errors(truth, list(csv.DictReader(open(OUT / "points.csv"))))}
    with stage("the same from the folder, and the report"):
        folder = calibrate_folder("auto", OUT / "calibration_from_folder.yaml", "--report", OUT / "report.html")
    if not same_models(OUT / "calibration.yaml", OUT / "calibration_from_folder.yaml"):
        fail("node and gratingcal calibrate disagree on the same images")
    summary["default"] |= {
        "heights": calibrated.heights,
        "usable": calibrated.usable,
        "fit_ms_warm": folder["fit_ms_median"],
        "models": list(calibrated.models),
        "cross_validation_rms_px": list(calibrated.cross_validation_rms_px),
    }
    with stage("the original method on the same images"):
        effort = ("--original-draws", str(ORIGINAL_DRAWS), "--original-stride", str(ORIGINAL_STRIDE))
        original = calibrate_folder("original", OUT / "calibration_original.yaml", *effort)
        file = OUT / "calibration_original.yaml"
        answers = run(BIN / "gratingcal", "pixel-to-world", "--calibration", file, stdin=open(truth_file))
    summary["original"] = errors(truth, list(csv.DictReader(answers.splitlines()))) | {
        "heights": original["heights"],
        "usable": original["usable"],
        "fit_ms_warm": original["fit_ms_median"],
        "draws": ORIGINAL_DRAWS,
        "stride": ORIGINAL_STRIDE,
    }
    with stage("overlay images"):
        for side in ("left", "right"):
            image = OUT / f"sweep/{side}/{HEIGHTS // 2:05}.png"
            run(BIN / "gratingcal", "fit", image, "--overlay", OUT / f"overlay_{side}.png")

    children_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    peak = max(children_mib, sum(nodes.peak_kib.values()) / 1024)
    for method in summary.values():
        method["peak_memory_mib"] = round(peak, 1)
    seconds["total"] = round(time.monotonic() - begun, 1)
    summary["seconds"] = seconds
    (OUT / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    table(summary)
    judge(summary["default"])


def table(summary):
    print("\nStereo points against the simulator's truth")
    print("  method      heights  points   rms x    rms y    rms z      max    usable  fit of an image")
    for name in ("default", "original"):
        row = summary[name]
        x, y, z = row["stereo_rms_um"]
        usable = "yes" if row["usable"] else "no"
        print(f"  {name:<10} {row['heights']:>8} {row['points']:>7} {x:>7.2f}  {y:>7.2f}  {z:>7.2f}"
              f"  {row['stereo_max_um']:>7.1f} µm  {usable:>4}  {row['fit_ms_warm']:>8.0f} ms")  # fmt: skip
    row = summary["original"]
    print(f"  original: {row['draws']} draws an image on every {row['stride']}th pixel; published are 18000 on all")
    print(f"  peak memory {summary['default']['peak_memory_mib']:.0f} MiB, {summary['seconds']['total']:.0f} s in all;"
          f" see demo_out/report.html, summary.json, overlay_*.png")  # fmt: skip


def judge(row):
    broken = []
    if max(row["stereo_rms_um"]) > BOUNDS["stereo_rms_um"]:
        broken.append(f"RMS error is above {BOUNDS['stereo_rms_um']} µm along an axis")
    for name in ("stereo_max_um", "peak_memory_mib"):
        if row[name] > BOUNDS[name]:
            broken.append(f"{name} = {row[name]:.1f} is above {BOUNDS[name]}")
    if row["points"] < BOUNDS["points"]:
        broken.append(f"only {row['points']} points were answered")
    if broken:
        fail("; ".join(broken))
    print("  all bounds hold")


if __name__ == "__main__":
    try:
        main()
    except NodeEnded as error:
        fail(error)
