"""Cameras with robot, node and planner on three hosts, which only the network joins: here three network namespaces."""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest
import yaml

from nodes import SMALL_CELL, Nodes

HOSTS = ("cell", "node", "planner")


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True)


@pytest.fixture
def hosts():
    """Names of network namespaces, each with an address on one switch."""
    tag = f"gc{os.getpid()}"
    names = {host: f"{tag}-{host}" for host in HOSTS}
    switch = f"{tag}-switch"
    if ip("netns", "add", switch).returncode != 0:
        pytest.skip("network namespaces can't be made here: not root, or no ip")
    try:
        ip("-n", switch, "link", "add", "br0", "type", "bridge")
        if ip("-n", switch, "link", "set", "br0", "up").returncode != 0:
            pytest.skip("no bridge can be made here")
        for number, name in enumerate(names.values()):
            ip("netns", "add", name)
            port = f"p{number}"
            ip("-n", switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", switch, "link", "set", port, "master", "br0", "up")
            ip("-n", name, "address", "add", f"10.77.0.{number + 1}/24", "dev", "eth0")
            for link in ("lo", "eth0"):
                ip("-n", name, "link", "set", link, "up")
            # Discovery is by multicast.
            assert ip("-n", name, "route", "add", "224.0.0.0/4", "dev", "eth0").returncode == 0
        yield names
    finally:
        for name in (*names.values(), switch):
            ip("netns", "delete", name)


def test_hosts_that_only_the_network_joins_calibrate_together(hosts, tmp_path):
    environment = os.environ | {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}
    within = {host: ["ip", "netns", "exec", name] for host, name in hosts.items()}
    with Nodes(tmp_path) as nodes:
        cell = SMALL_CELL | {"truth_dir": tmp_path / "truth"}
        nodes.start("sim_cell", cell, within=within["cell"], env=environment)
        node = {"calibration_file": tmp_path / "c.yaml", "pose_timeout": 3.0}
        nodes.start("calibration_node", node, within=within["node"], env=environment)
        end = time.monotonic() + 20.0
        while not (tmp_path / "truth/truth.yaml").exists():
            assert time.monotonic() < end, nodes.log("sim_cell")
            time.sleep(0.1)
        truth = yaml.safe_load((tmp_path / "truth/truth.yaml").read_text())
        origins = [*truth["origin_left"], *truth["origin_right"]]
        script = pathlib.Path(__file__).parents[1] / "support/calibrate_once.py"
        command = [*within["planner"], sys.executable, script, "6", *map(str, origins)]
        told = subprocess.run(command, env=environment, timeout=90, stdout=subprocess.PIPE, text=True, check=True).stdout
    answer = json.loads(told.splitlines()[-1])
    assert answer["usable"], answer
    assert answer["status"] == 0 and max(abs(x) for x in answer["point"]) < 5e-5, answer
