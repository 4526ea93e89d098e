"""Parameters as `ros2 param`, parameter files and rqt see them."""

import pytest
import rclpy
import yaml
from rcl_interfaces.msg import Parameter, ParameterEvent, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters, SetParametersAtomically

from nodes import ROOT


@pytest.fixture
def ask(cell):
    """Asks a service for parameters."""

    def ask(kind, service, node="calibration_node", **fields):
        return cell.client.call(kind, f"{node}/{service}", kind.Request(**fields))

    return ask


def test_names_are_listed_and_values_are_bounded(cell, ask):
    cell.start_node({"pitch": -1.0, "pich": 0.001})
    names = ask(ListParameters, "list_parameters").result.names
    assert {"pitch", "sync_tolerance", "calibration_file", "limits.box_min", "settle.window"} <= set(names)
    below = ask(ListParameters, "list_parameters", prefixes=["settle"]).result
    assert "settle.window" in below.names and below.prefixes == ["settle"] and "pitch" not in below.names
    # An impossible value at start is told and not taken.
    assert cell.get("calibration_node", "pitch") == {"pitch": 0.0011}
    log = cell.processes.log("calibration_node")
    assert "pitch = -1 is outside 0 … 0.1" in log and "pich is unknown" in log, log
    cell.set("calibration_node", pitch=0.002)
    assert "pitch = 7 is outside" in cell.refused("calibration_node", "pitch", 7.0)
    assert cell.get("calibration_node", "pitch") == {"pitch": 0.002}
    # All or none.
    both = [Parameter(name=name, value=ParameterValue(type=3, double_value=0.003)) for name in ("pitch", "pich")]
    refused = ask(SetParametersAtomically, "set_parameters_atomically", parameters=both).result
    assert not refused.successful and "pich is unknown" in refused.reason
    assert cell.get("calibration_node", "pitch") == {"pitch": 0.002}


def test_descriptors_hold_type_text_range_and_what_is_read_only(cell, ask):
    cell.start_node()
    names = ["settle.tolerance", "phase_degree", "limits.box_min", "calibration_tf", "web.port"]
    tolerance, degree, corner, parent, port = ask(DescribeParameters, "describe_parameters", names=names).descriptors
    assert tolerance.description == "Largest distance of a pose from the mean of the settle window, per axis (m)."
    assert (tolerance.type, tolerance.read_only) == (ParameterType.PARAMETER_DOUBLE, False)
    assert (tolerance.floating_point_range[0].from_value, tolerance.floating_point_range[0].to_value) == (1e-7, 0.01)
    assert (degree.integer_range[0].from_value, degree.integer_range[0].to_value, degree.integer_range[0].step) == (2, 12, 1)
    assert corner.type == ParameterType.PARAMETER_DOUBLE_ARRAY and corner.additional_constraints == "3 numbers"
    assert parent.read_only and "base: base_frame" in parent.additional_constraints
    assert port.read_only and port.integer_range[0].to_value == 65535


READ_ONLY = {
    "calibration_node": {
        "use_sim_time": True, "base_frame": "moon", "pose_source": "tf", "motion": "joints", "calibration_tf": "none",
        "camera_info": False, "web.enabled": True, "web.address": "0.0.0.0", "web.port": 1, "file_dir": "/", "joints.x": "lift",
    },
    "sim_cell": {"frame_rate": 1.0, "interface": "joints", "rig.height_mm": 50.0, "truth_points": 7},
}  # fmt: skip


@pytest.mark.parametrize("node", READ_ONLY)
def test_what_is_read_at_start_only_can_not_be_set_later(cell, ask, node):
    cell.processes.start(node)
    for name, value in READ_ONLY[node].items():
        assert f"{name} is read-only" in cell.refused(node, name, value)
    # A file of all values may be loaded again.
    cell.set(node, **cell.get(node, *READ_ONLY[node]))


def test_changes_are_published_as_rclcpp_does(cell):
    events = []
    cell.client.node.create_subscription(ParameterEvent, "/parameter_events", events.append, 100)
    cell.start_node()

    def is_heard():
        cell.set("calibration_node", pitch=0.003)
        cell.client.spin(0.1)
        return events

    # What is published before the subscription is known there does not come.
    cell.client.until(is_heard, what="the first event")
    cell.client.spin(0.5)
    events.clear()
    cell.set("calibration_node", pitch=0.002)
    cell.refused("calibration_node", "pitch", 7.0)
    cell.set("calibration_node", **{"limits.max_step": 0.004})
    cell.client.until(lambda: len(events) >= 2, what="two events")
    cell.client.spin(0.2)
    changes = [[(changed.name, changed.value.double_value) for changed in event.changed_parameters] for event in events]
    assert changes == [[("pitch", 0.002)], [("limits.max_step", 0.004)]]
    assert all(event.node == "/calibration_node" and event.stamp.sec > 0 for event in events)


