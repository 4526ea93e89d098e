"""Writes docs/benchmarks_gpu.md from what scripts/test/gpu.sh found on a machine with an NVIDIA GPU.

    gpu.py FOLDER [--latency latency.json] [--out docs/benchmarks_gpu.md]

FOLDER holds machine.txt (driver, CPU, cores and date, a line each), tests.log, bench_*.json, original_DRAWS.json and, where
they ran, memcheck.log, racecheck.log and torch.log. The latency is what latency.py --out found there.
"""

import argparse
import json
import pathlib
import re

import service

ROOT = pathlib.Path(__file__).resolve().parents[2]
PIXELS = 1280 * 720
# Times faster than PyTorch on the same card, at least; s for the published search of a whole sweep and for all kernels of the
# default method, at most.
PYTORCH_BOUNDS = {"eager": 20, "torch.compile": 3}
SEARCH_BOUND_S, DEVICE_BOUND_S = 12.0, 1.5
# Draws an image of the published search, for both sets together.
PUBLISHED_DRAWS = 36_000


def span(values, digits=1, unit=1.0):
    """One figure, or the least and the most of several runs."""
    least, most = (f"{unit * pick(values):.{digits}f}" for pick in (min, max))
    return least if least == most else f"{least}–{most}"


def power(values):
    exponent = int(f"{max(values):e}".split("e")[1])
    if exponent < 3:
        return span(values)
    return f"{span(values, 2, 10.0**-exponent)}·10{''.join('⁰¹²³⁴⁵⁶⁷⁸⁹'[int(n)] for n in str(exponent))}"


def checked(folder):
    """What the tests and compute-sanitizer say."""
    passed, failed = re.search(r"(\d+) passed; (\d+) failed", (folder / "tests.log").read_text()).groups()
    told = [f"{passed} tests of `tests/kernels` passed, {failed} failed"]
    for tool in ("memcheck", "racecheck"):
        log = folder / f"{tool}.log"
        summary = re.search(r"SUMMARY: (\d+ \w+)", log.read_text()) if log.exists() else None
        told.append(f"compute-sanitizer's {tool}: {summary[1] if summary else 'did not run'}")
    return "; ".join(told) + "."


def kernels(runs, cores):
    rows = []
    for line in runs[0]["lines"]:
        same = [other for run in runs for other in run["lines"] if other["what"] == line["what"]]
        of = {key: [other[key] for other in same if other[key] is not None] for key in line}

        def cell(key, digits=1, unit=1.0, of=of):
            return span(of[key], digits, unit) if of[key] else ""

        rows.append(
            f"| {line['what']} | {power(of['per_s'])} {line['unit']} | {cell('wall_s', 1, 1e3)} | "
            f"{cell('device_s', 3, 1e3)} | {cell('of_floor', 0, 100.0)} | {cell('over_plain', 0)} | {cell('over_cpu', 1)} |"
        )
    return [
        "## Kernels", "",
        "`gratingcal bench --backend cuda --sweep …`. Rates and shares of the floors are by device time: for (a) from the first "
        "launch on either of two streams to the end of the last, for (b) and (c) the sum over their kernels; (d) is by wall time. "
        f"The CPU backend, by wall time, works on {cores} cores for (a) and (d), on one for (b) and (c). The kernels of (d) may "
        f"take {DEVICE_BOUND_S} s of device time.", "",
        "| | per second | wall, ms | device, ms | % of floor | times plain scalar code, one core | times the CPU backend |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *rows,
    ]  # fmt: skip


def pytorch(log, search):
    found = re.findall(r"PyTorch (\S+) (\S+) on .*: (\S+) evaluations", log)
    wall = [line["per_s"] * line["device_s"] / line["wall_s"] for line in search]
    rows = [
        f"| {how} | {power([float(rate)])} | {span([line['per_s'] / float(rate) for line in search])} | "
        f"{span([x / float(rate) for x in wall])} | {PYTORCH_BOUNDS[how]} |"
        for _, how, rate in found
    ]
    return [
        f"## Cost (4) in PyTorch {found[0][0]} on the same card", "",
        "`scripts/bench/torch_cost.py`: 64 draws on an image that is on the GPU, by wall time. The search (a) beside it by its "
        "device time, and by its wall time with all copies.", "",
        "| | evaluations per second | the search: times faster | by wall time | at least |", "| --- | --- | --- | --- | --- |",
        *rows,
    ]  # fmt: skip


