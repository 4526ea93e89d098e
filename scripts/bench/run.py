"""Benchmarks against peers in one run; writes docs/benchmarks.md.

    run.py [--heights 201] [--out docs/benchmarks.md]

Reads what `cargo bench` has just left in target/criterion, then times OpenCV and NumPy on images of the same cell.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts" / folder) for folder in ("accuracy", "lib")]

import cv2  # noqa: E402
import numpy as np  # noqa: E402

import cell  # noqa: E402
import chessboard  # noqa: E402
import numpy_fit  # noqa: E402
import service  # noqa: E402
from cell import GRATINGCAL, simulate  # noqa: E402
from progress import say, status  # noqa: E402

WORK = ROOT / ".ros/bench/cell"
SQUARES, SIDE_MM = (26, 15), 1.0
# Evaluations of Eq. (3) of the published search: draws × pixels × sets × cameras × heights.
PUBLISHED = 18_000 * 1280 * 720 * 2 * 2 * 201


def seconds(work, repeats):
    """Times of `repeats` calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def criterion(group, name):
    """Times of one call, s, from criterion's samples."""
    folders = [path for path in (ROOT / "target/criterion").glob("*/*/new") if path.parent.name == name]
    path = next(path for path in folders if path.parent.parent.name.startswith(group)) / "sample.json"
    sample = json.loads(path.read_text())
    return [1e-9 * t / n for t, n in zip(sample["times"], sample["iters"], strict=True)]


def ratio(slow, fast):
    return f"{statistics.median(slow) / statistics.median(fast):.1f}"


def phases_of(image, size_px):
    """Polynomials through the intersections that `gratingcal fit` finds, numbered from the middle one."""
    command = [GRATINGCAL, "fit", "--json", image]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["intersections"]
    numbers = np.array([[point["n_h"], point["n_v"]] for point in found], float)
    pixels = np.array([[point["u"], point["v"]] for point in found], float)
    middle = np.linalg.norm(pixels - np.array(size_px) / 2, axis=1).argmin()
    return numpy_fit.start(numbers - numbers[middle], pixels, size_px)


