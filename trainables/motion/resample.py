"""Changes a clip's frame rate, and mirrors it left to right.

Both go through local rotations where the clip has them, so bones keep their length: positions are
rebuilt by forward kinematics with the translations that the clip really has.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from search_spaces.errors import BadInput
from trainables.motion.clip import Clip
from trainables.motion.joint_names import mirror_order
from trainables.motion.local_frames import mean_seen, to_local, world_orientations
from trainables.motion.skeleton import Skeleton, forward_kinematics

NEAR_INTEGER = 1e-3
"""A ratio of rates this close to a whole number, relatively, is taken to be it."""

_ACROSS = np.diag([-1.0, 1.0, 1.0])
_FLIPS = (_ACROSS, np.diag([1.0, -1.0, 1.0]), np.diag([1.0, 1.0, -1.0]), -np.eye(3))


def resample(clip: Clip, fps: float) -> Clip:
    """The clip at another frame rate; frame 0 stays frame 0.

    Where clip.fps / fps is a whole number within 0.1 % frames are picked, untouched, and the
    result is said to be at `fps` exactly; where its inverse is, every frame is kept. Else local
    rotations are slerped, the root and every local translation interpolated linearly, positions
    rebuilt from them, and the mask taken from the nearest frame. Positions alone are interpolated
    linearly, and across a gap in the mask taken from the nearest frame.

    Raises:
        BadInput: fps is no positive number, or so high that the result could not be held.
    """
    if not (np.isfinite(fps) and fps > 0):
        raise BadInput(f"{clip.recording}: fps to resample to must be positive, got {fps}")
    ratio = clip.fps / fps
    whole = round(ratio)
    if whole >= 1 and abs(ratio / whole - 1) <= NEAR_INTEGER:
        return replace(clip if whole == 1 else stride(clip, whole), fps=float(fps))
    if round(1 / ratio) >= 2 and abs(ratio * round(1 / ratio) - 1) <= NEAR_INTEGER:
        ratio = 1 / round(1 / ratio)  # every frame stays, with new ones in between
    count = int(np.floor((clip.frames - 1) / ratio + 1e-9)) + 1
    if count > 100 * clip.frames + 100:
        raise BadInput(
            f"{clip.recording}: {clip.fps:g} fps cannot be resampled to {fps:g}; choose at most "
            "a hundred times as many"
        )
    at = np.minimum(np.arange(count) * ratio, clip.frames - 1)
    before = np.minimum(at.astype(np.int64), max(clip.frames - 2, 0))
    after = np.minimum(before + 1, clip.frames - 1)
    share = at - before  # 0..1 from `before` to `after`
    nearest = np.where(share < 0.5, before, after)
    mask = None if clip.mask is None else clip.mask[nearest]
    if clip.rotations is None:
        positions = _linear(clip.positions, before, after, share, clip.mask)
        return replace(clip, fps=float(fps), positions=positions, mask=mask)
    parents = clip.skeleton.parents
    local = to_local(parents, clip.positions, world_orientations(clip))[1]
    rotations = _slerp(clip.rotations, before, after, share)
    moved = _linear(local, before, after, share, _seen_with_parent(clip))
    moved = np.where(np.isnan(moved), clip.skeleton.offsets, moved)
    positions, _ = forward_kinematics(parents, moved, rotations, moved[:, 0])
    if mask is not None:
        positions = np.where(mask[..., None], positions, np.nan)
    return replace(clip, fps=float(fps), positions=positions, rotations=rotations, mask=mask)


def stride(clip: Clip, n: int) -> Clip:
    """Every n-th frame from frame 0, at an n-th of the rate.

    Raises:
        BadInput: n is below 1.
    """
    if n < 1:
        raise BadInput(f"{clip.recording}: the frame stride must be 1 or more, got {n}")
    if n == 1:
        return clip
    return replace(
        clip,
        fps=clip.fps / n,
        positions=clip.positions[::n],
        rotations=None if clip.rotations is None else clip.rotations[::n],
        mask=None if clip.mask is None else clip.mask[::n],
    )


def mirror(clip: Clip) -> Clip:
    """The clip as seen in a mirror: X (sideways, Y being up) is negated, left and right swap.

    Every joint takes the mirrored place of its opposite, found by name; joints without one take
    their own. The local axes of each joint are reflected in the way that keeps the skeleton's
    offsets, and then the mean rotations, nearest to what they are: a symmetric skeleton stays as
    it is, also where left and right bones have axes of their own making. Mirroring twice gives
    the clip back.

    Raises:
        BadInput: no joint has an opposite by name.
    """
    names, parents = clip.skeleton.names, clip.skeleton.parents
    opposite = mirror_order(names)
    if np.array_equal(opposite, np.arange(len(names))):
        raise BadInput(
            f"{clip.recording}: no joint has an opposite by name (left/right, l/r), so it cannot "
            f"be mirrored; the joints are {', '.join(names[:12])}"
        )
    positions = clip.positions[:, opposite] * _ACROSS.diagonal()
    mask = None if clip.mask is None else clip.mask[:, opposite]
    mirrored = replace(clip, positions=positions, mask=mask)
    if clip.rotations is None:
        # without orientations, offsets are directions in the world
        across = np.broadcast_to(_ACROSS, (len(names), 3, 3))
        ends = _mirrored_ends(clip.skeleton, opposite, across)
        offsets = clip.skeleton.offsets[opposite] * _ACROSS.diagonal()
        return replace(mirrored, skeleton=Skeleton(names, parents, offsets, ends))
    flips = _reflections(clip.skeleton, clip.rotations, opposite)
    ends = _mirrored_ends(clip.skeleton, opposite, flips)
    world = _ACROSS @ world_orientations(clip)[:, opposite] @ flips
    rotations, local = to_local(parents, positions, world)
    in_parent = np.concatenate([_ACROSS[None], flips[parents[1:]]])
    expected = (in_parent @ clip.skeleton.offsets[opposite][..., None])[..., 0]
    offsets = mean_seen(local, _seen_with_parent(mirrored), expected)
    pairs = opposite[parents[1:]] == parents[opposite[1:]]  # the tree is symmetric here
    offsets = np.where(np.r_[True, pairs][:, None], expected, offsets)
    skeleton = Skeleton(names, parents, offsets, ends)
    return replace(mirrored, skeleton=skeleton, rotations=rotations)


def _reflections(skeleton: Skeleton, rotations: np.ndarray, opposite: np.ndarray) -> np.ndarray:
    """(joints, 3, 3): how each joint's own axes are reflected; alike for both of a pair."""
    parents, mean = skeleton.parents, rotations.mean(axis=0)
    misfit, size = _offset_misfit(skeleton, opposite)
    flips = np.broadcast_to(_ACROSS, (len(skeleton), 3, 3)).copy()
    for j in range(len(skeleton)):
        other = int(opposite[j])
        if other < j:
            continue  # decided with its opposite
        # A bone that several reflections fit says nothing about its twist. Bodies move alike on
        # both sides in the mean, and a wrong twist is half a turn away from that.
        fit = np.flatnonzero(misfit[j] <= misfit[j].min() + 0.1 * size[j] + 0.005)
        apart = []
        for flip in (_FLIPS[c] for c in fit):
            if j == 0:  # headings mean nothing, but its own up must stay up
                apart.append(float(np.linalg.norm(flip @ mean[0][1] - mean[0][1])))
                continue
            here, there = flips[parents[j]], flips[parents[other]]
            apart.append(
                float(np.linalg.norm(here @ mean[other] @ flip - mean[j]))
                + float(np.linalg.norm(there @ mean[j] @ flip - mean[other]))
            )
        # within what a body's two sides differ by, the first: X, as in the world
        best = next(c for c, far in zip(fit, apart, strict=True) if far <= min(apart) + 0.5)
        flips[j] = flips[other] = _FLIPS[best]
    return flips