def published(folder, search):
    found = {int(path.stem.split("_")[1]): json.loads(path.read_text()) for path in folder.glob("original_*.json")}
    rows = []
    for draws, run in sorted(found.items()):
        evaluations = draws * PIXELS * 2 * run["heights"]
        bound = f"{SEARCH_BOUND_S:.0f}" if draws == PUBLISHED_DRAWS else ""
        rows.append(
            f"| {draws} | {power([evaluations])} | {run['seconds']:.1f} | {run['fit_ms_median']:.0f} | "
            f"{span([evaluations / line['per_s'] for line in search])} | {bound} | {'yes' if run['usable'] else 'no'} |"
        )
    images = 2 * next(iter(found.values()))["heights"]
    return [
        "## The published search on a whole sweep", "",
        f"`gratingcal calibrate --method original --backend cuda`: {images} images of the default cell on all pixels. Wall time "
        "holds reading PNGs, spectra, evening the light out and the mapping. The search's own time is by the rate of (a). "
        f"{PUBLISHED_DRAWS} draws an image are {PUBLISHED_DRAWS // 2} for each of its two sets. What is not usable is the "
        "method's answer on this lens, not the GPU's.", "",
        "| draws an image | evaluations | wall, s | an image, median ms | search, s | at most, s | usable |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *rows,
    ]  # fmt: skip


def latency(found):
    lines = service.section(found) + ["", f"The node's backend: {found['backend']}.", ""]
    for pairs, bound in service.BOUNDS.items():
        sweep = {row["client"]: row["sweep"] for row in found["rows"] if row["pairs"] == pairs}
        if sweep["r2r, echo"]["p99_ms"] > bound:
            verdict = "the transport alone takes longer: no node can meet it here"
        else:
            verdict = "met" if all(times["p99_ms"] <= bound for times in sweep.values()) else "not met"
        told = "; ".join(f"{client} {times['p99_ms']:.1f} ({times['p50_ms']:.1f})" for client, times in sweep.items())
        lines.append(f"- {pairs} a call, bound for p99 {bound:.0f} ms: {verdict}. While sweeps run, p99 (p50), ms: {told}.")
    return lines


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--latency", type=pathlib.Path)
    arguments.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/benchmarks_gpu.md")
    arguments = arguments.parse_args()
    folder = arguments.folder
    driver, cpu, cores, date = (folder / "machine.txt").read_text().splitlines()
    runs = [json.loads(path.read_text()) for path in sorted(folder.glob("bench_*.json"))]
    search = [run["lines"][0] for run in runs]
    gpu = re.search(r"\((.*)\)", runs[0]["backend"])[1]
    out = [
        "# Benchmarks on a GPU", "",
        f"Written by `scripts/bench/gpu.py`, the last step of `make test-gpu`, from what was measured on {date}: {gpu}, driver "
        f"{driver}; {cpu}, {cores} cores. No figure here is typed by hand; a–b are the least and the most of several runs. What "
        "the floors are, and what keeps the kernels from them: "
        "[performance.md](performance.md).", "",
        checked(folder), "",
        *kernels(runs, cores),
    ]  # fmt: skip
    torch = folder / "torch.log"
    if torch.exists():
        out += ["", *pytorch(torch.read_text(), search)]
    out += ["", *published(folder, search)]
    if arguments.latency and arguments.latency.exists():
        out += ["", *latency(json.loads(arguments.latency.read_text()))]
    arguments.out.write_text("\n".join(out) + "\n")
    print("\n".join(out))


if __name__ == "__main__":
    main()
