"""What recordings cost as files: the header of each, and its size at every depth.

The one place that says what stands in a recording's file, so that the rate which a trial measures
is the size of the file which its exported codec writes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from trainables.bitstream.container import Header, Start
from trainables.bitstream.header import STARTS_PER_UNIT
from trainables.bitstream.recording import (
    ROOT,
    Models,
    PartTokens,
    Size,
    part_streams,
    prefix_sizes,
)
from trainables.motion.preparation import Preparation, SplitClip


def recording_header(
    preparation: Preparation,
    clip: SplitClip,
    tokens: PartTokens,
    models: Models,
    compression: Mapping[str, int],
    *,
    source_frames: int | None = None,
    codec: bytes = bytes(8),
    skeleton: bytes = bytes(4),
) -> Header:
    """What a recording's file says beside its tokens.

    Args:
        preparation: that made `clip`.
        clip: the recording.
        tokens: part (and `root` where coded) -> (tokens, levels).
        models: part -> model of its tokens.
        compression: part -> frames per token.
        source_frames: of the file it came from; worked out from its length where left out.
        codec, skeleton: identities; zeros where only the size counts.
    """
    fps = preparation.coded_fps
    start, lift = None, 0
    if ROOT in tokens:
        x, z, heading = clip.path.start
        start = Start.at(x, z, heading % math.tau, preparation.unit)
        lift = round(STARTS_PER_UNIT[preparation.unit] * clip.path.lift)
    return Header(
        codec_hash=codec,
        skeleton_hash=skeleton,
        source_fps=clip.source_fps,
        fps=fps,
        source_frames=source_frames
        or clip.source_frames
        or max(1, round(clip.frames * clip.source_fps / fps)),
        frames=clip.frames,
        parts=part_streams(tokens, models, compression),
        offsets=preparation.bone_steps(clip.offsets),
        start=start,
        unit=preparation.unit,
        lift=lift,
    )


def stream_sizes(
    preparation: Preparation,
    clip: SplitClip,
    tokens: PartTokens,
    models: Models,
    compression: Mapping[str, int],
) -> list[Size]:
    """Size of a recording's file at every depth, from 1 level to all."""
    header = recording_header(preparation, clip, tokens, models, compression)
    return prefix_sizes(header, tokens, models)


def at_depth(sizes: Sequence[Size], depth: int) -> Size:
    """The size at a depth; parts with fewer levels use theirs, so beyond the last it stays."""
    return sizes[min(depth, len(sizes)) - 1]


def first_levels(tokens: PartTokens, depth: int) -> dict[str, np.ndarray]:
    """The first levels of every part; the root keeps its own, which are no refinements."""
    return {p: t if p == ROOT else t[:, :depth] for p, t in tokens.items()}
