"""Joints that were not seen for a while, filled in so that a codec's input has no holes.

Where a clip has rotations, an unseen joint is placed by its bone; the root, and every joint of a
clip of positions alone, is interpolated linearly in time and held at either end. A joint that a
recording never shows lies where its parent lies, until the feature map puts it at its mean. What
was filled in stays marked as not seen: no metric and no loss looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.clip import Clip
from trainables.motion.local_frames import world_orientations


def fill_gaps(clips: Sequence[Clip]) -> tuple[list[Clip], list[str]]:
    """Clips whose positions are finite everywhere, and a sentence on what was filled, if any was.

    Masks stay as they are; one that hides nothing is left out.

    Raises:
        BadInput: the root of a recording with rotations, or all joints of one without, are never
            seen.
    """
    filled = [_filled(clip) for clip in clips]
    holes = {c.recording: ~c.mask for c in clips if c.mask is not None and not c.mask.all()}
    if not holes:
        return filled, []
    fps = {c.recording: c.fps for c in clips}
    places = sum(h.sum() for h in holes.values()) / sum(c.positions[..., 0].size for c in clips)
    seconds, where = max((_longest(h) / fps[name], name) for name, h in holes.items())
    return filled, [
        f"{len(holes)} of {len(clips)} recordings have joints that were not seen for a while "
        f"({100 * places:.2g} % of all places, the longest gap {seconds:.2f} s in {where}): they "
        "are filled in for codecs, linearly in time or along their bones, and never scored."
    ]


def _filled(clip: Clip) -> Clip:
    if clip.mask is None:
        return clip
    if clip.mask.all():
        return replace(clip, mask=None)
    seen, positions = clip.mask, clip.positions.copy()
    if not (seen[:, 0] if clip.rotations is not None else seen).any():
        what = "the root is" if clip.rotations is not None else "all joints are"
        raise BadInput(
            f"{clip.recording}: {what} never seen, so its motion cannot be told; leave the "
            "recording out"
        )
    time = np.arange(clip.frames)
    for j in [0] if clip.rotations is not None else range(len(clip.skeleton)):
        at = seen[:, j]
        if not at.any():
            above = int(clip.skeleton.parents[j])
            shown = positions[seen].mean(axis=0)
            positions[:, j] = positions[:, above] if above >= 0 else shown
            continue
        for axis in range(3):
            positions[~at, j, axis] = np.interp(time[~at], time[at], clip.positions[at, j, axis])
    if clip.rotations is not None:
        world, parents = world_orientations(clip), clip.skeleton.parents
        for j in range(1, len(parents)):
            bone = world[:, parents[j]] @ clip.skeleton.offsets[j]
            along = positions[:, parents[j]] + bone
            positions[:, j] = np.where(seen[:, j, None], positions[:, j], along)
    return replace(clip, positions=positions)


def _longest(hole: np.ndarray) -> int:
    """Frames of the longest gap of any joint: (frames, joints) bool, True where unseen."""
    run, longest = np.zeros(hole.shape[1], dtype=np.int64), 0
    for frame in hole:
        run = np.where(frame, run + 1, 0)
        longest = max(longest, int(run.max()))
    return longest