def row(what, times, against=None, unit=1e3, digits=1):
    """A line of a table: median, least and most, and how many times slower than `against`."""
    figures = (statistics.median(times), min(times), max(times))
    last = ratio(times, against) if against else ""
    return f"| {what} | {' | '.join(f'{unit * t:.{digits}f}' for t in figures)} | {last} |"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--heights", type=int, default=201)
    arguments.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/benchmarks.md")
    arguments = arguments.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    cv2.setNumThreads(1)
    heights, lines, board = arguments.heights, WORK / "lines", WORK / "board"
    status("1 of 4: simulate a sweep with lines and one with a chessboard")
    truth = simulate(lines, heights)
    simulate(board, heights, "--chessboard", "x".join(map(str, (*SQUARES, SIDE_MM))))
    path = lambda folder, n: str(folder / f"left/{n:05}.png")  # noqa: E731
    last, now = heights // 2, heights // 2 + 1

    # One image, one core.
    status("2 of 4: one image by OpenCV and by NumPy")
    fit, local = criterion("one 1280x720", "warm fit"), criterion("one 1280x720", "intersections")
    cold, query = criterion("one 1280x720", "cold fit"), criterion("answers", "stereo query")
    image = cv2.imread(path(board, now), cv2.IMREAD_GRAYSCALE)
    size_px = (image.shape[1], image.shape[0])
    size = (SQUARES[0] - 1, SQUARES[1] - 1)
    found, corners = cv2.findChessboardCornersSB(image, size, chessboard.ACCURACY)
    assert found, "OpenCV does not find the chessboard"
    detect = seconds(lambda: cv2.findChessboardCornersSB(image, size, chessboard.ACCURACY), 9)
    refine = seconds(lambda: chessboard.refined(image, corners.reshape(size[1], size[0], 2)), 9)
    # Phases of the two images before, from their intersections, then extrapolated as the Rust fit's.
    before = [phases_of(path(lines, n), size_px) for n in (last - 1, last)]
    grey = [cv2.imread(path(lines, n), cv2.IMREAD_GRAYSCALE) / 255.0 for n in (last, now)]
    doublings = min(range(4), key=lambda m: numpy_fit.Fit(grey[0]).run(before[1], m)[1])
    light = numpy_fit.Fit(grey[0]).run(before[1], doublings)[0][2 * len(before[1][0]) :]
    at = [2 * b - a for a, b in zip(*before, strict=True)]
    peer = numpy_fit.Fit(grey[1])
    _, rms, passes = peer.run(at, doublings, light)
    # As the Rust fit: the basis of all pixels is made once.
    numpy_times = seconds(lambda: peer.run(at, doublings, light), 3)

    # The whole calibration, all cores.
    ours, peaks_mib = [], []
    for done in range(3):
        status(f"3 of 4: a whole calibration, run {done + 1} of 3")
        _, wall_s, peak_mib = cell.measured(cell.calibrate(lines, truth, WORK / "calibration.yaml"))
        ours.append(wall_s)
        peaks_mib.append(peak_mib)
    poses = np.loadtxt(board / "poses.csv", delimiter=",", skiprows=1)
    status("4 of 4: the whole calibration by OpenCV")
    opencv = seconds(lambda: of_opencv(board, poses), 1)

    scalar, simd = criterion("cost", "plain scalar port"), criterion("cost", "cpu")
    simd = [t / 64 for t in simd]
    evaluations = 1280 * 720
    rate = evaluations / statistics.median(simd)
    cpu = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor()
    )
    out = [
        "# Benchmarks", "",
        f"Written by `make bench` on {datetime.date.today()}: {cpu}, {os.cpu_count()} cores. Times depend on the machine and "
        "its load; the ratios, all from this run, hardly do. No figure here is typed by hand.", "",
        "## One 1280×720 image, one core", "",
        "| | ms, median | least | most | times slower |", "| --- | --- | --- | --- | --- |",
        row("warm fit (extrapolated phases)", fit),
        row("its intersections, measured locally", local),
        row("cold fit (spectrum, growing region)", cold),
        row(f"the warm fit in NumPy ({passes} passes, RMS residual {rms:.4f})", numpy_times, fit),
        row("OpenCV findChessboardCornersSB, 26×15 squares", detect, fit),
        row("OpenCV cornerSubPix on these corners", refine, fit), "",
        "## Cost (4), the inner loop of the published search, one core", "",
        "| | evaluations of Eq. (3) per second | ratio |", "| --- | --- | --- |",
        f"| plain scalar port, `f32::sin` | {1e-9 * evaluations / statistics.median(scalar):.4f} G | 1 |",
        f"| CPU backend, a batch of 64 draws | {1e-9 * rate:.3f} G | {ratio(scalar, simd)} |", "",
        f"At that rate the whole published search ({1e-12 * PUBLISHED:.1f}·10¹² evaluations) would take "
        f"{PUBLISHED / rate / 120:.0f} minutes on two such cores.", "",
        f"## Whole calibration, {2 * heights} images, {os.cpu_count()} cores", "",
        "| | s, median | least | most | times slower |", "| --- | --- | --- | --- | --- |",
        row("`gratingcal calibrate`: reading, fits, mapping, cross-validation", ours, None, 1),
        row("OpenCV: findChessboardCornersSB, cornerSubPix, calibrateCamera (5 coefficients)", opencv, ours, 1), "",
        f"Peak memory of `gratingcal calibrate`: {max(peaks_mib):.0f} MiB.", "",
        "## Answers", "",
        "| | µs, median | least | most | |", "| --- | --- | --- | --- | --- |",
        row("one pixel pair to a point with covariance, in process", query, None, 1e6, 2),
    ]  # fmt: skip
    # Measured by run.sh in the same run, where ROS is.
    for name, section in (("latency", service.section), ("overlay", service.overlays)):
        found = ROOT / f".ros/bench/{name}.json"
        if found.exists():
            out += ["", *section(json.loads(found.read_text()))]
    arguments.out.write_text("\n".join(out) + "\n")
    say("\n".join(out))
    shutil.rmtree(WORK)


def of_opencv(folder, poses):
    """The whole calibration by OpenCV."""
    found = chessboard.detect(folder, poses[:, 0].astype(int), SQUARES)
    rig = chessboard.calibrate(found, chessboard.corner_numbers(SQUARES), SIDE_MM, poses[:, 1:4], False, (1280, 720), 0)
    assert rig is not None, "OpenCV finds too few chessboards"


if __name__ == "__main__":
    main()
