"""What recordings never show: joints that cannot be learnt, and how much of the rest is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from search_spaces.data_facts import DroppedPart
from trainables.motion.clip import Clip
from trainables.motion.parts import Part, PartMap

SPLIT_WORDS = {"train": "training", "val": "validation", "test": "test"}
_NAMED = 24
"""Joints that a sentence names before it says how many more there are."""


def never_seen(clips: Sequence[Clip]) -> frozenset[int]:
    """Joints that no recording shows in any frame."""
    shown = np.zeros(len(clips[0].skeleton), bool)
    for clip in clips:
        shown |= True if clip.mask is None else clip.mask.any(axis=0)
    return frozenset(np.flatnonzero(~shown).tolist())


def without_unseen(
    parts: PartMap, unseen: frozenset[int]
) -> tuple[PartMap, list[DroppedPart], list[str]]:
    """Parts without joints that training never shows; parts of which nothing is left are dropped.

    Returns:
        the parts, those dropped, and a sentence that names the joints, if there are any.
    """
    if not unseen:
        return parts, [], []
    kept: dict[str, Part] = {}
    dropped = []
    for name, part in parts.parts.items():
        coded = part.coded[~np.isin(part.coded, list(unseen))]
        if len(coded):
            kept[name] = Part(coded, part.scored[~np.isin(part.scored, list(unseen))])
        else:
            dropped.append(DroppedPart(name=name, reason="training never shows any of its joints"))
    names = [parts.names[j] for j in sorted(unseen)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    said = [
        f"{len(names)} of {len(parts.names)} joints are never seen in training, so they are "
        f"neither coded nor scored: {', '.join(names[:_NAMED])}{more}."
    ]
    left, right = (None if w in unseen else w for w in parts.wrists)
    return replace(parts, parts=kept, wrists=(left, right)), dropped, said


def unseen_share(clips: Sequence[Clip], joints: np.ndarray) -> float:
    """Share of the places of some joints, over all frames, that were not seen."""
    hidden = sum(0 if c.mask is None else int((~c.mask[:, joints]).sum()) for c in clips)
    return hidden / max(1, sum(c.frames for c in clips) * len(joints))


def unscored(splits: Mapping[str, Sequence[Clip]], parts: Mapping[str, Part]) -> list[str]:
    """Sentences on recordings in which a part is never seen, so that it has no score there."""
    said = []
    for split in ("val", "test"):
        for name, part in parts.items():
            lost = [c.recording for c in splits[split] if not _shows(c, part)]
            if lost:
                said.append(
                    f"{name} is never seen in {len(lost)} of {len(splits[split])} "
                    f"{SPLIT_WORDS[split]} recordings ({', '.join(lost[:3])}"
                    f"{' and more' if len(lost) > 3 else ''}), which have no score for it."
                )
    return said


def _shows(clip: Clip, part: Part) -> bool:
    return clip.mask is None or bool(clip.mask[:, part.coded].any())
