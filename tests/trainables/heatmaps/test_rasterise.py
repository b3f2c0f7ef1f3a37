"""Limbs and keypoints as Gaussians: against a plain drawing, and against volumes of voxels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainables.heatmaps.rasterise import keypoint_maps, limb_maps


def plain(
    points: np.ndarray, strengths: np.ndarray, limbs: np.ndarray, grid: np.ndarray, sigma: float
) -> np.ndarray:
    """(limbs, ...) Gaussians of segments at every place of a grid (..., axes), limb by limb."""
    found = []
    for a, b in limbs:
        strength = min(strengths[a], strengths[b])
        if strength == 0:
            found.append(np.zeros(grid.shape[:-1]))
            continue
        along = points[b] - points[a]
        share = np.clip(((grid - points[a]) @ along) / max(float(along @ along), 1e-18), 0, 1)
        far = np.linalg.norm(grid - points[a] - share[..., None] * along, axis=-1)
        found.append(strength * np.exp(-(far**2) / (2 * sigma**2)))
    return np.stack(found)


def scene(seed: int, axes: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, strengths (one joint missing, its place NaN) and limbs, one of them of no length."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0.1 * size, 0.9 * size, (6, axes))
    points[4] = points[3]
    points[5] = np.nan
    strengths = rng.uniform(0.2, 1.0, 6)
    strengths[5] = 0.0
    return points, strengths, np.array([[0, 1], [1, 2], [2, 3], [3, 4], [2, 5]])


def drawn(points: np.ndarray, strengths: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """One picture's points and strengths as tensors."""
    return torch.tensor(points)[None], torch.tensor(strengths)[None]


@pytest.mark.parametrize("sigma", [0.75, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_limbs_are_the_gaussians_of_segments(seed: int, sigma: float) -> None:
    size = 24
    points, strengths, limbs = scene(seed, 2, size)
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1).astype(float)
    expected = plain(points, strengths, limbs, grid, sigma)
    args = (*drawn(points, strengths), torch.tensor(limbs), size, sigma)
    each = limb_maps(*args, "each")[0].numpy()
    one = limb_maps(*args, "one")[0].numpy()
    assert np.abs(each - expected).max() < 1e-5
    assert np.abs(one[0] - expected.max(axis=0)).max() < 1e-5


def test_keypoints_are_gaussians_of_their_strength() -> None:
    points = torch.tensor([[[3.0, 5.0], [9.0, 2.0], [float("nan")] * 2]])
    maps = keypoint_maps(points, torch.tensor([[1.0, 0.5, 0.0]]), 16, 0.75)[0]
    # rows run down, columns to the right
    assert maps[0, 5, 3] == pytest.approx(1.0) and maps[1, 2, 9] == pytest.approx(0.5)
    assert maps[0, 5, 4] == pytest.approx(np.exp(-1 / (2 * 0.75**2)))
    assert not maps[2].any()
    one = keypoint_maps(points, torch.tensor([[1.0, 0.5, 0.0]]), 16, 0.75, "one")[0]
    assert torch.allclose(one[0], maps.amax(dim=0))


def test_a_missing_joint_leaves_its_limbs_out_and_draws_nothing_at_zero() -> None:
    points, strengths, limbs = scene(0, 2, 24)
    maps = limb_maps(*drawn(points, strengths), torch.tensor(limbs), 24, 0.75, "each")[0]
    assert not maps[4].any() and maps.isfinite().all()
    assert maps[:4].amax(dim=(1, 2)).min() > 0.1
    nobody = limb_maps(*drawn(points, 0 * strengths), torch.tensor(limbs), 24)
    assert not nobody.any()


def test_a_limb_is_as_bright_as_its_dimmer_end() -> None:
    points = np.array([[4.0, 8.0], [12.0, 8.0]])
    maps = limb_maps(*drawn(points, np.array([0.9, 0.3])), torch.tensor([[0, 1]]), 16)
    assert maps[0, 0, 8, 4:13].numpy() == pytest.approx(np.full(9, 0.3), abs=1e-6)


def test_many_pictures_are_drawn_as_each_alone() -> None:
    rng = np.random.default_rng(0)
    points, strengths = rng.uniform(0, 128, (40, 5, 2)), rng.uniform(0, 1, (40, 5))
    limbs = torch.tensor([[0, 1], [1, 2], [3, 4]])
    for channels in ("one", "each"):
        at_once = limb_maps(
            torch.tensor(points), torch.tensor(strengths), limbs, 128, 0.75, channels
        )
        for n in (0, 17, 39):
            alone = limb_maps(*drawn(points[n], strengths[n]), limbs, 128, 0.75, channels)
            assert torch.equal(at_once[n], alone[0])


@pytest.mark.parametrize("seed", range(2))
def test_a_projected_volume_is_the_plane_drawn_in_two_dimensions(seed: int) -> None:
    """The greatest value along an axis of the 3-D Gaussian is the projected limb's Gaussian."""
    size, sigma, fine = 12, 0.75, 16
    points, strengths, limbs = scene(seed, 3, size)
    deep = np.arange(-1, size + 1, 1 / fine)
    for across, axes in ((2, (0, 1)), (0, (2, 1)), (1, (0, 2))):
        coarse = np.arange(size, dtype=float)
        places = [coarse, coarse, coarse]
        places[across] = deep  # fine along the axis that is projected out
        volume = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1)
        greatest = plain(points, strengths, limbs, volume, sigma).max(axis=(0, 1 + across))
        kept = [a for a in range(3) if a != across]  # the axes of `greatest`, ascending
        picture = greatest.T if list(axes) == kept else greatest
        flat = limb_maps(*drawn(points[:, list(axes)], strengths), torch.tensor(limbs), size, sigma)
        assert np.abs(flat[0, 0].numpy() - picture).max() < 2e-3
    # voxels as wide as pixels miss the limb by up to half of one: never brighter, at times dimmer
    cube = np.stack(np.meshgrid(*[np.arange(size, dtype=float)] * 3, indexing="ij"), axis=-1)
    voxels = plain(points, strengths, limbs, cube, sigma).max(axis=(0, 3)).T
    flat = limb_maps(*drawn(points[:, :2], strengths), torch.tensor(limbs), size, sigma)[0, 0]
    assert (voxels <= flat.numpy() + 1e-5).all()
    assert (flat.numpy() - voxels).max() > 0.01
