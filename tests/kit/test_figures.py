"""Figures on hand-written pages that come from generated ones are what those say: marked where they stand, invisible to readers.

    errs by 19 µm<!-- accuracy.md | OpenCV, 5 coefficients | standard --> with 5 coefficients

A mark follows its figure on the same line and names the page, the row by its first cells, and the column of a table on it; of a
column that comes again, "p99, ms #2" is the second. A figure within a sentence is named by its words:

    185<!-- soak.md "{} sweeps of" --> sweeps

"* 0.001" at a mark's end changes the unit. The figure must be the source's, rounded to the figure's own digits.
`BLESS=1 python3 -m unittest discover -s tests/kit` writes the figures. A sentence that links a generated page must mark its figures.
"""

import os
import pathlib
import re
import unittest
from decimal import ROUND_HALF_UP, Decimal

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATED = ("accuracy.md", "benchmarks.md", "benchmarks_gpu.md", "scaling.md", "soak.md")
NUMBER = r"\d+(?:[ \u202f]\d{3})*(?:\.\d+)?"
MARK = re.compile(
    rf"(?P<figure>{NUMBER})(?P<between>[^\d\n]*?)<!-- (?P<page>{'|'.join(map(re.escape, GENERATED))})"
    r" (?P<key>[^>]*?)(?: \* (?P<factor>[\d.]+))? -->"
)
# A figure with a unit that somebody measured; in a table, a cell that begins with one.
MEASURED = re.compile(r"\d (?:(?:µm|mm|µs|ms|s|MiB|minutes|times)\b|%)")
MEASURED_CELL = re.compile(rf"\| {NUMBER} (?:(?:µm|mm|µs|ms|s|MiB|minutes|times)\b|%)")


def pages():
    """Hand-written pages; what was true once stands in the changelog."""
    found = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")] + sorted((ROOT / "docs").rglob("*.md"))
    return [page for page in found if page.exists() and page.name not in GENERATED]


def cells(line):
    return [cell.strip().replace("*", "").replace("`", "") for cell in line.strip().strip("|").split("|")]


def tables(text):
    """(header, rows) of every table."""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if re.match(r"\| *-+", line):
            rows = []
            for row in lines[at + 1 :]:
                if not row.startswith("|"):
                    break
                rows.append(cells(row))
            yield cells(lines[at - 1]), rows


def number(text):
    return Decimal(re.sub(r"[ \u202f]", "", re.search(NUMBER, text)[0]))


def source(page, key):
    """The figure that a mark names; ValueError when there is none, or more than one."""
    text = (ROOT / "docs" / page).read_text()
    if words := re.fullmatch(r'"(.*)"', key):
        before, after = map(re.escape, words[1].split("{}"))
        found = re.findall(rf"{before}({NUMBER}){after}", text)
    else:
        *row, column = [part.strip().replace("*", "").replace("`", "") for part in key.strip("| ").split(" | ")]
        column, _, nth = column.partition(" #")
        found = []
        for header, rows in tables(text):
            places = [at for at, name in enumerate(header) if name == column]
            if len(places) >= int(nth or 1):
                place = places[int(nth or 1) - 1]
                found += [line[place] for line in rows if line[: len(row)] == row]
        # A section may have the rows of the overview again: the first table counts.
        found = found[:1]
    if len(found) != 1:
        raise ValueError(f"{page} has {len(found)} figures for {key}")
    return number(found[0])


def rounded(value, like):
    """`value` with as many decimals as the text `like`, or as many zeros at its end."""
    plain = re.sub(r"[ \u202f]", "", like)
    decimals = len(plain.partition(".")[2])
    zeros = len(plain) - len(plain.rstrip("0")) if decimals == 0 else 0
    return value.quantize(Decimal(1).scaleb(-decimals if decimals else zeros), ROUND_HALF_UP)


def corrected(page, problems):
    """The page's text with every figure as its source has it; what was different goes to `problems`."""

    def one(mark):
        try:
            value = source(mark["page"], mark["key"]) * Decimal(mark["factor"] or 1)
        except ValueError as error:
            problems.append(f"{page.relative_to(ROOT)}: {error}")
            return mark[0]
        wanted = rounded(value, mark["figure"])
        if number(mark["figure"]) == wanted:
            return mark[0]
        problems.append(
            f"{page.relative_to(ROOT)}: {mark['figure']}{mark['between']} is {value} in {mark['page']}, {mark['key']}"
        )
        return f"{wanted:f}" + mark[0][len(mark["figure"]) :]

    return MARK.sub(one, page.read_text())


def passages(text):
    """(text, whether it links a generated page) of every sentence, and of every row: a table links for all of its rows."""
    linked = re.compile(rf"\]\((?:docs/|\.\./)?(?:{'|'.join(map(re.escape, GENERATED))})")
    for paragraph in re.split(r"\n\s*\n", re.sub(r"```.*?```", "", text, flags=re.S)):
        if paragraph.lstrip().startswith("|"):
            for row in paragraph.splitlines():
                yield row, linked.search(paragraph)
        else:
            for item in re.split(r"\n(?=[-*] )", paragraph):
                for sentence in re.split(r"(?<=[.:;])\s+(?=[A-Z0-9`*\[])", " ".join(item.split())):
                    yield sentence, linked.search(sentence)


def unmarked(page):
    """Passages with a link to a generated page and a figure without a mark."""
    for passage, linked in passages(page.read_text()):
        figures = MEASURED_CELL if passage.startswith("|") else MEASURED
        if linked and figures.search(MARK.sub("", passage)):
            yield f"{page.relative_to(ROOT)}: {passage}"


class Figures(unittest.TestCase):
    def test_every_marked_figure_is_its_sources(self):
        problems = []
        for page in pages():
            text = corrected(page, problems)
            if "BLESS" in os.environ:
                page.write_text(text)
        if "BLESS" not in os.environ:
            self.assertEqual(problems, [])
        # Marks that name no generated page would be passed over.
        for page in pages():
            for mark in re.findall(r"<!-- \w+\.md .*?-->", page.read_text()):
                self.assertRegex("1" + mark, MARK, page)

    def test_figures_beside_a_link_to_a_generated_page_are_marked(self):
        self.assertEqual([sentence for page in pages() for sentence in unmarked(page)], [])

    def test_a_figure_may_have_fewer_digits_but_no_others(self):
        for value, like, wanted in (
            ("23.0", "24", "23"),
            ("0.154", "0.15", "0.15"),
            ("109", "110", "110"),
            ("61340", "61000", "61000"),
        ):
            self.assertEqual(rounded(Decimal(value), like), Decimal(wanted))

    def test_rows_columns_and_words_are_found(self):
        self.assertEqual(
            source("benchmarks.md", "| one pixel pair to a point with covariance, in process | µs, median"),
            number(
                re.search(
                    r"one pixel pair to a point with covariance, in process \| (\S+)", (ROOT / "docs/benchmarks.md").read_text()
                )[1]
            ),
        )
        self.assertGreater(source("soak.md", '"{} sweeps of"'), 0)
        with self.assertRaises(ValueError):
            source("soak.md", '"{} nothings"')
        with self.assertRaises(ValueError):
            source("accuracy.md", "| OpenCV, 6 coefficients | standard")


if __name__ == "__main__":
    unittest.main()
