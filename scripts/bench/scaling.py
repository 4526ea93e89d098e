"""Time and memory against pixels, heights, intersections and threads; writes docs/scaling.md and docs/scaling.svg.

scaling.py [--quick] [--out docs]
"""

import argparse
import csv
import datetime
import json
import os
import pathlib
import statistics
import sys
import tempfile

import matplotlib
import matplotlib.ticker
import numpy as np

import cell

sys.path.append(str(cell.ROOT / "scripts/lib"))
matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

from progress import say, status  # noqa: E402

# Of images, px.
SIZES = ((640, 480), (1280, 720), (2448, 2048), (3840, 2160), (5472, 3648))
HEIGHTS = (21, 51, 101, 201, 501, 1001, 2001)
INTERSECTIONS = (1000, 10_000, 100_000, 1_000_000)
# Of the sweep that is calibrated with many heights: small images, so that it can be rendered.
SMALL = (640, 360)


def scene(folder, size):
    """A scene.yaml of the standard cell with other images; blur and noise stay what they are in pixels."""
    path = folder / "scene.yaml"
    path.write_text(f"rig: {{width: {size[0]}, height: {size[1]}}}\nsensor: {{blur_px: {0.6 * size[0] / 640:.2f}}}\n")
    return ["--scene", path]


def images(folder, sizes):
    """A row for each size: megapixels, ms of a warm image (fit, intersections, texture), peak MiB of a sweep of six pairs."""
    for size in sizes:
        lines = folder / "x".join(map(str, size))
        status(f"1 of 3: images of {size[0]}×{size[1]} px")
        truth = cell.simulate(lines, 6, "--depth-mm", "2", *scene(folder, size))
        # Six heights say too little for a usable calibration.
        printed, _, peak_mib = cell.measured(cell.calibrate(lines, truth, folder / "c.yaml"), accepted=(0, 1))
        warm = [pair["fit_ms"][camera] for pair in json.loads(printed)["pairs"][2:] for camera in ("left", "right")]
        yield 1e-6 * size[0] * size[1], statistics.median(warm), peak_mib


