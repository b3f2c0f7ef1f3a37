"""Distances between joints: RMSE (RMSD), MPJPE, and the RMSE left after a Kabsch alignment.

"Averaged distances between joints" [Klezovich et al., section 3.4] can be read in three ways that
differ by constant or shape; the one called RMSE here is the RMSD, the root of the mean squared
joint distance. The other two stand beside it under their own names. Parts are aligned per frame
by rotation and translation, so that a hand is judged by its shape and not by where the arm put it.
"""

from __future__ import annotations

import math

import numpy as np

from search_spaces.objectives import MPJPE, RMSE
from trainables.metrics.clip_pair import ClipPair, clip_metric

CM_PER_M = 100.0


def joint_distances(original: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Euclidean distance of every joint from where it was.

    Args:
        original: (frames, joints, 3), any unit.
        reconstruction: the same shape and unit.

    Returns:
        (frames, joints) float64, the unit given.

    Raises:
        ValueError: the shapes differ or are not (frames, joints, 3).
    """
    before, after = _same_shape(original, reconstruction)
    return np.linalg.norm(after - before, axis=2)


def rmse(original: np.ndarray, reconstruction: np.ndarray, seen: np.ndarray | None = None) -> float:
    """RMSD: root of the mean over frames and joints of the squared joint distance.

    Shapes and errors as in `joint_distances`; the unit given. NaN where there is nothing to score.
    `seen` (frames, joints) bool leaves out what was not seen.
    """
    distances = _counted(joint_distances(original, reconstruction), seen)
    return float(np.sqrt(np.mean(distances**2))) if distances.size else math.nan


def rmse_coordinate(original: np.ndarray, reconstruction: np.ndarray) -> float:
    """Root of the mean squared coordinate difference: `rmse` / sqrt(3)."""
    return rmse(original, reconstruction) / math.sqrt(3.0)


def mpjpe(
    original: np.ndarray, reconstruction: np.ndarray, seen: np.ndarray | None = None
) -> float:
    """Mean per-joint position error: mean joint distance, unaligned; never above `rmse`."""
    distances = _counted(joint_distances(original, reconstruction), seen)
    return float(np.mean(distances)) if distances.size else math.nan


def _counted(distances: np.ndarray, seen: np.ndarray | None) -> np.ndarray:
    return distances if seen is None else distances[seen]


def kabsch_align(
    original: np.ndarray,
    reconstruction: np.ndarray,
    seen: np.ndarray | None = None,
    dimensions: int = 3,
) -> np.ndarray:
    """Each frame of the reconstruction, moved rigidly to where it fits the original best.

    Kabsch (1976, 1978): centre both, SVD of the covariance, the last axis turned round where the
    best orthogonal matrix would be a mirror (det = +1). Scale is kept. Fewer than three joints, or
    joints on a line, leave the rotation ambiguous; the distance that remains is still the least.

    Args:
        original: (frames, joints, 3), any unit.
        reconstruction: the same shape and unit.
        seen: (frames, joints) bool: what the fit looks at; all where left out.
        dimensions: 2 for motion in the plane of a picture, which is turned within that plane: a
            turn out of it and back would be a mirror.

    Returns:
        (frames, joints, 3) float64. Frames that hold NaN or infinity in what is looked at become
        NaN; what was not seen is undefined.

    Raises:
        ValueError: the shapes differ or are not (frames, joints, 3).
    """
    before, after = _same_shape(original, reconstruction)
    if before.size == 0:
        return after.copy()
    with np.errstate(invalid="ignore", over="ignore"):
        if seen is None:
            centre = before.mean(axis=1, keepdims=True)
            target = before - centre
            centred = after - after.mean(axis=1, keepdims=True)
        else:
            there = seen[..., None]
            before, after = np.where(there, before, 0.0), np.where(there, after, 0.0)
            count = np.maximum(there.sum(axis=1, keepdims=True), 1)
            centre = before.sum(axis=1, keepdims=True) / count
            target = np.where(there, before - centre, 0.0)
            centred = np.where(there, after - after.sum(axis=1, keepdims=True) / count, 0.0)
        covariance = np.swapaxes(centred, 1, 2) @ target  # (frames, 3, 3)
    # One frame that is not finite would make the SVD of all frames fail.
    usable = np.isfinite(covariance).all(axis=(1, 2))
    covariance = np.where(usable[:, None, None], covariance, 0.0)[:, :dimensions, :dimensions]
    u, _, vt = np.linalg.svd(covariance)
    # Singular values fall, so the last axis is the cheapest to turn.
    u[:, :, -1] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))[:, None]
    turn = np.tile(np.eye(3), (len(u), 1, 1))
    turn[:, :dimensions, :dimensions] = u @ vt
    with np.errstate(invalid="ignore", over="ignore"):
        aligned = centred @ turn + centre
    aligned[~usable] = np.nan
    return aligned


def kabsch_rmse(
    original: np.ndarray,
    reconstruction: np.ndarray,
    seen: np.ndarray | None = None,
    dimensions: int = 3,
) -> float:
    """`rmse` after `kabsch_align`: what no rigid motion per frame can explain."""
    return rmse(original, kabsch_align(original, reconstruction, seen, dimensions), seen)


@clip_metric(RMSE)
def clip_rmse(pair: ClipPair, scope: str) -> float:
    """RMSE in cm: raw for `full`; for a part, its joints aligned per frame."""
    if scope == "full":
        return CM_PER_M * rmse(pair.original, pair.reconstruction, pair.seen)
    joints, seen = pair.parts[scope], pair.seen_of(scope)
    original, reconstruction = pair.original[:, joints], pair.reconstruction[:, joints]
    return CM_PER_M * kabsch_rmse(original, reconstruction, seen, pair.dimensions)


@clip_metric(MPJPE)
def clip_mpjpe(pair: ClipPair, scope: str) -> float:
    """MPJPE in cm, unaligned, over all joints or those of a part."""
    joints = slice(None) if scope == "full" else pair.parts[scope]
    seen = pair.seen_of(scope)
    return CM_PER_M * mpjpe(pair.original[:, joints], pair.reconstruction[:, joints], seen)


def _same_shape(original: np.ndarray, reconstruction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Broadcasting one frame over many would give a number, and a wrong one.
    if original.shape != reconstruction.shape or original.ndim != 3 or original.shape[2] != 3:
        raise ValueError(
            "original and reconstruction must both be (frames, joints, 3), got "
            f"{original.shape} and {reconstruction.shape}"
        )
    return original.astype(np.float64), reconstruction.astype(np.float64)