# What `ros2 param set` and `load` send for a text: name, text, value.
WRITTEN = [
    ("settle.tolerance", "6e-6", 6e-6),
    ("settle.window", "1", 1.0),
    ("limits.box_max", "[0, 0.05, 5e-2]", [0.0, 0.05, 0.05]),
    ("limits.box_max", "[1, 2, 3]", [1.0, 2.0, 3.0]),
    ("origin_left", "[]", []),
    ("origin_left", "[640.5, 360]", [640.5, 360.0]),
    ("phase_degree", "1e1", 10),
    ("click.move", "any", "any"),
    ("click.move", "off", "off"),
    ("move_to.armed", "on", True),
    ("calibration_frame", "grid", "grid"),
    ("calibration_file", "", ""),
]


def as_ros2_param_sends(text):
    """As `ros2 param set` of Humble to Jazzy reads a value from the command line."""
    read = yaml.safe_load(text)
    kinds = ((bool, "BOOL", "bool"), (int, "INTEGER", "integer"), (float, "DOUBLE", "double"))
    for kind, constant, field in kinds:
        if isinstance(read, kind):
            return ParameterValue(type=getattr(ParameterType, f"PARAMETER_{constant}"), **{f"{field}_value": read})
    for kind, constant, field in (*kinds, (str, "STRING", "string")):
        if isinstance(read, list) and all(isinstance(entry, kind) for entry in read):
            return ParameterValue(type=getattr(ParameterType, f"PARAMETER_{constant}_ARRAY"), **{f"{field}_array_value": read})
    return ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=text)


def test_values_mean_what_was_written_on_the_command_line(cell, ask):
    cell.start_node()
    for name, text, value in WRITTEN:
        wanted = Parameter(name=name, value=as_ros2_param_sends(text))
        (result,) = ask(SetParameters, "set_parameters", parameters=[wanted]).results
        assert result.successful, f"{name}: {result.reason}"
        assert cell.get("calibration_node", name) == {name: value}


def test_a_parameter_file_and_arguments_mean_what_was_written(cell):
    file = cell.folder / "parameters.yaml"
    file.write_text(
        "calibration_node:\n  ros__parameters:\n"
        "    settle: {tolerance: 6e-6, window: 1}\n    click: {move: off}\n    limits:\n      box_max: [1, 2, 3]\n"
    )
    cell.processes.start("calibration_node", {"phase_degree": 9, "origin_right": "[1, 2]"}, params_file=file)
    wanted = {"settle.tolerance": 6e-6, "settle.window": 1.0, "click.move": "off", "limits.box_max": [1.0, 2.0, 3.0]}
    wanted |= {"phase_degree": 9, "origin_right": [1.0, 2.0]}
    assert cell.get("calibration_node", *wanted) == wanted
    log = cell.processes.log("calibration_node")
    assert "default is used" not in log and "no effect" not in log, log


@pytest.mark.parametrize("node", ["calibration_node", "sim_cell"])
def test_a_node_starts_with_its_own_file_and_has_no_other_parameters(cell, ask, node):
    def flat(tree, prefix=""):
        for key, value in tree.items():
            yield from flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]

    file = ROOT / f"config/{node}.yaml"
    cell.processes.start(node, params_file=file)
    written = dict(flat(yaml.safe_load(file.read_text())["/**"]["ros__parameters"]))
    # Empty arrays, which rcl can't read, stand in comments.
    declared = set(ask(ListParameters, "list_parameters", node).result.names) - {"origin_left", "origin_right"}
    assert set(written) == declared
    request = GetParameters.Request(names=list(written))
    values = cell.client.call(GetParameters, f"{node}/get_parameters", request).values
    for (name, default), value in zip(written.items(), map(rclpy.parameter.parameter_value_to_python, values), strict=True):
        assert (list(value) if isinstance(default, list) else value) == default, name
    log = cell.processes.log(node)
    assert "default is used" not in log and "no effect" not in log, log
