"""package.xml, .cargo/config.toml and CMakeLists.txt against what the sources use."""

import pathlib
import re
import unittest
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = "grating_calibration"
# Every interface with a service or an action has these types in it from Jazzy on; no source names them.
WITHIN_SERVICES = {"service_msgs", "type_description_interfaces"}
# Python modules by the package that has them, where the names differ.
PYTHON_PACKAGES = {"yaml": "python3-yaml", "pytest": "python3-pytest"}


def texts(*patterns):
    return {path: path.read_text() for pattern in patterns for path in sorted(ROOT.glob(pattern))}


def declared(*kinds):
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    return {entry.text for kind in kinds for entry in package.findall(kind)}


def of_rust():
    """Packages of the messages that the nodes name."""
    found = {}
    for path, text in texts("src/**/*.rs", "examples/*.rs").items():
        for package in re.findall(r"\b([a-z0-9_]+)::(?:msg|srv|action)\b", text):
            found.setdefault(package, path)
    return {package: path for package, path in found.items() if package.endswith(("_msgs", "_interfaces"))}


def of_interfaces():
    """Packages of the messages within ours."""
    text = "\n".join(texts("msg/*.msg", "srv/*.srv", "action/*.action").values())
    return set(re.findall(r"^([a-z0-9_]+)/[A-Z]", text, re.M)) - {NAME}


def imported(*patterns):
    """Modules of other ROS packages and of Debian's that Python files import."""
    found = set()
    for text in texts(*patterns).values():
        found |= set(re.findall(r"^\s*(?:from|import) ([a-z0-9_]+)", text, re.M))
    ros = {name for name in found if name.endswith(("_msgs", "_interfaces")) or name in ("rclpy", "launch", "launch_ros")}
    ros |= {"ament_index_python"} & found
    return ros | {PYTHON_PACKAGES[name] for name in found & PYTHON_PACKAGES.keys()}


class Package(unittest.TestCase):
    def test_every_package_whose_messages_the_nodes_use_is_declared(self):
        depended = declared("depend")
        for package, path in (dict.fromkeys(of_interfaces(), "an interface") | of_rust()).items():
            self.assertIn(package, depended, f"{path} uses it: add <depend>{package}</depend> to package.xml")
        self.assertGreater(len(of_rust()), 10)

    def test_no_package_is_declared_in_vain(self):
        known = of_rust().keys() | of_interfaces() | WITHIN_SERVICES
        self.assertEqual(declared("depend") - known, set())

    def test_bindings_are_made_for_the_declared_packages(self):
        config = (ROOT / ".cargo/config.toml").read_text()
        bound = set(re.search(r'IDL_PACKAGE_FILTER = "(.*)"', config)[1].split(";"))
        self.assertEqual(bound, declared("depend") | WITHIN_SERVICES | {NAME})

    def test_cmake_generates_every_interface_with_its_packages(self):
        cmake = (ROOT / "CMakeLists.txt").read_text()
        generated = re.search(r"rosidl_generate_interfaces\((.*?)DEPENDENCIES(.*?)\)", cmake, re.S)
        files = {str(path.relative_to(ROOT)) for path in texts("msg/*.msg", "srv/*.srv", "action/*.action")}
        self.assertEqual(set(generated[1].split()) - {"${PROJECT_NAME}"}, files)
        self.assertEqual(set(generated[2].split()), of_interfaces())
        for package in of_interfaces():
            self.assertIn(f"find_package({package} REQUIRED)", cmake)

    def test_what_launch_files_and_tests_import_is_declared(self):
        at_run_time = declared("depend", "exec_depend")
        self.assertEqual(imported("launch/*.py") - at_run_time, set())
        in_tests = imported("tests/ros/**/*.py", "scripts/lib/*.py", "demo/*.py")
        self.assertEqual(in_tests - at_run_time - declared("test_depend"), set())
        self.assertEqual(declared("test_depend") - in_tests, set())

    def test_the_version_is_cargos(self):
        cargo = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
        self.assertEqual(declared("version"), {cargo})

    def test_the_oldest_rust_is_the_same_everywhere(self):
        oldest = re.search(r'^rust-version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
        places = texts("README.md", "CONTRIBUTING.md", "docs/*.md", "package.xml", ".github/workflows/*.yml", ".devcontainer/*")
        told = {(path.name, version) for path, text in places.items() for version in re.findall(r"[Rr]ust\D{0,12}(1\.\d+)", text)}
        self.assertEqual({version for _, version in told}, {oldest}, told)


if __name__ == "__main__":
    unittest.main()
