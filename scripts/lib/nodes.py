"""Starts this package's nodes as processes of their own, for demo, benchmarks and tests; all end with who started them.

Call own_domain(), and enough_shared_memory() where images are large, before rclpy starts: children inherit both.
"""

import os
import pathlib
import random
import subprocess

import yaml
from ament_index_python.packages import get_package_prefix

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREFIX = pathlib.Path(get_package_prefix("grating_calibration"))
BIN = PREFIX / "lib/grating_calibration"
CONFIG = PREFIX / "share/grating_calibration/config"
# Where cargo leaves the example that is not installed.
EXAMPLES = pathlib.Path(os.environ.get("GRATING_BUILD", ROOT / "build/grating_calibration")) / "cargo/release/examples"


def small_cell():
    """Parameters of `sim_cell` for the small cell, and for a truth of a few heights."""
    scene = yaml.safe_load((ROOT / "tests/common/small_cell.yaml").read_text())
    parameters = {f"{group}.{name}": value for group, values in scene.items() for name, value in values.items()}
    return parameters | {"frame_rate": 10.0, "truth_points": 200, "truth_depth": 0.004}


SMALL_CELL = small_cell()
# What names a file of settings to Fast DDS, and that with enough shared memory for large messages.
PROFILE, SHARED_MEMORY = "FASTRTPS_DEFAULT_PROFILES_FILE", "config/fastdds.xml"
STOP_S = 10.0


def own_domain():
    """Nobody else's nodes."""
    os.environ["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(1, 100))


def enough_shared_memory():
    """An image is larger than what Fast DDS shares by itself; on a busy machine most would be lost."""
    os.environ.setdefault(PROFILE, str(ROOT / SHARED_MEMORY))


def yield_to_others():
    """Takes only processor time that nobody else wants, as real cameras take none of the node's."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


class NodeEnded(RuntimeError):
    """A node has ended by itself; says which, with the end of its log."""


class Nodes:
    """Running nodes by name, each with its log in `folder`."""

    def __init__(self, folder, namespace=""):
        self.folder = pathlib.Path(folder)
        self.namespace = namespace
        self.running = {}
        self.peak_kib = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop_all()

    def start(self, name, parameters=None, params_file=None, within=(), **options):
        """`parameters` go before those of `params_file`; `within`: a command that runs the node, such as `ip netns exec …`."""
        arguments = ["-r", f"__ns:=/{self.namespace}"] if self.namespace else []
        arguments += ["--params-file", params_file] if params_file else []
        arguments += [part for key, value in (parameters or {}).items() for part in ("-p", f"{key}:={value}")]
        with open(self.folder / f"{name}.log", "a") as log:
            command = [*within, BIN / name, "--ros-args", *arguments]
            self.running[name] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, **options)

    def start_cell_and_node(self, cell, node, **cell_options):
        """sim_cell and calibration_node with these parameters, the cell's truth and the node's files in `folder`."""
        self.start("sim_cell", {"truth_dir": self.folder / "truth", "truth_points": 10} | cell, **cell_options)
        self.start("calibration_node", {"file_dir": self.folder, "calibration_file": self.folder / "c.yaml"} | node)

    def check(self):
        """All still run; looks at the memory that each has had at most."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise NodeEnded(f"{name} ended by itself with {process.returncode}:\n{self.log(name)[-2000:]}")
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
            self.peak_kib[name] = next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def switches(self, name):
        """How often its threads have been switched to so far."""
        threads = pathlib.Path(f"/proc/{self.running[name].pid}/task").iterdir()
        lines = [line.split() for thread in threads for line in (thread / "status").read_text().splitlines()]
        return sum(int(line[1]) for line in lines if line[0].endswith("ctxt_switches:"))

    def stop(self, name):
        """Its exit code; subprocess.TimeoutExpired when it had to be killed."""
        process = self.running.pop(name)
        process.terminate()
        try:
            return process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def stop_all(self):
        for process in self.running.values():
            process.terminate()
        for name in list(self.running):
            try:
                self.stop(name)
            except subprocess.TimeoutExpired:
                pass
