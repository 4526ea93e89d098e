"""The report as Markdown. Every figure comes from the run; no sentence here states one."""

import subprocess

BOUND = {"rms": "RMS along an axis", "max": "largest error"}


def commit(root):
    """Commit of the sources, and whether they were changed since."""
    git = lambda *words: subprocess.run(["git", "-C", root, *words], capture_output=True, text=True).stdout.strip()  # noqa: E731
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/accuracy.*")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")


def um(value):
    """A figure in µm to about three digits."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f}"


def name(row):
    served = " **(served)**" if row.get("served") else ""
    return f"{row['method']}, {row['model']}{served}" if row["model"] else row["method"]


def served(cell):
    """The row that a user of the default method gets."""
    return next((row for row in cell["rows"] if row.get("served")), None)


def worst(side):
    return max(side["rms_um"]) if side and side.get("rms_um") else None


def line(cell):
    """One cell in a terminal's line."""
    row = served(cell)
    if row is None or not worst(row["stereo"]):
        return next(row.get("error", "no answers") for row in cell["rows"] if row["method"] == "ours")
    stereo = row["stereo"]
    return (
        f"stereo {' '.join(um(x) for x in stereo['rms_um'])} µm rms, at most {um(stereo['max_um'])}; one camera "
        f"{' '.join(um(x) for x in row['plane']['rms_um'])}; {100 * stereo['within_95']:.1f} % within; "
        f"{sum(cell['seconds'].values()):.0f} s"
    )


def bounds(report):
    """(what was asked and found, whether it holds) of every bound."""
    found = []
    for cell in report["cells"]:
        row = served(cell)
        for key, limit in cell["bounds"].items():
            for kind, side in (("camera pair", row and row["stereo"]), ("one camera + plane", row and row["plane"])):
                value = (worst(side) if key == "rms" else side and side.get("max_um")) if row else None
                measured = "no answers" if value is None else f"{um(value)} µm"
                text = f"{cell['name']} | {kind} | {BOUND[key]} | {limit} µm | {measured}"
                found.append((text, value is not None and value <= limit))
    return found


def overview(report):
    """Worst axis of every method in every cell."""
    cells = report["cells"]
    methods = dict.fromkeys(name(row) for cell in cells for row in cell["rows"] if not row.get("served") and row["model"])
    out = ["| | " + " | ".join(cell["name"] for cell in cells) + " |", "| --- " * (len(cells) + 1) + "|"]

    def figure(row):
        value = row and worst(row.get("stereo"))
        return um(value) if value else "–"

    mine = [served(cell) for cell in cells]
    out.append("| **ours, as served** | " + " | ".join(f"**{figure(row)}**" for row in mine) + " |")
    for method in methods:
        rows = [next((row for row in cell["rows"] if name(row) == method), None) for cell in cells]
        out.append(f"| {method} | " + " | ".join(figure(row) for row in rows) + " |")
    return out


def section(cell):
    """All figures of one cell."""
    board = "{}×{} squares of {} mm".format(*cell["board"])
    jogs = f", jogs of ±{cell['jog_mm']:g} mm included" if cell["jog_mm"] else ""
    out = [f"### {cell['name']}", "", f"{cell['title']}. {cell['heights']} heights, {cell['pairs']} image pairs{jogs}; "
           f"chessboard of {board}.", "",
           "| method | x | y | z | 95 % below | max | one camera: x | y | max | inside 95 % | answered | usable |",
           "| --- " * 12 + "|"]  # fmt: skip
    failed = []
    for row in cell["rows"]:
        stereo, plane = row.get("stereo"), row.get("plane")
        if "error" in row or not worst(stereo):
            failed.append(f"{name(row)}: {row.get('error') or 'no answers: ' + str(stereo and stereo.get('statuses'))}.")
            continue
        figures = [*stereo["rms_um"], stereo["p95_um"], stereo["max_um"], *(plane["rms_um"] + [plane["max_um"]] if plane else [])]
        cells = [um(x) for x in figures] + ["–"] * (8 - len(figures))
        cells.append(f"{100 * stereo['within_95']:.1f} %" if "within_95" in stereo else "–")
        cells.append(f"{100 * stereo['points'] / cell['truth_points']:.1f} %")
        cells.append({True: "yes", False: "no", None: "–"}[row.get("usable")])
        out.append(f"| {name(row)} | " + " | ".join(cells) + " |")
        if row.get("boards") and min(row["boards"]) < row["images"]:
            failed.append(f"{name(row)}: the board was found in {row['boards'][0]} left and {row['boards'][1]} right of "
                          f"{row['images']} images.")  # fmt: skip
    if failed:
        out += ["", *dict.fromkeys(failed)]
    return [*out, ""]


