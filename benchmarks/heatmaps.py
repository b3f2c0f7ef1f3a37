"""Drawing heatmaps: frames per second of ours, beside a plain numpy loop and a volume of voxels.

A body of 19 joints and 17 limbs (Panoptic's, at random places) is drawn as limbs, keypoints and the
three planes of 3-D at 128 x 128. The numpy loop draws limb by limb and frame by frame, a whole
picture each; the voxel way fills a cube for each limb of each frame and takes the greatest value
along each axis, so it runs at a small size, where ours runs beside it. Times are the best of some
repeats, on one thread of the CPU or on the GPU.

Usage: python benchmarks/heatmaps.py [--quick] [--frames N] [--size N] [--voxels N]
       [--device cpu|cuda] [--repeats N]
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from trainables.heatmaps.layout import COCO19_LIMBS
from trainables.heatmaps.rasterise import keypoint_maps, limb_maps
from trainables.motion.panoptic import JOINTS

SIGMA = 0.75
LIMBS = np.array([[JOINTS.index(a), JOINTS.index(b)] for a, b in COCO19_LIMBS])


def segment_gaussians(points: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The greatest Gaussian of any limb at each place of a grid (..., axes), limb by limb."""
    greatest = np.zeros(grid.shape[:-1])
    for a, b in points[LIMBS]:
        along = b - a
        share = np.clip(((grid - a) @ along) / max(float(along @ along), 1e-12), 0, 1)
        far = ((grid - a - share[..., None] * along) ** 2).sum(axis=-1)
        np.maximum(greatest, np.exp(-far / (2 * SIGMA**2)), out=greatest)
    return greatest


def point_gaussians(points: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The greatest Gaussian of any keypoint at each place of a grid, joint by joint."""
    greatest = np.zeros(grid.shape[:-1])
    for point in points:
        far = ((grid - point) ** 2).sum(axis=-1)
        np.maximum(greatest, np.exp(-far / (2 * SIGMA**2)), out=greatest)
    return greatest


def pixels(size: int, axes: int) -> np.ndarray:
    """Places of pixels or voxels: (size, size, 2) as rows of x, y, or (size,) * 3 + (3,)."""
    line = np.arange(size, dtype=float)
    return np.stack(np.meshgrid(*[line] * axes, indexing="xy" if axes == 2 else "ij"), axis=-1)


def voxel_planes(points: np.ndarray, size: int) -> np.ndarray:
    """(frames, 3, size, size): volumes projected on x-y, z-y and x-z."""
    grid = pixels(size, 3)
    found = []
    for frame in points:
        volume = segment_gaussians(frame, grid)
        found.append(np.stack([volume.max(2).T, volume.max(0), volume.max(1).T]))
    return np.stack(found)


def planes(points: torch.Tensor, size: int) -> torch.Tensor:
    """The same by ours: (3 x frames, 1, size, size)."""
    flat = torch.cat([points[..., axes] for axes in ([0, 1], [2, 1], [0, 2])])
    sure = torch.ones(flat.shape[:2], device=flat.device)
    return limb_maps(flat, sure, torch.as_tensor(LIMBS, device=flat.device), size, SIGMA)


def rate(draw: Callable[[], object], frames: int, repeats: int, device: str = "cpu") -> float:
    """Frames per second, the best of some repeats after one that warms up."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        draw()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return frames / min(seconds[1:])


def main(argv: Sequence[str] | None = None) -> int:
    """Draws, and prints a table and one JSON object."""
    parser = argparse.ArgumentParser(description="Frames per second of heatmaps.")
    parser.add_argument("--quick", action="store_true", help="fewer frames and repeats")
    parser.add_argument("--frames", type=int, default=64, help="of a window")
    parser.add_argument("--size", type=int, default=128, help="pixels")
    parser.add_argument("--voxels", type=int, default=32, help="size at which voxels are tried")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args(argv)
    frames, repeats = (16, 2) if given.quick else (given.frames, given.repeats)
    torch.set_num_threads(1)
    device, size, small = given.device, given.size, given.voxels
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU ({platform.machine()})"

    rng = np.random.default_rng(0)
    share = rng.uniform(0.1, 0.9, (frames, len(JOINTS), 3))
    place = torch.tensor(share * size, dtype=torch.float32, device=device)
    small_place = torch.tensor(share * small, dtype=torch.float32, device=device)
    sure = torch.ones(frames, len(JOINTS), device=device)
    limbs = torch.as_tensor(LIMBS, device=device)
    flat = place[..., :2].contiguous()
    slow = max(2, frames // 8)  # frames for what takes long

    def plain(gaussians: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        grid = pixels(size, 2)
        for frame in size * share[:slow, :, :2]:
            gaussians(frame, grid)

    def ours(draw: Callable[[], object]) -> float:
        return rate(draw, frames, repeats, device)

    found = {
        "limbs": ours(lambda: limb_maps(flat, sure, limbs, size, SIGMA)),
        "limbs, one channel each": ours(lambda: limb_maps(flat, sure, limbs, size, SIGMA, "each")),
        "keypoints": ours(lambda: keypoint_maps(flat, sure, size, SIGMA, "one")),
        "keypoints, one channel each": ours(lambda: keypoint_maps(flat, sure, size, SIGMA)),
        "3-D, three planes": ours(lambda: planes(place, size)),
        "limbs, numpy loop": rate(lambda: plain(segment_gaussians), slow, 1),
        "keypoints, numpy loop": rate(lambda: plain(point_gaussians), slow, 1),
        f"3-D at {small}, three planes": ours(lambda: planes(small_place, small)),
        f"3-D at {small}, voxels": rate(lambda: voxel_planes(small * share[:slow], small), slow, 1),
    }
    print(f"{frames} frames, {size} x {size} pixels, {len(LIMBS)} limbs; ours on {name}")
    for what, per_second in found.items():
        print(f"  {what:<30} {per_second:>12,.0f} frames/s")
    flat_small = planes(small_place[:slow], small).unflatten(0, (3, slow))[:, :, 0].cpu().numpy()
    apart = np.abs(flat_small.transpose(1, 0, 2, 3) - voxel_planes(small * share[:slow], small))
    print(
        f"  planes and voxels differ by {apart.mean():.4f} in the mean, {apart.max():.2f} at most"
    )
    ratios = {
        "limbs_over_numpy": found["limbs"] / found["limbs, numpy loop"],
        "keypoints_over_numpy": found["keypoints"] / found["keypoints, numpy loop"],
        "planes_over_voxels": found[f"3-D at {small}, three planes"]
        / found[f"3-D at {small}, voxels"],
    }
    rounded = {key: round(value, 1) for key, value in ratios.items()}
    print(json.dumps({"device": name, "frames_per_second": {k: round(v, 1) for k, v in
                      found.items()}, **rounded}))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
