"""Evaluations of Eq. (3) per second of cost (4) as one writes it in PyTorch, eager and compiled: the GPU kernels' peer.

torch_cost.py [--device cuda]
"""

import argparse
import statistics
import time

import torch

DRAWS, COLUMNS, ROWS = 64, 1280, 720


def sums(image, standing, phases, x, y):
    """Σ I, Σ I², Σ I·y of each draw; phases: its coefficients of x·y, y², x, y and 1."""
    xy, yy, by_x, by_y, constant = (phases[:, k, None, None] for k in range(5))
    phase = (xy * x + yy * y + by_y) * y + by_x * x + constant
    p = 4 * (torch.sin(phase) + 0.97)
    model = p * standing * torch.rsqrt(2 + p * p + standing * standing)
    return torch.stack([model.sum((1, 2)), (model * model).sum((1, 2)), (model * image).sum((1, 2))])


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--device", default="cuda")
    device = torch.device(arguments.parse_args().device)
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    torch.manual_seed(1)
    # Several images: none stays in a cache.
    images = [torch.rand(ROWS, COLUMNS, device=device) for _ in range(6)]
    standing = 4 * (torch.sin(torch.rand(ROWS, COLUMNS, device=device) * 6.28) + 0.97)
    x = torch.arange(COLUMNS, device=device, dtype=torch.float32)[None, None, :]
    y = torch.arange(ROWS, device=device, dtype=torch.float32)[None, :, None]
    phases = torch.tensor([1e-6, -1e-6, 1e-3, 0.17, 0.4], device=device) * (1 + 0.01 * torch.randn(DRAWS, 5, device=device))
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    for how, call in [("eager", sums), ("torch.compile", torch.compile(sums))]:
        times = []
        for n in range(14):
            synchronize()
            start = time.perf_counter()
            call(images[n % 6], standing, phases, x, y)
            synchronize()
            times.append(time.perf_counter() - start)
        # The first few warm up, and compile.
        rate = DRAWS * COLUMNS * ROWS / statistics.median(times[5:])
        print(f"PyTorch {torch.__version__} {how} on {name}: {rate:.3e} evaluations per second")


if __name__ == "__main__":
    main()