def heights(folder, counts, threads):
    """A row for each number of heights: the number, s, peak MiB; then the same of the middle one by threads."""
    lines = folder / "many"
    status(f"2 of 3: simulate {max(counts)} heights")
    truth = cell.simulate(lines, max(counts), *scene(folder, SMALL))
    rows = list(csv.reader((lines / "poses.csv").open()))
    poses = folder / "poses.csv"

    def of(count, **environment):
        status(f"2 of 3: calibrate {count} heights")
        step = (max(counts) - 1) // (count - 1)
        with poses.open("w") as file:
            csv.writer(file).writerows([rows[0], *rows[1::step]])
        _, wall_s, peak_mib = cell.measured(
            cell.calibrate(lines, truth, folder / "c.yaml", poses), accepted=(0, 1), **environment
        )
        return wall_s, peak_mib

    middle = counts[len(counts) // 2]
    by_threads = [(n, *of(middle, env=os.environ | {"RAYON_NUM_THREADS": str(n)})) for n in threads]
    return [(count, *of(count)) for count in counts], by_threads, middle


def mapping(folder, counts):
    """A row for each number of intersections: the number, s, peak MiB of `gratingcal map`."""
    rng = np.random.default_rng(1)
    turn = np.deg2rad(11.0)
    for count in counts:
        path = folder / "points.csv"
        status(f"3 of 3: map {count} intersections")
        with path.open("w") as file:
            file.write("camera,u,v,x_mm,y_mm,z_mm\n")
            for camera, side in (("left", -1.0), ("right", 1.0)):
                points = rng.uniform([-9, -6, -20], [9, 6, 0], (count // 2, 3))
                # Heights, not a cloud: they are what is left out in turn.
                points[:, 2] = np.round(points[:, 2] * 5) / 5
                from_camera = points - [side * 6.0, 0.0, 30.0]
                c, s = np.cos(side * turn), np.sin(side * turn)
                x, z = c * from_camera[:, 0] + s * from_camera[:, 2], s * from_camera[:, 0] - c * from_camera[:, 2]
                ideal = np.stack([x / z, -from_camera[:, 1] / z], 1)
                ideal *= 1 - 0.05 * (ideal**2).sum(1, keepdims=True)
                pixel = 900 * ideal + [639.5, 359.5] + rng.normal(0, 0.02, (count // 2, 2))
                seen = ((pixel > 0) & (pixel < [1279, 719])).all(1)
                np.savetxt(file, np.hstack([pixel, points])[seen], fmt=f"{camera},%.4f,%.4f,%.4f,%.4f,%.4f")
        command = [cell.GRATINGCAL, "map", "--points", path, "--out", folder / "c.yaml", "--json"]
        _, wall_s, peak_mib = cell.measured([*map(str, command)], accepted=(0, 1))
        yield count, wall_s, peak_mib


def slope(rows):
    """Exponent of the time over all sizes but the smallest, by least squares."""
    sizes, times, _ = np.array(rows[1:], float).T
    return np.polyfit(np.log(sizes), np.log(times), 1)[0]


def draw(panels, path):
    """Each panel's time on the left axis and memory on the right one."""
    plt.rcParams |= {"font.size": 9, "svg.fonttype": "path", "svg.hashsalt": "grating_calibration"}
    plain = matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}")
    figure, axes = plt.subplots(2, 2, figsize=(9, 6.5), layout="constrained")
    for axis, (what, unit, title, rows) in zip(axes.flat, panels, strict=True):
        x, y, mib = zip(*rows, strict=True)
        axis.loglog(x, y, "o-", color="#1f6fb4")
        axis.set_ylim(0.5 * min(y), 2 * max(y))
        axis.set(xlabel=what, ylabel=unit, title=title)
        axis.yaxis.label.set_color("#1f6fb4")
        memory = axis.twinx()
        memory.loglog(x, mib, "s--", color="#b4561f")
        memory.set_ylabel("peak MiB", color="#b4561f")
        memory.set_ylim(10, 10_000)
        for side in (axis, memory):
            side.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
            side.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
            side.yaxis.set_major_formatter(plain)
        axis.xaxis.set_major_formatter(plain)
        axis.grid(alpha=0.3)
        if what == "threads":
            axis.set_xticks(x, map(str, x))
            axis.minorticks_off()
    figure.savefig(path, metadata={"Date": None})


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="small ones only, to try it")
    arguments.add_argument("--out", type=pathlib.Path, default=cell.ROOT / "docs")
    arguments = arguments.parse_args()
    some = (lambda all_of_them: all_of_them[:3]) if arguments.quick else (lambda all_of_them: all_of_them)
    threads = [n for n in (1, 2, 4, 8, 16) if n <= os.cpu_count()]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        by_pixels = list(images(folder, some(SIZES)))
        by_heights, by_threads, middle = heights(folder, some(HEIGHTS), threads)
        by_intersections = list(mapping(folder, some(INTERSECTIONS)))
    panels = (
        ("megapixels", "ms an image", "warm image: fit, intersections, texture", by_pixels),
        ("heights", "s", f"calibration, {SMALL[0]}×{SMALL[1]} px", by_heights),
        ("intersections", "s", "mapping models, cross-validation", by_intersections),
        ("threads", "s", f"calibration, {middle} heights", by_threads),
    )
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    out = [
        "# Scaling", "",
        f"Written by `scripts/bench/scaling.sh` on {datetime.date.today()}: {cpu}, {os.cpu_count()} cores, load average "
        f"{os.getloadavg()[0]:.1f}. Peak memory is that of the whole process. The exponent is the slope of the "
        "logarithm of time over that of size, the smallest size left out: 1 is linear.", "", "![Time and memory](scaling.svg)",
    ]  # fmt: skip
    draw(panels, arguments.out / "scaling.svg")
    for what, unit, title, rows in panels:
        number = "{:.1f}".format if what == "megapixels" else "{:,}".format
        out += ["", f"## {title[0].upper()}{title[1:]}", "", f"| {what} | {unit} | peak MiB |", "| --- | --- | --- |"]
        out += [f"| {number(n)} | {value:.2f} | {peak:.0f} |" for n, value, peak in rows]
        if what != "threads":
            out += ["", f"Exponent: {slope(rows):.2f}."]
    (arguments.out / "scaling.md").write_text("\n".join(out) + "\n")
    say("\n".join(out))


if __name__ == "__main__":
    main()
