"""Real nodes on a ROS domain of their own, and a real rclpy client."""

import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "scripts/lib"))

from nodes import own_domain  # noqa: E402

own_domain()

import rclpy  # noqa: E402

from support import fault_matrix  # noqa: E402
from support.cell import Cell  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--write-matrix", action="store_true", help="write docs/reliability.md's table of faults")
    parser.addoption("--images", help="folder for the images that tests look at")


def pytest_configure(config):
    fault_matrix.compare = not config.getoption("--write-matrix")


def pytest_sessionfinish(session):
    if session.config.getoption("--write-matrix"):
        fault_matrix.write()


@pytest.fixture(scope="session", autouse=True)
def ros():
    rclpy.init()
    yield
    rclpy.shutdown()


@pytest.fixture
def cell(tmp_path):
    """A cell in which nothing runs yet."""
    with Cell(tmp_path) as cell:
        yield cell
