"""scripts/lib/progress.sh: never silent, failures with their step, log and exit code."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from terminal import longest_silence, written

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAD = f"set -euo pipefail; source {ROOT}/scripts/lib/progress.sh; steps kit 2; "
# Three seconds with a status of cargo's kind, none of it a line of its own.
BUILDS = r"""builds() { printf '    Building [==>    ] 1/4: nalgebra\r'; sleep 1.5; printf '    Building [====> ] 3/4: r2r\r'; sleep 1.5; }; """


class Progress(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def off_terminal(self, script, **environment):
        """Exit code and lines."""
        done = subprocess.run(
            ["bash", "-c", HEAD + script],
            cwd=self.folder,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout.splitlines()

    def on_terminal(self, script):
        """Exit code, text, longest silence in s."""
        code, pieces = written(["bash", "-c", f"cd {self.folder}; {HEAD}{script}"])
        return code, b"".join(text for _, text in pieces).decode(), longest_silence(pieces)[0]

    def test_a_terminal_is_told_every_second_how_far_the_command_is(self):
        code, text, silence_s = self.on_terminal(BUILDS + "step build builds; step last true")
        self.assertEqual(code, 0)
        self.assertLess(silence_s, 1.4)
        self.assertIn("kit 1/2  build  0:00  ", text)
        self.assertIn("Building 1/4: nalgebra", text)
        self.assertIn("Building 3/4: r2r", text)
        # The lines that stay.
        kept = [line.rpartition("\x1b[K")[2] for line in text.splitlines()]
        self.assertRegex("\n".join(filter(None, kept)), r"^kit 1/2  build  0:0[34]\nkit 2/2  last  0:0[01]$")

    def test_elsewhere_a_line_comes_again_and_again(self):
        code, lines = self.off_terminal(BUILDS + "step build builds; step last true", PROGRESS_EVERY_S="1")
        self.assertEqual(code, 0)
        self.assertEqual(lines[0], "kit 1/2  build  (log: build/log/kit-build.log)")
        self.assertRegex(lines[1], r"^kit 1/2  build  0:01  +Building 1/4: nalgebra$")
        self.assertRegex(lines[2], r"^kit 1/2  build  0:02  +Building 3/4: r2r$")

    def test_a_failure_has_its_step_the_end_of_its_log_and_its_exit_code(self):
        code, lines = self.off_terminal("bad() { echo begun; echo why >&2; exit 7; }; step 'do it' bad; step other touch other")
        self.assertEqual(code, 7)
        self.assertEqual(lines[1:3], ["begun", "why"])
        self.assertEqual(lines[3], "kit 1/2  do it  FAILED with exit code 7 after 0:00, log: build/log/kit-do_it.log")
        self.assertEqual((pathlib.Path(self.folder) / "build/log/kit-do_it.log").read_text(), "begun\nwhy\n")
        self.assertFalse((pathlib.Path(self.folder) / "other").exists())

    def test_an_error_within_a_function_ends_it(self):
        code, lines = self.off_terminal("bad() { false; touch other; }; step bad bad")
        self.assertEqual(code, 1)
        self.assertFalse((pathlib.Path(self.folder) / "other").exists())

    def test_lines_are_shown_once_where_asked_for(self):
        code, lines = self.off_terminal("say() { echo one; sleep 1.2; printf two; }; step -v say say")
        self.assertEqual((code, lines[1:3]), (0, ["one", "two"]))
        self.assertEqual(len(lines), 4)

    def test_a_command_that_leaves_a_process_behind_ends_its_step(self):
        code, lines = self.off_terminal("leave() { sleep 5 & }; step leave leave")
        self.assertEqual(code, 0)
        self.assertRegex(lines[-1], r"leave  0:0[01]$")


if __name__ == "__main__":
    unittest.main()
