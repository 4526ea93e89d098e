"""The accuracy report: every cell, every model, the original and OpenCV, judged by the simulator's truth.

    run.py [--quick] [--cell NAME …] [--out docs/accuracy.md]

A cell is simulated twice with the same cameras, motion and noise: with lines, and with a chessboard for OpenCV. Figures go to
OUT.md and OUT.json; images are removed when a cell is done. Exit code 1 where a bound does not hold.
"""

import argparse
import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

import numpy as np

import chessboard
import judge
import table
from cells import CELLS

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts/lib"))

from progress import say, status  # noqa: E402

WORK = ROOT / ".ros/accuracy/cells"
GRATINGCAL = ROOT / "target/release/gratingcal"
# Effort of the original method; published are 18000 draws on every pixel.
DRAWS, STRIDE = 4000, 6
TRUTH_POINTS = 5000


def run(*command, stdin=None, accept=(0,)):
    """Standard output; RuntimeError with what the command said."""
    done = subprocess.run([GRATINGCAL, *map(str, command)], input=stdin, capture_output=True, text=True)
    if done.returncode not in accept:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        # Without the images' paths.
        raise RuntimeError(re.sub(r"^error: (\S+\.png and \S+\.png: )?", "", said[0]))
    return done.stdout


def simulate(cell, *folders):
    """The cell with lines, and with a chessboard, at the same time."""
    command = [GRATINGCAL, "simulate", "--preset", cell.preset, "--heights", cell.heights, "--jog-mm", cell.jog_mm,
               "--truth-points", TRUTH_POINTS, "--json", "--out"]  # fmt: skip
    board = "x".join(map(str, cell.board))
    extra = [[], ["--chessboard", board]]
    running = [
        subprocess.Popen([*map(str, command), str(folder), *more], stdout=subprocess.PIPE, text=True)
        for folder, more in zip(folders, extra, strict=True)
    ]
    written = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError(f"{cell.name} can't be simulated")
    return json.loads(written[0])


def calibrate(folder, truth, out, *extra):
    origins = [f"{u},{v}" for u, v in (truth["origin_left"], truth["origin_right"])]
    text = run("calibrate", "--left", folder / "left", "--right", folder / "right", "--poses", folder / "poses.csv",
               "--pitch-mm", truth["pitch_mm"], "--origin-left", origins[0], "--origin-right", origins[1],
               "--out", out, "--json", *extra, accept=(0, 1))  # fmt: skip
    return json.loads(text)


def ask(file, points, pixels):
    """Figures of a calibration file: pairs, and each camera with the plane that every point lies on."""

    def table_of(header, columns):
        return "\n".join([header, *(",".join(f"{x:.9f}" for x in row) for row in np.column_stack(columns))])

    pairs = table_of("u_left,v_left,u_right,v_right", pixels)
    stereo = judge.of_csv(points, run("pixel-to-world", "--calibration", file, "--covariance", stdin=pairs), 3)
    sides = []
    for side, seen in zip(("left", "right"), pixels, strict=True):
        planes = table_of("u,v,z_mm", [seen, points[:, 2]])
        text = run("pixel-to-world", "--calibration", file, "--camera", side, "--covariance", stdin=planes)
        sides.append(judge.of_csv(points, text, 2))
    return {"stereo": stereo, "plane": judge.pooled(sides)}


def usable(file):
    """(usable, reason) of a calibration file."""
    lines = file.read_text().splitlines()
    value = lambda key: next(line.split(":", 1)[1].strip() for line in lines if line.startswith(f"{key}:"))  # noqa: E731
    return value("usable") == "true", value("reason").strip("'\"")


def ours(cell, folder, truth, points, pixels):
    models = folder / "models"
    summary = calibrate(folder, truth, folder / "calibration.yaml", "--every-model", models)
    rows = [{"method": "ours", "model": " / ".join(dict.fromkeys(summary["models"])), "served": True,
             "usable": summary["usable"], "reason": summary["reason"], **ask(folder / "calibration.yaml", points, pixels)}]  # fmt: skip
    # In the order of the ladder, which the file states.
    for file in sorted(models.glob("*.yaml"), key=lambda file: file.stat().st_mtime_ns):
        verdict, reason = usable(file)
        rows.append({"method": "ours", "model": file.stem, "usable": verdict, "reason": reason, **ask(file, points, pixels)})
    return rows, summary


def original(cell, folder, truth, points, pixels):
    file = folder / "original.yaml"
    summary = calibrate(folder, truth, file, "--method", "original", "--original-draws", DRAWS, "--original-stride", STRIDE)
    return [{"method": "original", "model": "Eq. (16)", "usable": summary["usable"], "reason": summary["reason"],
             **ask(file, points, pixels)}]  # fmt: skip


