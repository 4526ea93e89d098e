"""The SROS2 policy against the running node."""

import os
import subprocess
import xml.etree.ElementTree as ElementTree

from nodes import BIN, ROOT

POLICY = ROOT / "config/sros2/policy.xml"
ACTION_SERVICES = ("send_goal", "get_result", "cancel_goal")
ACTION_TOPICS = ("feedback", "status")


def allowed():
    """Absolute names: {(kind, expression): names}."""
    profile = ElementTree.parse(POLICY).find(".//profile[@node='calibration_node']")
    names = {"publish": set(), "subscribe": set(), "reply": set()}

    def full(name):
        return name.replace("~", "/calibration_node", 1) if name.startswith("~") else f"/{name.removeprefix('/')}"

    for group in profile:
        (expression,) = group.attrib
        assert group.attrib[expression] == "ALLOW"
        for entry in group:
            name = full(entry.text)
            if expression == "execute":
                names["publish"] |= {f"{name}/_action/{part}" for part in ACTION_TOPICS}
                names["reply"] |= {f"{name}/_action/{part}" for part in ACTION_SERVICES}
            else:
                names[expression].add(name)
    return names


def used(client):
    """The same of the running node."""
    who = ("calibration_node", "/")
    node = client.node
    if who not in node.get_node_names_and_namespaces():
        return {"publish": set(), "subscribe": set(), "reply": set()}
    return {
        "publish": {name for name, _ in node.get_publisher_names_and_types_by_node(*who)},
        "subscribe": {name for name, _ in node.get_subscriber_names_and_types_by_node(*who)},
        "reply": {name for name, _ in node.get_service_names_and_types_by_node(*who)},
    }


def test_the_policy_allows_what_the_node_uses_and_nothing_else(cell):
    seen = {"publish": set(), "subscribe": set(), "reply": set()}
    variants = ({}, {"motion": "joints", "pose_source": "joints"}, {"pose_source": "tf"})
    for parameters in variants:
        cell.client.status = None
        cell.start_node(parameters)
        # Its last interface is offered before the first status comes.
        cell.client.until(lambda: cell.client.status is not None, what="the status")
        cell.client.until(lambda: "/pixel_to_world" in used(cell.client)["reply"], what="its services")
        cell.client.spin(0.3)
        for expression, names in used(cell.client).items():
            seen[expression] |= names
        cell.processes.stop("calibration_node")
        cell.client.until(lambda: not cell.client.node.count_publishers("/calibration_node/calibration"), what="its end")
    for expression, names in allowed().items():
        assert sorted(seen[expression]) == sorted(names), expression


def test_a_node_that_cannot_be_secured_does_not_run(tmp_path):
    """Keys that are missing must not end in an open graph."""
    secured = {"ROS_SECURITY_ENABLE": "true", "ROS_SECURITY_STRATEGY": "Enforce", "ROS_SECURITY_KEYSTORE": str(tmp_path)}
    command = [BIN / "calibration_node", "--ros-args", "--enclave", "/calibration_node"]
    ended = subprocess.run(command, env=os.environ | secured, capture_output=True, text=True, timeout=20)
    assert ended.returncode != 0 and "SECURITY" in (ended.stdout + ended.stderr).upper(), ended
