"""Changes a clip's frame rate, and back, and mirrors it left to right.

All go through local rotations where the clip has them, so bones keep their length: positions are
rebuilt by forward kinematics with the translations that the clip really has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    rebuilt from them. Positions alone are interpolated linearly, and beside a gap in the mask taken
    from the nearest frame. A frame between two is seen only where both of them are.

    Raises:
        BadInput: fps is no positive number, or so high that the result could not be held.
    """
    if not (np.isfinite(fps) and fps > 0):
        raise BadInput(f"{clip.recording}: fps to resample to must be positive, got {fps}")
    ratio = _ratio(clip.fps, fps)
    if ratio >= 1 and ratio == round(ratio):
        return replace(clip if ratio == 1 else stride(clip, round(ratio)), fps=float(fps))
    count = resampled_frames(clip.frames, clip.fps, fps)
    if count > 100 * clip.frames + 100:
        raise BadInput(
            f"{clip.recording}: {clip.fps:g} fps cannot be resampled to {fps:g}; choose at most "
            "a hundred times as many"
        )
    at = np.minimum(np.arange(count) * ratio, clip.frames - 1)
    before = np.minimum(at.astype(np.int64), max(clip.frames - 2, 0))
    after = np.minimum(before + 1, clip.frames - 1)
    share = at - before  # 0..1 from `before` to `after`
    mask = None if clip.mask is None else _seen_between(clip.mask, before, after, share)
    sure = clip.confidence
    if sure is not None:
        sure = (1 - share[:, None]) * sure[before] + share[:, None] * sure[after]
        sure = sure if mask is None else np.where(mask, sure, 0.0)
    if clip.rotations is None:
        positions = _linear(clip.positions, before, after, share, clip.mask)
        return replace(clip, fps=float(fps), positions=positions, mask=mask, confidence=sure)
    parents = clip.skeleton.parents
    local = to_local(parents, clip.positions, world_orientations(clip))[1]
    rotations = _slerp(clip.rotations, before, after, share)
    moved = _linear(local, before, after, share, _seen_with_parent(clip))
    moved = np.where(np.isnan(moved), clip.skeleton.offsets, moved)
    positions, _ = forward_kinematics(parents, moved, rotations, moved[:, 0])
    if mask is not None:
        positions = np.where(mask[..., None], positions, np.nan)
    return replace(
        clip, fps=float(fps), positions=positions, rotations=rotations, mask=mask, confidence=sure
    )


def resampled_frames(frames: int, source_fps: float, fps: float) -> int:
    """How many frames `resample` makes of so many at `source_fps`: the last is not passed."""
    return int(np.floor((frames - 1) / _ratio(source_fps, fps) + 1e-9)) + 1


def _ratio(source_fps: float, fps: float) -> float:
    """Frames of the source per frame at `fps`; a whole number, or one over one, where it is
    near: then every frame of the slower stands where one of the faster does."""
    ratio = source_fps / fps
    whole, parts = round(ratio), round(1 / ratio)
    if whole >= 1 and abs(ratio / whole - 1) <= NEAR_INTEGER:
        return float(whole)
    if parts >= 2 and abs(ratio * parts - 1) <= NEAR_INTEGER:
        return 1 / parts
    return ratio


Block = tuple[np.ndarray | None, np.ndarray]
"""Frames in a row: rotations (n, joints, 3, 3), and root positions (n, 3) that go with them; or
None and positions (n, joints, 3)."""

BLOCK = 1024
"""Frames that `stream_at_source_rate` gives at a time, at most."""


def at_source_rate(
    rotations: np.ndarray | None,
    positions: np.ndarray,
    fps: float,
    source_fps: float,
    source_frames: int,
) -> Block:
    """Motion at a codec's rate brought back to the rate and length of its source.

    The reverse of `resample`: frames that it picked stand where they stood, with the very values
    given here; between them rotations are slerped and positions interpolated linearly. Where the
    source ran on past the codec's last frame, by less than one frame of the codec, that is held.

    Args:
        rotations: (frames, joints, 3, 3) local, or None.
        positions: (frames, 3) of the root beside rotations, or (frames, joints, 3) alone.
        fps: their rate.
        source_fps: rate to bring them to.
        source_frames: frames that the source had; `resampled_frames` of them are needed, and
            frames past those are left out.

    Returns:
        rotations (source_frames, joints, 3, 3) or None, and positions (source_frames, ...).

    Raises:
        BadInput: too few frames for the length of the source, or rates that are not positive.
    """
    blocks = stream_at_source_rate([(rotations, positions)], fps, source_fps, source_frames)
    turned, placed = zip(*blocks, strict=True)
    joined = None if rotations is None else np.concatenate(turned)
    return joined, np.concatenate(placed)


