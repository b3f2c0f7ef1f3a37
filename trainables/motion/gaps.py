"""Joints that were not seen for a while, filled in so that everything after this has no holes.

Where a clip has rotations, an unseen joint is placed by its bone; the root, and every joint of a
clip of positions alone, is interpolated linearly in time and held at either end. Filled places are
scored like seen ones, which is why the data set says how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.clip import Clip
from trainables.motion.local_frames import world_orientations


def fill_gaps(clips: Sequence[Clip]) -> tuple[list[Clip], list[str]]:
    """Clips without masks, and a sentence on what was filled (none where nothing was).

    Raises:
        BadInput: a joint is never seen in a recording and no bone says where it is.
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
        "are filled in, linearly in time or along their bones, and scored like seen ones."
    ]


def _filled(clip: Clip) -> Clip:
    if clip.mask is None:
        return clip
    if clip.mask.all():
        return replace(clip, mask=None)
    seen, positions = clip.mask, clip.positions.copy()
    by_time = [0] if clip.rotations is not None else range(len(clip.skeleton))
    never = [clip.skeleton.names[j] for j in by_time if not seen[:, j].any()]
    if never:
        raise BadInput(
            f"{clip.recording}: joints that are never seen cannot be filled in: "
            f"{', '.join(never[:12])}; leave them out of the file, or leave the recording out"
        )
    time = np.arange(clip.frames)
    for j in by_time:
        at = seen[:, j]
        for axis in range(3):
            positions[~at, j, axis] = np.interp(time[~at], time[at], clip.positions[at, j, axis])
    if clip.rotations is not None:
        world, parents = world_orientations(clip), clip.skeleton.parents
        for j in range(1, len(parents)):
            bone = world[:, parents[j]] @ clip.skeleton.offsets[j]
            along = positions[:, parents[j]] + bone
            positions[:, j] = np.where(seen[:, j, None], positions[:, j], along)
    return replace(clip, positions=positions, mask=None)


def _longest(hole: np.ndarray) -> int:
    """Frames of the longest gap of any joint: (frames, joints) bool, True where unseen."""
    run, longest = np.zeros(hole.shape[1], dtype=np.int64), 0
    for frame in hole:
        run = np.where(frame, run + 1, 0)
        longest = max(longest, int(run.max()))
    return longest