def markdown(report):
    held = bounds(report)
    original = report["original"]
    broken = sum(not holds for _, holds in held)
    verdict = f"{broken} of {len(held)} bounds do not hold." if broken else f"All {len(held)} bounds hold."
    ours = [row for cell in report["cells"] for row in cell["rows"] if row["method"] == "ours"]
    refused = [cell["name"] for cell in report["cells"] if served(cell) is None]
    shares = [(served(cell)["stereo"].get("within_95"), cell["name"]) for cell in report["cells"] if served(cell)]
    shares = [(100 * share, cell) for share, cell in shares if share is not None]
    off = [f"{cell} ({share:.1f} %)" for share, cell in shares if not 93 <= share <= 97]
    out = [
        "# Accuracy",
        "",
        f"Written by `{report['command']}` on {report['date']} from commit {report['commit']}, in {report['minutes']} "
        "minutes. No figure here is typed by hand; [accuracy.json](accuracy.json) has more of them.",
        "",
        "Every cell is ray-traced by the simulator, which shares no lens, projection or grid code with the estimator. The robot "
        "rises from 0 to 20 mm and measures its pose to 1 µm. Each method gets the same number of image pairs, taken by "
        "the same cameras from the same poses, then answers for the same random points of the volume that both cameras see, "
        "up to the images' very border, from their exact pixels. Errors are in µm: RMS along x, y and z, and the distance that "
        "95 % of the points keep, and the largest. The robot's noise over the root of the number of heights stays in x and y "
        "whatever the method: by so much the frame itself is unknown. "
        "*One camera*: the point on the known plane, both cameras' errors together. *Inside 95 %*: share of points within "
        "their own 95 % ellipsoid. *Usable*: what the calibration says of itself.",
        "",
        "- **ours**: `gratingcal calibrate`; *served* is the model that it chose, the others are what it would have served "
        "as the only choice.",
        f"- **original**: the method of 2016, with {original['draws']} draws an image on every {original['stride']}th pixel "
        "along u and v; published are 18000 on all.",
        f"- **OpenCV {report['opencv']}**: a chessboard instead of the lines, the largest that both cameras see whole at the "
        "lowest height (nearer to the image's border there is no corner: OpenCV extrapolates). `findChessboardCornersSB`, then `cornerSubPix` in the largest window that holds one corner only. All "
        "views are one rigid target, (x, y, −height) with the robot's heights: one `calibrateCamera` per camera gives its "
        "lens and its pose in the tool frame, the most that OpenCV can make of a robot. With jogs the board's scale, turn and "
        "tilt are estimated too. Least squares over both cameras' pixels gives the points.",
        "",
        "Without jogs the answers are in the frame of the printed lines and the motion axis, and the pitch is taken as stated: a "
        "print that is 1 % too large makes x and y wrong by 1 %, for every method alike.",
        "",
        "## Largest RMS error of a camera pair along an axis, µm",
        "",
        *overview(report),
        "",
        "## Bounds",
        "",
        f"{verdict} They apply to the served model.",
        "",
        "| cell | by | figure | bound | measured | holds |",
        "| --- " * 6 + "|",
        *(f"| {text} | {'yes' if holds else '**no**'} |" for text, holds in held),
        "",
    ]
    if refused:
        out += [f"Refused, with the reason below: {', '.join(refused)}.", ""]
    if off:
        out += [
            "Asked with exact pixels, all answers of a cell share its few common errors: its 95 % ellipsoids hold nearly "
            "all of them or far fewer. [uncertainty.md](uncertainty.md) judges many cells of a kind, with pixels as noisy "
            f"as measured ones. Not within 93 … 97 % here: {', '.join(off)}.",
            "",
        ]
    elif ours:
        out += ["The 95 % ellipsoids hold 93 … 97 % of the points in every cell.", ""]
    out += ["## Cells", ""]
    for cell in report["cells"]:
        out += section(cell)
    return "\n".join(out).rstrip() + "\n"
