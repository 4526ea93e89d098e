"""Errors of answers against the simulator's truth."""

import csv

import numpy as np

# 95 % quantiles of χ² with three and two degrees of freedom.
CHI2 = {3: 7.8147, 2: 5.9915}
ANSWERED = ("ok", "outside_volume")


def truth(folder):
    """Points, mm, and their pixels in both cameras."""
    rows = np.genfromtxt(folder / "truth_points.csv", delimiter=",", skip_header=1)
    return rows[:, :3], [rows[:, 3:5], rows[:, 5:7]]


def figures(points, answers, axes):
    """RMS along each axis and largest distance, µm."""
    misses = 1e3 * (answers - points)[:, :axes]
    if not len(misses) or not np.isfinite(misses).all():
        return None
    lengths = np.linalg.norm(misses, axis=1)
    return {
        "points": len(misses),
        "rms_um": np.sqrt((misses**2).mean(0)).tolist(),
        "p95_um": float(np.quantile(lengths, 0.95)),
        "max_um": float(lengths.max()),
    }


def of_csv(points, text, axes):
    """Figures of what `gratingcal pixel-to-world --covariance` wrote, with the share inside the 95 % ellipsoids."""
    rows = list(csv.DictReader(text.splitlines()))
    chosen = [i for i, row in enumerate(rows) if row["status"] in ANSWERED]
    numbers = lambda i, names: [float(rows[i][name]) for name in names]  # noqa: E731
    answers = np.array([numbers(i, ("x_mm", "y_mm", "z_mm")) for i in chosen])
    result = figures(points[chosen], answers, axes) if chosen else None
    if result is None:
        return {"points": 0, "statuses": statuses(rows)}
    names = ("cxx_mm2", "cxy_mm2", "cxz_mm2", "cxy_mm2", "cyy_mm2", "cyz_mm2", "cxz_mm2", "cyz_mm2", "czz_mm2")
    covariances = np.array([numbers(i, names) for i in chosen]).reshape(-1, 3, 3)[:, :axes, :axes]
    misses = (answers - points[chosen])[:, :axes]
    distances = np.einsum("ni,nij,nj->n", misses, np.linalg.pinv(covariances, hermitian=True), misses)
    inside = [i for i, row in enumerate(chosen) if rows[row]["status"] == "ok"]
    return result | {
        "within_95": float((distances <= CHI2[axes]).mean()),
        "normalised_squared_error": float(distances.mean() / axes),
        "inside_volume": figures(points[chosen][inside], answers[inside], axes),
        "statuses": statuses(rows),
    }


def statuses(rows):
    count = {}
    for row in rows:
        count[row["status"]] = count.get(row["status"], 0) + 1
    return count


def pooled(sides):
    """Both cameras' figures as one."""
    if not all(side and side["points"] for side in sides):
        return None
    counts = np.array([side["points"] for side in sides], float)
    mean = lambda values: np.average(np.array(values), axis=0, weights=counts)  # noqa: E731
    both = {
        "points": int(counts.sum()),
        "rms_um": np.sqrt(mean([np.square(side["rms_um"]) for side in sides])).tolist(),
        "p95_um": max(side["p95_um"] for side in sides),
        "max_um": max(side["max_um"] for side in sides),
    }
    if "within_95" in sides[0]:
        both["within_95"] = float(mean([side["within_95"] for side in sides]))
    return both
