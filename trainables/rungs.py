"""What a trial says on the way: validation at rungs, for every prefix of its codec.

A rung is a share of the trial's own budget, whose schedules stay those of the full length. Scoring
there must cost little beside training, so it looks at stretches that lie evenly over validation,
the same ones in every trial of a sweep; where those are not all of it, a finished trial is scored
on them too, since they may be easier than the whole. Test motion is never touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from search_spaces.families import family_of
from search_spaces.rate import nominal_rate
from search_spaces.space import Config
from trainables.evaluate import score_split
from trainables.motion.dataset import MotionData
from trainables.motion.preparation import SplitClip
from trainables.token_rates import Codecs, EncodedSplit

RUNGS = (1 / 27, 1 / 9, 1 / 3)
"""Shares at which a stopping rule may be asked."""
LAST_STATE = 2 / 3
"""Share at which a trial keeps its state besides, late enough to be worth going on. It is scored
there only where a rung lies there."""
FEWEST_STEPS = 10
"""Training steps under which a rung says little and costs much: a report costs the same however
short a trial is."""
RUNG_FRAMES = 512
STRETCH = 256
"""Long, since what a clip costs hardly grows with its first hundreds of frames."""


def scored(rungs: Collection[float], steps: int) -> tuple[float, ...]:
    """Rungs of a trial of so many steps, ascending: the last, and those not too early.

    >>> scored((1 / 4, 1 / 2), 30), scored((1 / 4, 1 / 2), 300)
    ((0.5,), (0.25, 0.5))
    """
    ordered = sorted(rungs)
    return tuple(s for s in ordered if s * steps >= FEWEST_STEPS or s == ordered[-1])


def reported(rungs: Collection[float]) -> tuple[float, ...]:
    """Shares at which a trial reports, ascending."""
    return tuple(sorted({*rungs, LAST_STATE}))


def rung_data(data: MotionData) -> MotionData:
    """The data with validation cut to at most `RUNG_FRAMES` frames, in stretches of `STRETCH`.

    The data itself where validation has no more.
    """
    clips = data.splits["val"]
    if sum(clip.frames for clip in clips) <= RUNG_FRAMES:
        return data
    places = [
        (clip, start)
        for clip in clips
        for start in range(0, max(1, clip.frames - STRETCH + 1), STRETCH)
    ]
    chosen = np.linspace(0, len(places) - 1, min(len(places), RUNG_FRAMES // STRETCH))
    kept = tuple(_stretch(*places[i]) for i in np.unique(chosen.round().astype(int)))
    return replace(data, splits={**data.splits, "val": kept})


def _stretch(clip: SplitClip, start: int) -> SplitClip:
    within = slice(start, start + STRETCH)
    return replace(
        clip,
        recording=f"{clip.recording}@{start}",
        features={part: each[within] for part, each in clip.features.items()},
        original=clip.original[within],
        root_tokens=None if clip.root_tokens is None else clip.root_tokens[within],
        seen=None if clip.seen is None else clip.seen[within],
    )


def rung_scores(
    codecs: Codecs,
    config: Config,
    data: MotionData,
    wanted: Collection[str],
    encoded: EncodedSplit,
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Validation scores of half-trained codecs.

    Args:
        codecs: part -> codec, where it stands.
        config: of the trial.
        data: as `rung_data` gives it.
        wanted: objectives that shallower prefixes are scored by.
        encoded: validation's tokens.

    Returns:
        Every metric of the whole codec, and a point for each prefix by ascending depth: `depth`,
        `levels`, nominal rate, and `val_` columns, of the whole codec all of them.
    """
    levels = max(codec.levels for codec in codecs.values())
    depths = range(1, levels + 1) if family_of(config).residual else (levels,)
    points: list[dict[str, Any]] = []
    whole: Mapping[str, float] = {}
    for depth in depths:
        last = depth == levels
        whole = score_split(codecs, data, encoded, depth, wanted=None if last else wanted).row
        rate = nominal_rate(config, data.facts, depth).total
        points.append({"depth": depth, "levels": levels, "rate_nominal_bps": rate, **whole})
    return dict(whole), points