def _offset_misfit(skeleton: Skeleton, opposite: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each joint and candidate reflection, how far the reflected offsets of its children are
    from their opposites' (joints, candidates), and the length of those offsets (joints,)."""
    offsets = skeleton.offsets
    misfit, size = np.zeros((len(skeleton), len(_FLIPS))), np.zeros(len(skeleton))
    for child in range(1, len(skeleton)):
        p = int(skeleton.parents[child])
        reflected = np.stack([flip @ offsets[opposite[child]] for flip in _FLIPS])
        misfit[p] += np.linalg.norm(reflected - offsets[child], axis=-1)
        size[p] += float(np.linalg.norm(offsets[child]))
    return misfit + misfit[opposite], size + size[opposite]


def _mirrored_ends(
    skeleton: Skeleton, opposite: np.ndarray, flips: np.ndarray
) -> dict[str, np.ndarray]:
    names = skeleton.names
    ends = {}
    for j, name in enumerate(names):
        end = skeleton.end_sites.get(names[opposite[j]])
        if end is not None:
            ends[name] = np.asarray(flips[j] @ end)
    return ends


def _seen_with_parent(clip: Clip) -> np.ndarray | None:
    if clip.mask is None:
        return None
    parents = np.maximum(clip.skeleton.parents, 0)
    return np.asarray(clip.mask & clip.mask[:, parents])


def _linear(
    values: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    share: np.ndarray,
    seen: np.ndarray | None,
) -> np.ndarray:
    """Values (frames, joints, 3) between two frames each; the nearest where one is unseen."""
    weight = np.broadcast_to(share[:, None, None], (len(share), values.shape[1], 1))
    if seen is not None:
        both = (seen[before] & seen[after])[..., None]
        weight = np.where(both, weight, np.where(weight < 0.5, 0.0, 1.0))
    first, second = values[before], values[after]
    mixed = (1 - weight) * first + weight * second
    # zero times NaN is NaN: take the ends as they are
    ends = np.where(weight == 1, second, mixed)
    return np.asarray(np.where(weight == 0, first, ends))


def _slerp(
    rotations: np.ndarray, before: np.ndarray, after: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """Along the shortest arc: R_a exp(share * log(R_a^T R_b)), (frames, joints, 3, 3)."""
    first = rotations[before]
    step = np.swapaxes(first, -1, -2) @ rotations[after]
    vector = Rotation.from_matrix(step.reshape(-1, 3, 3)).as_rotvec()
    vector *= np.repeat(share, rotations.shape[1])[:, None]
    part = Rotation.from_rotvec(vector).as_matrix().reshape(first.shape)
    return np.asarray(first @ part)
