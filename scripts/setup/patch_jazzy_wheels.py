"""Patches a ROS 2 Jazzy installed from PyPI so that C, C++ and Rust programs build and run against it.

Run with the Python of the venv that holds it. Each patch says why it is needed; all are idempotent.
"""

import pathlib
import re
import subprocess
import sys
import sysconfig

PREFIX = pathlib.Path(sys.prefix)
LIB = PREFIX / "lib"


def drop_python_from_rcl():
    """librcl and its siblings need the Python type supports, so a program without Python fails to start."""
    for name in ("librcl.so", "librcl_action.so", "librcl_lifecycle.so"):
        library = LIB / name
        needed = subprocess.run(
            ["patchelf", "--print-needed", library], check=True, capture_output=True, text=True
        ).stdout.split()
        python_only = [entry for entry in needed if entry.endswith("__rosidl_generator_py.so")]
        for entry in python_only:
            subprocess.run(["patchelf", "--remove-needed", entry, library], check=True)


def provide_rmw_implementation():
    """librcl is linked to rmw_fastrtps_cpp directly, but r2r asks the linker for rmw_implementation."""
    (LIB / "librmw_implementation.so").write_text("INPUT(-lrmw_fastrtps_cpp)\n")


def correct_cmake_paths():
    """The CMake exports name the Python of the machine that the wheels were built on."""
    include = sysconfig.get_path("include")
    site = sysconfig.get_path("purelib")
    for file in PREFIX.glob("share/*/cmake/*.cmake"):
        text = file.read_text()
        patched = re.sub(r"/opt/python/cp\d+-cp\d+/include/python3\.\d+", include, text)
        patched = re.sub(r"/opt/python/cp\d+-cp\d+/lib/python3\.\d+/site-packages", site, patched)
        patched = re.sub(r"/[^\s;\"]*(?=/numpy/_core/include)", site, patched)
        if patched != text:
            file.write_text(patched)


if __name__ == "__main__":
    import os

    os.environ["PATH"] = f"{PREFIX / 'bin'}:{os.environ['PATH']}"
    drop_python_from_rcl()
    provide_rmw_implementation()
    correct_cmake_paths()