def stream_at_source_rate(
    blocks: Iterable[Block], fps: float, source_fps: float, source_frames: int
) -> Iterator[Block]:
    """`at_source_rate` for motion that comes in blocks, of any lengths: it holds one at a time.

    Args:
        blocks: consecutive frames, taken to their end.
        fps: their rate.
        source_fps: rate to bring them to.
        source_frames: frames that the source had.

    Yields:
        blocks of at most `BLOCK` frames, `source_frames` in all, equal to those of the whole.

    Raises:
        BadInput: as `at_source_rate`; too few frames are known at the end only.
    """
    if not (0 < fps < np.inf and 0 < source_fps < np.inf and source_frames > 0):
        raise BadInput(
            f"{source_frames} frames at {source_fps} fps cannot be made of frames at {fps} fps; "
            "rates and counts must be positive"
        )
    ratio = _ratio(source_fps, fps)
    given, taken = 0, 0  # frames of the source, frames of the codec
    kept: Block | None = None  # the last frame so far, to start the next block from
    for block in blocks:
        if not len(block[1]):
            continue
        taken += len(block[1])
        joined = block if kept is None else _joined(kept, block)
        first = taken - len(joined[1])
        ready = min(_reached(taken - 1, ratio), source_frames)
        for start in range(given, ready, BLOCK):
            given = min(start + BLOCK, ready)
            yield _sampled(joined, _codec_frame(start, given, ratio) - first)
        kept = _last(joined)
    if kept is None or taken < resampled_frames(source_frames, source_fps, fps):
        raise BadInput(
            f"{taken} frames at {fps:g} fps are too few for {source_frames} frames at "
            f"{source_fps:g} fps; {resampled_frames(source_frames, source_fps, fps)} are needed"
        )
    for start in range(given, source_frames, BLOCK):
        yield _sampled(kept, np.zeros(min(BLOCK, source_frames - start)))


def _codec_frame(start: int, stop: int, ratio: float) -> np.ndarray:
    """Where frames of the source stand among the codec's; whole where they are near it."""
    at = np.arange(start, stop) / ratio
    return np.asarray(np.where(np.abs(at - np.rint(at)) < 1e-7, np.rint(at), at))


def _reached(last: int, ratio: float) -> int:
    """How many frames of the source stand at or before frame `last` of the codec."""
    start = max(int(last * ratio) - 1, 0)
    return start + int((_codec_frame(start, start + 4, ratio) <= last).sum())


def _joined(kept: Block, block: Block) -> Block:
    if kept[0] is None or block[0] is None:
        return None, np.concatenate([kept[1], block[1]])
    return np.concatenate([kept[0], block[0]]), np.concatenate([kept[1], block[1]])


def _last(block: Block) -> Block:
    """Its last frame, copied so that the block can go."""
    return None if block[0] is None else block[0][-1:].copy(), block[1][-1:].copy()


def _sampled(block: Block, at: np.ndarray) -> Block:
    """The block at fractional frames; at whole ones, its very values."""
    rotations, positions = block
    before = np.clip(at.astype(np.int64), 0, len(positions) - 1)
    after = np.minimum(before + 1, len(positions) - 1)
    share = np.where(after > before, at - before, 0.0)
    rows = positions.reshape(len(positions), -1, 3)
    placed = _linear(rows, before, after, share, None).reshape(len(at), *positions.shape[1:])
    return None if rotations is None else _slerp(rotations, before, after, share), placed


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
        confidence=None if clip.confidence is None else clip.confidence[::n],
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
    sure = None if clip.confidence is None else clip.confidence[:, opposite]
    mirrored = replace(clip, positions=positions, mask=mask, confidence=sure)
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


def _seen_between(
    seen: np.ndarray, before: np.ndarray, after: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """(frames, joints) of frames between two each; one that stands on a frame asks that alone."""
    first, second = seen[before], seen[after]
    here = share[:, None]
    return np.asarray((first | (here >= 1)) & (second | (here <= 0)))


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
    """Along the shortest arc: R_a exp(share * log(R_a^T R_b)), (frames, joints, 3, 3).

    `after` belongs to `before`: one step is taken apart once, however many frames lie in it, and
    put together by Rodrigues' formula, R_a (1 + sin(x) K + (1 - cos(x)) K^2), K across the axis.
    """
    if not share.any():
        return np.asarray(rotations[before])
    _, shown, step = np.unique(before, return_index=True, return_inverse=True)
    first = rotations[before[shown]]
    whole = np.swapaxes(first, -1, -2) @ rotations[after[shown]]
    vector = Rotation.from_matrix(whole.reshape(-1, 3, 3)).as_rotvec().reshape(whole.shape[:-1])
    angle = np.linalg.norm(vector, axis=-1)
    x, y, z = np.moveaxis(vector / np.where(angle > 0, angle, 1.0)[..., None], -1, 0)
    zero = np.zeros_like(x)
    across = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(whole.shape)
    once = first @ across
    twice = once @ across
    turned = angle[step] * share[:, None]
    sine, rest = np.sin(turned)[..., None, None], (1 - np.cos(turned))[..., None, None]
    return np.asarray(first[step] + sine * once[step] + rest * twice[step])
