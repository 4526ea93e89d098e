"""What benchmarks run and time: `gratingcal` on simulated cells."""

import json
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRATINGCAL = ROOT / "target/release/gratingcal"


def simulate(folder, heights, *extra):
    """Ray-traces a sweep into `folder`; what calibrating it needs."""
    command = [GRATINGCAL, "simulate", "--heights", heights, "--json", "--out", folder, *extra]
    return json.loads(subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout)


def calibrate(lines, truth, out, poses=None):
    """The command that calibrates what [`simulate`] left in `lines`."""
    command = [GRATINGCAL, "calibrate", "--left", lines / "left", "--right", lines / "right", "--poses", poses or lines / "poses.csv",
               "--pitch-mm", truth["pitch_mm"], "--origin-left", "{},{}".format(*truth["origin_left"]),
               "--origin-right", "{},{}".format(*truth["origin_right"]), "--out", out, "--json"]  # fmt: skip
    return [*map(str, command)]


def measured(command, accepted=(0,), **environment):
    """Runs it: what it printed, wall time in s, its peak memory in MiB, looked at now and then, the peak only grows: rusage's would be
    this process's own."""
    peak_kib = 0
    with tempfile.TemporaryFile("w+") as printed:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=printed, **environment)
        while process.poll() is None:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            peak_kib = max([peak_kib, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        if process.returncode not in accepted:
            raise SystemExit(f"{' '.join(command)} failed, see above")
        printed.seek(0)
        return printed.read(), seconds, peak_kib / 1024
