"""A cargo that is too old, as the distributions have it, is named with the remedy by CMake and by the scripts."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEEDED = re.search(r'^rust-version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]


class OldCargo(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_with(self, version, *command):
        """The command's exit code and output on a machine whose only cargo tells this version; None: it has none."""
        if version:
            cargo = self.folder / "cargo"
            cargo.write_text(f"#!/bin/sh\necho 'cargo {version} (0123abc 2024-01-01)'\n")
            cargo.chmod(0o755)
        environment = os.environ | {"HOME": str(self.folder), "PATH": f"{self.folder}:/usr/bin:/bin"}
        environment.pop("CARGO_HOME", None)
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def of_cmake(self, version):
        script = self.folder / "ask.cmake"
        script.write_text(f'include("{ROOT}/cmake/require_cargo.cmake")\nrequire_cargo("{ROOT}/Cargo.toml")\n')
        return self.run_with(version, "/usr/bin/cmake", "-P", script)

    def of_script(self, version):
        return self.run_with(version, "bash", "-c", "source scripts/lib/cargo.sh")

    def test_scripts(self):
        self.check(self.of_script)

    @unittest.skipUnless(shutil.which("cmake", path="/usr/bin"), "CMake is not installed")
    def test_cmake(self):
        self.check(self.of_cmake)

    def check(self, ask):
        if not shutil.which("cargo", path="/usr/bin:/bin"):
            code, told = ask(None)
            self.assertNotEqual(code, 0)
            self.assertRegex(told, rf"cargo is missing.*{NEEDED}.*rustup")
        major, minor = NEEDED.split(".")
        for old in ("1.75.0", f"{major}.{int(minor) - 1}.9"):
            code, told = ask(old)
            self.assertNotEqual(code, 0, told)
            self.assertRegex(told, rf"{re.escape(old)}.*{NEEDED} or newer is needed.*rustup")
        for new in (f"{NEEDED}.0", "1.100.0", "2.0.0"):
            code, told = ask(new)
            self.assertEqual(code, 0, told)


if __name__ == "__main__":
    unittest.main()
