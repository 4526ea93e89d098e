"""What OpenCV makes of the same cell, with a chessboard on the table instead of lines.

Its best case on this robot. All views are moved copies of one board, so they are one rigid three-dimensional target: every
corner of every view is an object point (x, y, −h) in the tool frame with h from the robot, and `calibrateCamera` solves for
one pose and one lens per camera. (Board by board, as usual, parallel boards leave the focal length open.) Without jogs the
board is as stated and square to the motion axis. With jogs it need be neither; what calibrateCamera can't solve for,

    X = G (x, y) − moved,   G the 3×2 matrix from the stated board to the robot's axes,

is solved for here, together with its own unknowns, by Gauss–Newton steps between its runs.
"""

import multiprocessing
import os

# A note on every image above 8 MiB.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")

import cv2  # noqa: E402
import numpy as np

ACCURACY = cv2.CALIB_CB_ACCURACY | cv2.CALIB_CB_NORMALIZE_IMAGE
STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12)
# Names and flags of the lens models; the second has rational, tangential and thin-prism terms.
LENSES = {
    "5 coefficients": 0,
    "12 coefficients": cv2.CALIB_RATIONAL_MODEL | cv2.CALIB_THIN_PRISM_MODEL,
}
# Half the side of the corners' windows, in squares.
WINDOW = 0.42
ROUNDS = 4
MIN_VIEWS = 5


