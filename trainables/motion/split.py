"""Splits by recording, never by frame; in time only when asked for, or with a single recording.

Which split a recording falls into follows from its name and the split's seed alone, so the order of
files changes nothing. Where several people were recorded at once, whole sessions are split; with
fewer than three sessions, people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from search_spaces.errors import BadInput
from search_spaces.objectives import SPLITS
from trainables.motion.clip import Clip


def _draw(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


def kept_together(clips: Sequence[Clip]) -> tuple[str, dict[str, str]]:
    """What a split never cuts: "session", "person" or "recording", and its name per recording.

    >>> kept_together([])
    ('recording', {})
    """
    sessions = {c.recording: c.session or c.recording for c in clips}
    if not any(c.session for c in clips):
        return "recording", sessions
    if len(set(sessions.values())) >= 3:
        return "session", sessions
    return "person", {c.recording: c.signer or c.recording for c in clips}


def split_by_recording(
    clips: Sequence[Clip], shares: tuple[float, float, float], seed: int
) -> dict[str, list[Clip]]:
    """Whole recordings (sessions, people: `kept_together`) into train, val and test, at least one
    each.

    Raises:
        BadInput: fewer than three of them.
    """
    what, key = kept_together(clips)
    groups = sorted(set(key.values()))
    if len(clips) >= 3 and len(groups) < 3:
        raise BadInput(
            f"{len(groups)} {what}(s) ({', '.join(groups)}) cannot be split into train, validation "
            "and test; add more, or split each recording in time with --set split=time"
        )
    if len(clips) < 3:
        names = ", ".join(c.recording for c in clips)
        raise BadInput(
            f"{len(clips)} recording(s) ({names}) cannot be split into train, validation and test "
            "by recording; add recordings, or split each in time with --set split=time"
        )
    order = sorted(groups, key=lambda name: _draw(name, seed))
    val = max(1, round(shares[1] * len(order)))
    test = max(1, round(shares[2] * len(order)))
    train = len(order) - val - test
    if train < 1:
        val, test, train = 1, 1, len(order) - 2
    cut = {"train": order[:train], "val": order[train : train + val], "test": order[train + val :]}
    of = {name: s for s in SPLITS for name in cut[s]}
    by_name = sorted(clips, key=lambda c: c.recording)
    return {s: [c for c in by_name if of[key[c.recording]] == s] for s in SPLITS}


def split_in_time(
    clips: Sequence[Clip], shares: tuple[float, float, float], gap_seconds: float
) -> dict[str, list[Clip]]:
    """Contiguous blocks of every recording, in the order train, val, test, with gaps between.

    Raises:
        BadInput: a recording is too short to leave frames for each block.
    """
    blocks: dict[str, list[Clip]] = {s: [] for s in SPLITS}
    for clip in sorted(clips, key=lambda c: c.recording):
        gap = int(-(-gap_seconds * clip.fps // 1))
        usable = clip.frames - 2 * gap
        val, test = (max(4, round(share * usable)) for share in shares[1:])
        train = usable - val - test
        if train < 8:
            raise BadInput(
                f"{clip.recording}: {clip.frames} frames are too few to split in time with gaps of "
                f"{gap_seconds:g} s; give longer recordings, or three or more of them to split by "
                "recording"
            )
        starts = {"train": 0, "val": train + gap, "test": train + val + 2 * gap}
        for split, length in (("train", train), ("val", val), ("test", test)):
            start = starts[split]
            name = f"{clip.recording}#{split}"
            blocks[split].append(clip.cut(start, start + length, name))
    return blocks


def split_hash(splits: dict[str, list[Clip]]) -> str:
    """Identity of a split: which recordings (and how many frames) stand where."""
    text = ";".join(f"{s}={c.recording}:{c.frames}" for s in SPLITS for c in splits[s])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
