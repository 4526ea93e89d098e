"""Files and make targets that pages and templates name exist."""

import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRACKED = set(subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split())
FOLDERS = {str(parent) for file in TRACKED for parent in pathlib.PurePath(file).parents}
TOP = sorted(folder for folder in FOLDERS if "/" not in folder and folder != ".")
# Without places that a reader fills in (NAME, …, *) and what a program makes.
PATH = re.compile(rf"(?<![\w/.])(?:{'|'.join(map(re.escape, TOP))})/[\w./-]*\w(?![\w*…])")
TARGET = re.compile(r"(?:^|`|run: |&& )make ([a-z][a-z-]*)", re.M)
# What was true once stands in the changelog.
PAGES = [ROOT / file for file in sorted(TRACKED) if re.fullmatch(r".*\.md|\.github/ISSUE.*", file) and file != "CHANGELOG.md"]


class Paths(unittest.TestCase):
    def test_files_that_pages_name_exist(self):
        missing = []
        for page in PAGES:
            # Code in backticks, and everything in a YAML file.
            text = page.read_text()
            code = re.findall(r"`[^`\n]+`", text) if page.suffix == ".md" else [text]
            for path in (path for part in code for path in PATH.findall(part)):
                if path not in TRACKED | FOLDERS and "NAME" not in path:
                    missing.append(f"{page.relative_to(ROOT)}: {path}")
        self.assertEqual(missing, [])

    def test_make_has_the_targets_that_pages_name(self):
        targets = set(re.search(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(), re.M)[1].split())
        rules = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
        self.assertEqual(targets, rules)
        for page in PAGES:
            named = set(TARGET.findall(page.read_text()))
            self.assertLessEqual(named, targets, page)


if __name__ == "__main__":
    unittest.main()
