"""The programs of docs/examples and docs/tutorial.md, run as their readers run them."""

import math
import os
import pathlib
import subprocess
import sys

import pytest

from nodes import ROOT
from support.command import run


def tells(text, point_mm):
    """The answer of an example is the point, in the tool's frame, in metres."""
    words = text.split("\n")[0].split()
    found = [1e3 * float(words[words.index(axis) + 1]) for axis in "xyz"]
    assert math.dist(found, point_mm) < 0.03 and words[-3:] == ["m", "in", "tool0"], text
    assert text.split("\n")[1].startswith("standard deviations "), text


def snippet(language):
    """The program of docs/tutorial.md in that language."""
    return (ROOT / "docs/tutorial.md").read_text().split(f"```{language}\n")[1].split("```")[0]


def with_pixels(program, pixels):
    for placeholder, pixel in zip(("640.0", "360.0", "600.0", "365.0"), pixels, strict=True):
        assert placeholder in program
        program = program.replace(placeholder, f"{pixel:.4f}")
    return program


def test_the_python_examples_tell_the_point(recorded):
    pixels, point_mm = recorded.truth_pair()
    example = ROOT / "docs/examples/pixel_to_world.py"
    tells(run(sys.executable, example, *pixels).stdout, point_mm)
    refused = subprocess.run([sys.executable, example, "5000", "1", "1", "1"], capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0 and "outside the image" in refused.stderr, refused.stderr
    told = run(sys.executable, "-c", with_pixels(snippet("python"), pixels)).stdout
    assert told.startswith("0 geometry_msgs.msg.Point("), told


def test_the_cpp_examples_tell_the_point(recorded, tmp_path):
    prefixes = map(pathlib.Path, os.environ["AMENT_PREFIX_PATH"].split(os.pathsep))
    if not any((prefix / "share/rclcpp").exists() for prefix in prefixes):
        pytest.skip("no rclcpp here: it is not on PyPI; source a ROS 2 installation")
    pixels, point_mm = recorded.truth_pair()
    example = (ROOT / "docs/examples/pixel_to_world.cpp").read_text()
    (tmp_path / "pixel_to_world.cpp").write_text(example)
    (tmp_path / "tutorial.cpp").write_text(with_pixels(snippet("cpp"), pixels))
    # The lines that the example itself tells.
    head = [line.removeprefix("//").removeprefix(" CMakeLists.txt:") for line in example.splitlines() if line.startswith("//")]
    lines = "\n".join(line.strip() for line in head if "REQUIRED" in line or "pixel_to_world" in line and "(" in line)
    head = "cmake_minimum_required(VERSION 3.22)\nproject(examples CXX)\nset(CMAKE_CXX_STANDARD 17)\nfind_package(ament_cmake REQUIRED)\n"
    again = lines.split("add_executable", 1)[1].replace("pixel_to_world", "tutorial")
    (tmp_path / "CMakeLists.txt").write_text(f"{head}{lines}\nadd_executable{again}\n")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", *cmake_arguments())
    subprocess.run(["cmake", "--build", tmp_path / "build"], check=True, timeout=300)
    tells(run(tmp_path / "build/pixel_to_world", *pixels).stdout, point_mm)
    assert "status 0: " in run(tmp_path / "build/tutorial").stderr


def cmake_arguments():
    """What this machine's ROS needs to be linked against, from the environment."""
    return os.environ.get("EXAMPLES_CMAKE_ARGS", "").split()
