"""What OpenCV makes of the exported cameras; prints JSON. Runs in the Python of `scripts/setup/private_python.sh peers`.

python rectify.py calibration.yaml < {"points_mm": [[x, y, z] …], "left": [[u, v] …], "right": …, "lines": {"left": [[[u, v] …] …], …}}
"""

import json
import pathlib
import sys

import cv2
import numpy as np


def straightness(points):
    """RMS distance from the best line, px."""
    centred = points - points.mean(axis=0)
    return float(np.linalg.svd(centred, compute_uv=False)[1] / np.sqrt(len(points)))


def main(calibration):
    told = json.load(sys.stdin)
    stem = pathlib.Path(calibration).with_suffix("")
    file = cv2.FileStorage(f"{stem}_opencv.yaml", cv2.FILE_STORAGE_READ)
    assert file.isOpened()
    points = np.array(told["points_mm"])
    answer, projections, in_rectified, both = {}, [], [], []
    for side in ("left", "right"):
        k, d = file.getNode(f"K_{side}").mat(), file.getNode(f"D_{side}").mat()
        pixels = np.array(told[side])
        found, r, t = cv2.solvePnP(points, pixels, k, d)
        seen = cv2.projectPoints(points, r, t, k, d)[0].reshape(-1, 2)
        raw = [np.array(line) for line in told["lines"][side]]
        rectified = [cv2.undistortPoints(line.reshape(-1, 1, 2), k, d, P=k).reshape(-1, 2) for line in raw]
        number = 1 if side == "left" else 2
        turn, projection = file.getNode(f"R{number}").mat(), file.getNode(f"P{number}").mat()
        in_rectified.append(cv2.undistortPoints(pixels.reshape(-1, 1, 2), k, d, R=turn, P=projection).reshape(-1, 2))
        both.append(projection)
        # Pixels of the rectified image, as image_proc makes it, that show nothing of the raw one.
        size = [int(file.getNode(f"image_{what}_{side}").real()) for what in ("width", "height")]
        u, v = cv2.initUndistortRectifyMap(k, d, turn, projection, size, cv2.CV_32FC1)
        e = 1e-3
        empty = int(((u < -e) | (u > size[0] - 1 + e) | (v < -e) | (v > size[1] - 1 + e)).sum())
        answer[side] = {
            "k": k.ravel().tolist(),
            "d": d.ravel().tolist(),
            "r": turn.ravel().tolist(),
            "p": projection.ravel().tolist(),
            "empty_px": empty,
            "projection_rms_px": float(np.sqrt(((seen - pixels) ** 2).mean())),
            "bent_px": max(map(straightness, raw)),
            "straight_px": max(map(straightness, rectified)),
        }
        projections.append((cv2.Rodrigues(r)[0], t))
    # The stereo extrinsics: left from the points, then right from left, against right from the points.
    (rl, tl), (rr, tr) = projections
    rotation, translation = rr @ rl.T, tr - rr @ rl.T @ tl
    answer["turn_rad"] = float(np.linalg.norm(cv2.Rodrigues(file.getNode("R").mat() @ rotation.T)[0]))
    answer["baseline_mm"] = [float(np.linalg.norm(t)) for t in (file.getNode("T").mat(), translation)]
    # The rectified pair: rows agree, and triangulated points lie to each other as the true ones do.
    left, right = in_rectified
    answer["rows_rms_px"] = float(np.sqrt(((left - right)[:, 1] ** 2).mean()))
    answer["disparity_px"] = [float(f((left - right)[:, 0])) for f in (np.min, np.max)]
    answer["searched_px"] = [file.getNode(f"disparity_{end}").real() for end in ("min", "max")]
    raw_left, raw_right = (np.array(told[side]) for side in ("left", "right"))
    answer["raw_rows_px"] = float(np.abs(raw_left - raw_right)[:, 1].max())
    found = cv2.triangulatePoints(*both, left.T, right.T)
    found = (found[:3] / found[3]).T
    found, wanted = found - found.mean(axis=0), points - points.mean(axis=0)
    u, _, vt = np.linalg.svd(wanted.T @ found)
    turn_back = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    answer["triangulated_rms_mm"] = float(np.sqrt(((found @ turn_back.T - wanted) ** 2).sum(axis=1).mean()))
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
