"""Brings recordings with different skeletons onto the joints that they share by name.

Every result has the same names and parents, hangs on its pelvis, and keeps its own offsets.
World positions and orientations of the joints that are kept stay exactly what they were; local
rotations are taken anew from them, so whatever was left out is folded into what stands below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.clip import Clip
from trainables.motion.local_frames import mean_seen, to_local, world_orientations
from trainables.motion.skeleton import Skeleton, pelvis_index

MIN_JOINTS = 3
"""Fewer shared joints than these are no body."""

LOOSE_BONE = 1e-3
"""Metres that a bone between kept joints may vary before it is said."""


@dataclass(frozen=True)
class _Target:
    """The skeleton all recordings are brought to: joints in order, and the parent of each."""

    names: tuple[str, ...]
    parents: np.ndarray


def reconcile(clips: Sequence[Clip]) -> tuple[list[Clip], list[str]]:
    """Brings clips onto one skeleton of the joints they share.

    Joints above the pelvis are folded into it, so it is the root of every result. Where a joint
    between two kept ones is left out and turns, the bone across it has no constant offset: then
    the positions are still exact, the offset is the mean, and a sentence says by how much
    kinematics with it departs.

    Args:
        clips: recordings in one unit, with or without rotations.

    Returns:
        the clips in the same order, and what was done in sentences (none where nothing was).

    Raises:
        BadInput: no clips, units mixed, or fewer than three joints shared.
    """
    if not clips:
        raise BadInput("there are no recordings to reconcile; give at least one")
    units = sorted({clip.unit for clip in clips})
    if len(units) > 1:
        raise BadInput(f"recordings in {' and '.join(units)} cannot be mixed; use one unit")
    target, sentences = _target(clips)
    results, bends = [], {}
    for clip in clips:
        result, bend = _onto(clip, target)
        results.append(result)
        if bend:
            bends[clip.recording] = bend
    return results, [*sentences, *_bent(bends)]


def onto(clip: Clip, names: Sequence[str], parents: np.ndarray) -> Clip:
    """Brings one clip onto joints that are given, as `reconcile` does for its results.

    A clip that was among those of a `reconcile` comes out with the same arrays, given the names
    and parents of the results. Joints that are not asked for are left out; what stands above the
    first is folded into it. The clip keeps its own offsets.

    Args:
        clip: the recording.
        names: joints to bring it to, parent before child.
        parents: (joints,) int64, -1 for the first.

    Raises:
        BadInput: the clip lacks joints (they are named), or names and parents make no skeleton.
    """
    target = _Target(tuple(names), np.asarray(parents, dtype=np.int64))
    Skeleton(target.names, target.parents, np.zeros((len(target.names), 3)))  # refuses what is none
    missing = [name for name in target.names if name not in clip.skeleton.names]
    if missing:
        raise BadInput(
            f"{clip.recording}: lacks {_listed(missing)} ({len(missing)} of the {len(names)} "
            "joints to bring it to); use a codec that was trained on its skeleton or rename its "
            "joints"
        )
    return _onto(clip, target)[0]


def _target(clips: Sequence[Clip]) -> tuple[_Target, list[str]]:
    first = clips[0].skeleton
    everywhere = set(first.names).intersection(*(clip.skeleton.names for clip in clips))
    if _points_alone(clips):
        return _by_name(clips, everywhere)
    root = _common_root(clips, everywhere)
    kept = set(everywhere)
    for skeleton in _distinct(clips):
        below = {root} if root in everywhere else set()
        if below:
            at = skeleton.index(root)
            below |= {skeleton.names[j] for j in skeleton.descendants(at)}
        kept &= below
    if len(kept) < MIN_JOINTS:
        raise _nothing_shared(clips, everywhere)
    names = tuple(name for name in first.names if name in kept)
    parents = np.array([names.index(p) if (p := _kept_parent(first, n, kept)) else -1
                        for n in names], dtype=np.int64)  # fmt: skip
    return _Target(names, parents), _sentences(clips, names)


def _points_alone(clips: Sequence[Clip]) -> bool:
    """Whether these are detected points of different trees: no bone holds them together."""
    detected = all(clip.rotations is None and clip.unit != "m" for clip in clips)
    return detected and len(_distinct(clips)) > 1


def _by_name(clips: Sequence[Clip], shared: set[str]) -> tuple[_Target, list[str]]:
    """All points that are shared, hung as in the first recording, else on its first."""
    if len(shared) < MIN_JOINTS:
        raise _nothing_shared(clips, shared)
    first = clips[0].skeleton
    names = tuple(name for name in first.names if name in shared)
    above = [_kept_parent(first, name, shared) or names[0] for name in names]
    parents = np.array([-1, *(names.index(p) for p in above[1:])], dtype=np.int64)
    return _Target(names, parents), _sentences(clips, names, points=True)


def _distinct(clips: Sequence[Clip]) -> list[Skeleton]:
    """One skeleton for every distinct tree."""
    found: dict[tuple[tuple[str, ...], bytes], Skeleton] = {}
    for clip in clips:
        s = clip.skeleton
        found.setdefault((s.names, s.parents.tobytes()), s)
    return list(found.values())


def _common_root(clips: Sequence[Clip], everywhere: set[str]) -> str:
    """The pelvis where all agree, else the shared joint that most shared joints stand below."""
    skeletons = _distinct(clips)
    pelvises = {s.names[pelvis_index(s.parents)] for s in skeletons}
    if len(pelvises) == 1 and pelvises <= everywhere:
        return pelvises.pop()
    best, most = "", 0
    for name in (n for n in skeletons[0].names if n in everywhere):
        below = set(everywhere)
        for s in skeletons:
            below &= {s.names[j] for j in s.descendants(s.index(name))}
        # the later of equals stands further down, nearer to the pelvis
        if len(below) and len(below) >= most - (name in pelvises):
            best, most = name, len(below)
    return best


def _kept_parent(skeleton: Skeleton, name: str, kept: set[str]) -> str | None:
    parent = int(skeleton.parents[skeleton.index(name)])
    while parent >= 0:
        if skeleton.names[parent] in kept:
            return skeleton.names[parent]
        parent = int(skeleton.parents[parent])
    return None


def _onto(clip: Clip, target: _Target) -> tuple[Clip, tuple[float, str] | None]:
    """The clip on the target's joints; and the worst bone that is not rigid, if any."""
    old = clip.skeleton
    if old.names == target.names and np.array_equal(old.parents, target.parents):
        return clip, None
    place = np.array([old.index(name) for name in target.names])
    positions = clip.positions[:, place]
    mask = None if clip.mask is None else clip.mask[:, place]
    sure = None if clip.confidence is None else clip.confidence[:, place]
    clip = replace(clip, confidence=None)  # it has the target's joints from here on
    ends = {name: end for name, end in old.end_sites.items() if name in target.names}
    rest = _rest_offsets(old, place, target.parents)
    if clip.rotations is None:
        skeleton = Skeleton(target.names, target.parents, rest, ends)
        kept = replace(clip, skeleton=skeleton, positions=positions, mask=mask, confidence=sure)
        return kept, None
    world = world_orientations(clip)[:, place]
    rotations, local = to_local(target.parents, positions, world)
    both = None if mask is None else mask & mask[:, np.maximum(target.parents, 0)]
    offsets = mean_seen(local, both, rest)
    skeleton = Skeleton(target.names, target.parents, offsets, ends)
    apart = np.linalg.norm(local - offsets, axis=-1)[:, 1:]
    apart = np.where(np.isnan(apart), 0.0, apart).max(axis=0)
    bridged = target.parents[1:] != _new_parents(old, place)[1:]
    apart = np.where(bridged, apart, 0.0)  # bones that were loose before have their note already
    worst = int(apart.argmax())
    bend = (float(apart[worst]), target.names[1 + worst]) if apart[worst] > LOOSE_BONE else None
    notes = clip.notes
    if bend:
        notes = (*notes, f"The bone to {bend[1]} bends by up to {1000 * bend[0]:.1f} mm where a "
                         "joint was left out.")  # fmt: skip
    moved = replace(clip, skeleton=skeleton, positions=positions, rotations=rotations, mask=mask)
    return replace(moved, notes=notes, confidence=sure), bend


