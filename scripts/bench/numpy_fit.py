"""The default method's warm fit of one image, written with NumPy: the peer of `grating/fit/refine.rs`.

Gauss–Newton on cost (4) with the same unknowns (phases of degree 7, gain and offset of degree 4, duty), every third pixel,
the same robust weights, until the phases move by less than 0.01 rad. From the formulas, not from the Rust code.
"""

import numpy as np

PHASE_DEGREE, LIGHT_DEGREE, STRIDE, STEP_LIMIT, PASSES = 7, 4, 3, 1e-2, 8


def basis(x, y, degree):
    """T_i(x) T_j(y) with i + j ≤ degree, a column each."""
    tx = np.cos(np.arange(degree + 1) * np.arccos(np.clip(x, -1, 1))[:, None])
    ty = np.cos(np.arange(degree + 1) * np.arccos(np.clip(y, -1, 1))[:, None])
    return np.stack([tx[:, i] * ty[:, j] for i in range(degree + 1) for j in range(degree + 1 - i)], axis=1)


def normalised(pixels, size):
    return [2 * pixels[:, axis] / (size[axis] - 1) - 1 for axis in (0, 1)]


def start(lines, pixels, size):
    """Phases through numbered intersections: where the search starts."""
    columns = basis(*normalised(pixels, size), PHASE_DEGREE)
    phases = 1.5 * np.pi + 2 * np.pi * lines
    return [np.linalg.lstsq(columns, phases[:, axis], rcond=None)[0] for axis in (0, 1)]


class Fit:
    def __init__(self, image):
        height, width = image.shape
        v, u = np.mgrid[0:height:STRIDE, 0:width:STRIDE]
        x, y = normalised(np.c_[u.ravel(), v.ravel()].astype(float), (width, height))
        self.phase_basis, self.light_basis = basis(x, y, PHASE_DEGREE), basis(x, y, LIGHT_DEGREE)
        self.image = image[::STRIDE, ::STRIDE].ravel().astype(float)

    def model(self, unknowns, doublings):
        """Brightness, and its derivative by every unknown."""
        n, m = self.phase_basis.shape[1], self.light_basis.shape[1]
        h, v, gain, offset = np.split(unknowns[:-1], [n, 2 * n, 2 * n + m])
        gain, offset = self.light_basis @ gain, self.light_basis @ offset
        p, slopes = [], []
        for coefficients in (h, v):
            phase = self.phase_basis @ coefficients
            dip = 0.5 * (1 - np.sin(phase))
            power = 2**doublings
            p.append(4 * (1 - 2 * dip**power + unknowns[-1]))
            slopes.append(4 * power * dip ** (power - 1) * np.cos(phase))
        s = np.sqrt(2 + p[0] ** 2 + p[1] ** 2)
        value = p[0] * p[1] / s
        by = [gain * p[1 - i] * (2 + p[1 - i] ** 2) / s**3 for i in (0, 1)]
        jacobian = np.concatenate(
            [
                self.phase_basis * (by[0] * slopes[0])[:, None],
                self.phase_basis * (by[1] * slopes[1])[:, None],
                self.light_basis * value[:, None],
                self.light_basis,
                4 * (by[0] + by[1])[:, None],
            ],
            axis=1,
        )
        return gain * value + offset, jacobian

    def run(self, phases, doublings, light=None):
        """Unknowns, RMS residual and passes."""
        m = self.light_basis.shape[1]
        gain, offset = np.zeros(m), np.zeros(m)
        gain[0] = self.image.std() / 1.6
        offset[0] = self.image.mean() - 2.9 * gain[0]
        unknowns = np.concatenate([*phases, gain, offset, [0.97]])
        if light is not None:
            unknowns[len(phases[0]) * 2 :] = light
        phase_count = 2 * len(phases[0])
        for passes in range(1, PASSES + 1):
            value, jacobian = self.model(unknowns, doublings)
            residual = self.image - value
            scale = 2.5 * np.sqrt(np.mean(residual**2))
            weight = 1 / (1 + (residual / scale) ** 2)
            weighted = jacobian * weight[:, None]
            normal = weighted.T @ jacobian
            scales = np.sqrt(np.diag(normal)) + 1e-30
            normal = normal / np.outer(scales, scales) + 1e-6 * np.eye(len(scales))
            step = np.linalg.solve(normal, (weighted.T @ residual) / scales) / scales
            unknowns = unknowns + step
            if np.linalg.norm(step[:phase_count]) < STEP_LIMIT:
                break
        return unknowns, np.sqrt(np.mean(residual**2)), passes
