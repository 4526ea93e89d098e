"""What OpenCV makes of the exported cameras; prints JSON. Runs in the Python of scripts/peers.sh.

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
    answer, projections = {}, []
    for side in ("left", "right"):
        k, d = file.getNode(f"K_{side}").mat(), file.getNode(f"D_{side}").mat()
        pixels = np.array(told[side])
        found, r, t = cv2.solvePnP(points, pixels, k, d)
        seen = cv2.projectPoints(points, r, t, k, d)[0].reshape(-1, 2)
        raw = [np.array(line) for line in told["lines"][side]]
        rectified = [cv2.undistortPoints(line.reshape(-1, 1, 2), k, d, P=k).reshape(-1, 2) for line in raw]
        answer[side] = {
            "k": k.ravel().tolist(),
            "d": d.ravel().tolist(),
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
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