def _new_parents(old: Skeleton, place: np.ndarray) -> np.ndarray:
    """Where the old direct parents stand in the new order; -1 for those left out."""
    new_place = np.full(len(old) + 1, -1)
    new_place[place] = np.arange(len(place))
    return np.asarray(new_place[old.parents[place]])


def _rest_offsets(old: Skeleton, place: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Offsets between kept joints with all rotations zero: sums of those in between."""
    rest = old.offsets.copy()
    for j in range(1, len(old)):
        rest[j] += rest[old.parents[j]]
    kept = rest[place]
    return np.asarray(np.where(parents[:, None] >= 0, kept - kept[parents], kept))


def _sentences(clips: Sequence[Clip], names: tuple[str, ...], *, points: bool = False) -> list[str]:
    sentences = []
    skeletons = _distinct(clips)
    if len(skeletons) > 1:
        counts = [sum(c.skeleton.names == s.names for c in clips) for s in skeletons]
        mix = ", ".join(f"{n} of {len(s)} joints" for n, s in zip(counts, skeletons, strict=True))
        sentences.append(
            f"{len(skeletons)} skeletons among {len(clips)} recordings ({mix}): the {len(names)} "
            "joints they share by name are kept, each recording with its own offsets."
        )
    above: list[str] = []
    gone: list[str] = []
    for s in skeletons:
        up_to = s.index(names[0])
        chain = set() if points else {j for j in range(up_to) if up_to in s.descendants(j)}
        above += [s.names[j] for j in sorted(chain) if s.names[j] not in above]
        gone += [
            n for j, n in enumerate(s.names) if n not in names and j not in chain and n not in gone
        ]
    if above:
        sentences.append(f"{_listed(above)} folded into {names[0]}, the root of all results.")
    if gone:
        sentences.append(f"Left out, since not in all recordings: {_listed(gone)}.")
    return sentences


def _bent(bends: dict[str, tuple[float, str]]) -> list[str]:
    if not bends:
        return []
    recording, (most, joint) = max(bends.items(), key=lambda item: item[1])
    return [
        f"In {len(bends)} recordings a joint that was left out turns, so a bone across it has no "
        f"constant offset: kinematics departs from the positions by up to {1000 * most:.1f} mm "
        f"at {joint} (most in {recording})."
    ]


def _nothing_shared(clips: Sequence[Clip], everywhere: set[str]) -> BadInput:
    first = clips[0]
    other = next(
        (c for c in clips if len(set(c.skeleton.names) & set(first.skeleton.names)) < MIN_JOINTS),
        clips[-1],
    )
    return BadInput(
        f"the recordings share {len(everywhere)} joints of one tree by name and need "
        f"{MIN_JOINTS}: {first.recording} has {_listed(first.skeleton.names)}; "
        f"{other.recording} has {_listed(other.skeleton.names)}; rename joints or train on them "
        "apart"
    )


def _listed(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