def opencv(cell, folder, points, pixels):
    import cv2

    *squares, side_mm = cell.board
    poses = np.genfromtxt(folder / "poses.csv", delimiter=",", skip_header=1)
    moved = poses[:, 1:4] - [0.0, 0.0, poses[:, 3].min()]
    if not cell.jog_mm:
        # The robot is known to go straight up.
        moved[:, :2] = 0.0
    found = chessboard.detect(folder, poses[:, 0].astype(int), squares)
    boards = [sum(pixels is not None for pixels in side) for side in found]
    image = cv2.imread(str(folder / "left/00000.png"), cv2.IMREAD_UNCHANGED)
    rows = []
    for name, flags in chessboard.LENSES.items():
        row = {"method": "OpenCV", "model": name, "boards": boards, "images": len(poses)}
        rows.append(row)
        numbers = chessboard.corner_numbers(squares)
        rig = chessboard.calibrate(found, numbers, side_mm, moved, cell.jog_mm > 0, image.shape[::-1], flags)
        if rig is None:
            row["error"] = f"the board is found in {boards[0]} and {boards[1]} of {len(poses)} images"
            continue
        start = np.tile([0.0, 0.0, points[:, 2].mean()], (len(points), 1))
        row["stereo"] = judge.figures(points, rig.points(pixels, [0, 1], start), 3)
        planes = [rig.points([pixels[i]], [i], np.c_[0 * points[:, :2], points[:, 2]]) for i in range(2)]
        row["plane"] = judge.pooled([judge.figures(points, plane, 2) for plane in planes])
        row["residual_rms_px"] = rig.rms_px
    return rows


def measure(cell, place):
    """All rows of one cell, which is the `place` of all that are measured: "3 of 11"."""
    folder = WORK / cell.name
    shutil.rmtree(folder, ignore_errors=True)
    lines, board = folder / "lines", folder / "board"
    seconds = {}

    @contextlib.contextmanager
    def stage(name):
        begun = time.monotonic()
        status(f"{cell.name} ({place}): {name}")
        yield
        seconds[name] = round(time.monotonic() - begun, 1)

    with stage("simulate"):
        truth = simulate(cell, lines, board)
    points, pixels = judge.truth(lines)
    rows, summary = [], None
    for method, name in ((ours, "ours"), (original, "original")):
        with stage(name):
            try:
                found = method(cell, lines, truth, points, pixels)
                if method is ours:
                    found, summary = found
                rows += found
            except RuntimeError as error:
                rows.append({"method": name, "model": "", "error": str(error)})
    with stage("OpenCV"):
        rows += opencv(cell, board, points, pixels)
    pairs = len((lines / "poses.csv").read_text().splitlines()) - 1
    keep = {key: summary.get(key) for key in ("min_phase_margin", "cross_validation_rms_px")} if summary else {}
    shutil.rmtree(folder)
    return {"name": cell.name, "title": cell.title, "heights": cell.heights, "pairs": pairs, "jog_mm": cell.jog_mm,
            "board": cell.board, "bounds": cell.bounds, "truth_points": len(points), "seconds": seconds, "rows": rows} | keep  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few cells, written to .ros/accuracy")
    parser.add_argument("--cell", nargs="+", choices=[cell.name for cell in CELLS], help="these cells, likewise")
    parser.add_argument("--out", type=pathlib.Path, help="the report; its JSON goes next to it")
    args = parser.parse_args()
    chosen = [cell for cell in CELLS if (cell.name in args.cell if args.cell else cell.quick or not args.quick)]
    whole = len(chosen) == len(CELLS)
    out = args.out or (ROOT / "docs/accuracy.md" if whole else ROOT / ".ros/accuracy/accuracy.md")
    begun = time.monotonic()
    report = {
        "command": "make accuracy" + ("" if whole else "  (only some cells)"),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": table.commit(ROOT),
        "opencv": chessboard.cv2.__version__,
        "original": {"draws": DRAWS, "stride": STRIDE},
        "cells": [],
    }
    for cell in chosen:
        report["cells"].append(measure(cell, f"{len(report['cells']) + 1} of {len(chosen)}"))
        say(f"{cell.name:<12} {report['cells'][-1]['pairs']:>4} pairs  {table.line(report['cells'][-1])}")
        # A partial run that is cut short leaves what it has.
        report["minutes"] = round((time.monotonic() - begun) / 60, 1)
        if not whole or len(report["cells"]) == len(chosen):
            out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
            out.write_text(table.markdown(report))
    broken = [text for text, holds in table.bounds(report) if not holds]
    say(f"wrote {out}" + "".join(f"\n  does not hold: {text}" for text in broken))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
