"""Starts calibration_node; with sim:=true the simulated cell, with rviz:=true RViz, with web:=true the live page."""

import os

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    SetEnvironmentVariable,
    TimerAction,
)
from launch.conditions import IfCondition
from launch.substitutions import EnvironmentVariable, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PACKAGE = "grating_calibration"
DDS_PROFILE = "FASTRTPS_DEFAULT_PROFILES_FILE"


def in_share(*path):
    return PathJoinSubstitution([FindPackageShare(PACKAGE), *path])


def calibration_node(context):
    """The node; arguments that were not given leave params_file as it is."""
    parameters = [LaunchConfiguration("params_file")]
    given = {name: LaunchConfiguration(name).perform(context) for name in ("calibration_file", "use_sim_time")}
    if given["calibration_file"]:
        parameters.append({"calibration_file": given["calibration_file"]})
    if given["use_sim_time"] == "true":
        parameters.append({"use_sim_time": True})
    if LaunchConfiguration("web").perform(context) == "true":
        parameters.append({"web.enabled": True})
    return [
        Node(
            package=PACKAGE,
            executable="calibration_node",
            name="calibration_node",
            output="screen",
            parameters=parameters,
        )
    ]


def rviz(_context):
    """RViz, or what to do where there is none; the calibration goes on without it."""
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError:
        distro = os.environ.get("ROS_DISTRO", "jazzy")
        return [LogInfo(msg=f"rviz:=true: RViz is not installed here: apt-get install ros-{distro}-rviz2")]
    use_sim_time = ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
    return [
        Node(
            package="rviz2",
            executable="rviz2",
            arguments=["-d", LaunchConfiguration("rviz_config")],
            parameters=[{"use_sim_time": use_sim_time}],
        )
    ]


def generate_launch_description():
    argument = LaunchConfiguration
    return LaunchDescription(
        [
            DeclareLaunchArgument("sim", default_value="false", description="Start the simulated cell too."),
            DeclareLaunchArgument("namespace", default_value="", description="Namespace of all nodes."),
            DeclareLaunchArgument(
                "params_file",
                default_value=in_share("config", "calibration_node.yaml"),
                description="Parameters of calibration_node.",
            ),
            DeclareLaunchArgument(
                "sim_params_file",
                default_value=in_share("config", "sim_cell.yaml"),
                description="Parameters of the simulated cell.",
            ),
            DeclareLaunchArgument("use_sim_time", default_value="false", description="Take the time from /clock."),
            DeclareLaunchArgument("calibration_file", default_value="", description="Loaded at start, if it exists."),
            DeclareLaunchArgument("web", default_value="false", description="Serve the live page: http://127.0.0.1:8090/"),
            DeclareLaunchArgument("rviz", default_value="false", description="Start RViz too."),
            DeclareLaunchArgument(
                "rviz_config", default_value=in_share("config", "grating_calibration.rviz"), description="What RViz shows."
            ),
            DeclareLaunchArgument(
                "autostart",
                default_value="false",
                description="Calibrate right away: THE ROBOT MOVES. Needs an origin mark, or the origins in params_file.",
            ),
            # Fast DDS's own 512 KiB of shared memory lose images; with real cameras it is their driver's setting that counts.
            SetEnvironmentVariable(
                DDS_PROFILE,
                EnvironmentVariable(DDS_PROFILE, default_value=in_share("config", "fastdds.xml")),
                condition=IfCondition(argument("sim")),
            ),
            PushRosNamespace(argument("namespace")),
            OpaqueFunction(function=calibration_node),
            Node(
                package=PACKAGE,
                executable="sim_cell",
                name="sim_cell",
                output="screen",
                parameters=[argument("sim_params_file")],
                condition=IfCondition(argument("sim")),
            ),
            OpaqueFunction(function=rviz, condition=IfCondition(argument("rviz"))),
            TimerAction(
                period=3.0,
                actions=[
                    ExecuteProcess(
                        cmd=[
                            "ros2",
                            "action",
                            "send_goal",
                            "--feedback",
                            [argument("namespace"), "/calibration_node/calibrate"],
                            "grating_calibration/action/Calibrate",
                            "{}",
                        ],
                        output="screen",
                    )
                ],
                condition=IfCondition(argument("autostart")),
            ),
        ]
    )