def corner_numbers(squares):
    """(i, j) of the inner corners in the order of `corners`, counted from the origin corner, y up."""
    across, down = (np.arange(1 - n // 2, n - n // 2) for n in squares)
    return np.array([(i, j) for j in down[::-1] for i in across], float)


def corners(job):
    """Pixels of the inner corners of one image, or None where OpenCV does not find the board."""
    path, squares = job
    cv2.setNumThreads(1)
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image.dtype == np.uint16:
        image = (image / 257.0 + 0.5).astype(np.uint8)
    size = (squares[0] - 1, squares[1] - 1)
    for flags in (ACCURACY, ACCURACY | cv2.CALIB_CB_EXHAUSTIVE):
        found, pixels = cv2.findChessboardCornersSB(image, size, flags)
        if found:
            grid = pixels.reshape(size[1], size[0], 2)
            # From left to right and from top to bottom: the cameras are known to stand upright.
            grid = grid[:, ::-1] if grid[0, 0, 0] > grid[0, -1, 0] else grid
            grid = grid[::-1] if grid[0, 0, 1] > grid[-1, 0, 1] else grid
            return refined(image, grid)
    return None


def refined(image, grid):
    """Corners to sub-pixels in the largest window that holds one corner only: several times better than SB's own."""
    spacing = min(np.linalg.norm(np.diff(grid, axis=axis), axis=2).min() for axis in (0, 1))
    half = max(int(WINDOW * spacing), 3)
    start = grid.reshape(-1, 1, 2).astype(np.float32)
    return cv2.cornerSubPix(image, start, (half, half), (-1, -1), STOP).reshape(-1, 2).astype(float)


def detect(folder, indices, squares):
    """Corners of every image, for both cameras."""
    jobs = [(folder / side / f"{index:05}.png", squares) for side in ("left", "right") for index in indices]
    with multiprocessing.Pool(os.cpu_count()) as pool:
        found = pool.map(corners, jobs, chunksize=1)
    return found[: len(indices)], found[len(indices) :]


class Camera:
    """One calibrated camera: tool frame (robot axes) → pixel."""

    def __init__(self, size, flags):
        self.size, self.flags = size, flags
        self.matrix = self.lens = self.turn = self.shift = None

    def fit(self, points, pixels):
        """`calibrateCamera` on all points as one view; the first time from a direct linear transform."""
        if self.matrix is None:
            self.matrix = matrix_of(points, pixels)
            self.lens = np.zeros(5)
        flags = self.flags | cv2.CALIB_USE_INTRINSIC_GUESS
        rms, self.matrix, self.lens, turns, shifts = cv2.calibrateCamera(
            [points.astype(np.float32)], [pixels.astype(np.float32)], self.size, self.matrix, self.lens,
            flags=flags, criteria=STOP)  # fmt: skip
        self.turn, self.shift = turns[0], shifts[0]
        return rms

    def project(self, points):
        """Pixels, their derivative by the point, and by the camera's own unknowns."""
        pixels, jacobian = cv2.projectPoints(points, self.turn, self.shift, self.matrix, self.lens)
        count = len(points)
        by_camera = jacobian.reshape(count, 2, -1)[:, :, : 10 + self.free()]
        by_point = by_camera[:, :, 3:6] @ cv2.Rodrigues(self.turn)[0]
        return pixels.reshape(count, 2), by_point, by_camera

    def free(self):
        return 12 if self.flags else 5


def matrix_of(points, pixels):
    """Intrinsic matrix by the direct linear transform on normalised coordinates."""
    middle, spread = points.mean(0), points.std()
    centre, scale = pixels.mean(0), pixels.std()
    x = np.c_[(points - middle) / spread, np.ones(len(points))]
    u = (pixels - centre) / scale
    zero = np.zeros_like(x)
    rows = np.r_[np.c_[x, zero, -u[:, :1] * x], np.c_[zero, x, -u[:, 1:] * x]]
    projection = np.linalg.eigh(rows.T @ rows)[1][:, 0].reshape(3, 4)
    matrix = cv2.decomposeProjectionMatrix(projection)[0]
    matrix = np.array([[scale, 0, centre[0]], [0, scale, centre[1]], [0, 0, 1]]) @ (matrix / matrix[2, 2])
    matrix[0, 1] = 0.0
    return np.abs(matrix)


class Rig:
    """Both cameras and the board's place under the robot."""

    def __init__(self, size, flags):
        self.cameras = [Camera(size, flags) for _ in range(2)]
        self.board = np.eye(3, 2)

    def fit(self, sides, jogged):
        """`sides`: for each camera (corner in the board's plane, displacement of the tool, pixel), one row a corner."""
        for round_ in range(ROUNDS if jogged else 1):
            if round_:
                self.board += np.mean([self.step(*side) for side in zip(self.cameras, *zip(*sides))], axis=0)
            both = zip(self.cameras, sides, strict=True)
            self.rms_px = [camera.fit(plane @ self.board.T - moved, pixels) for camera, (plane, moved, pixels) in both]

    def step(self, camera, plane, moved, pixels):
        """Step of G that one camera's residuals ask for, its own unknowns free."""
        seen, by_point, by_camera = camera.project(plane @ self.board.T - moved)
        by_board = (by_point[:, :, :, None] * plane[:, None, None, :]).reshape(len(plane), 2, 6)
        jacobian = np.concatenate([by_board, by_camera], axis=2).reshape(2 * len(plane), -1)
        scale = np.linalg.norm(jacobian, axis=0)
        scale[scale == 0] = 1.0
        step = np.linalg.lstsq(jacobian / scale, (pixels - seen).ravel(), rcond=1e-12)[0] / scale
        return step[:6].reshape(3, 2)

    def points(self, pixels, cameras, start):
        """Gauss–Newton from `start`; with one camera z stays as it starts."""
        answer = start.copy()
        unknowns = 3 if len(cameras) == 2 else 2
        for _ in range(15):
            normal, side = 0.0, 0.0
            for seen, number in zip(pixels, cameras, strict=True):
                at, by_point, _ = self.cameras[number].project(answer)
                jacobian = by_point[:, :, :unknowns]
                normal = normal + jacobian.transpose(0, 2, 1) @ jacobian
                side = side + jacobian.transpose(0, 2, 1) @ (seen - at)[:, :, None]
            answer[:, :unknowns] += np.linalg.solve(normal, side)[:, :, 0]
        return answer


def calibrate(found, numbers, side_mm, moved_mm, jogged, size, flags):
    """A rig from the corners of every view; `moved_mm` one row per view."""
    sides = []
    for camera in found:
        views = [(pixels, moved) for pixels, moved in zip(camera, moved_mm, strict=True) if pixels is not None]
        if len(views) < MIN_VIEWS:
            return None
        plane = np.concatenate([side_mm * numbers for _ in views])
        moved = np.concatenate([np.broadcast_to(moved, (len(numbers), 3)) for _, moved in views])
        sides.append((plane, moved, np.concatenate([pixels for pixels, _ in views])))
    rig = Rig(size, flags)
    rig.fit(sides, jogged)
    return rig
