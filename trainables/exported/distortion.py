"""How far decoded motion is from its original, at the codec's rate and at the original's own.

The codec's rate is where a sweep scores; at the source's rate what lies between the codec's frames
counts too, which interpolation has to guess.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from search_spaces.errors import BadInput
from trainables.evaluate import pair_of
from trainables.exported.codec_folder import ExportedCodec
from trainables.exported.transcode import CodedRecording, decoded_positions
from trainables.metrics.clip_pair import score_clip
from trainables.motion.clip import Clip
from trainables.motion.gaps import fill_gaps
from trainables.motion.preparation import SplitClip
from trainables.motion.readers import read_clip
from trainables.motion.resample import at_source_rate

Scores = dict[str, float]


def distortions(
    codec: ExportedCodec, recording: CodedRecording, original: Path
) -> tuple[Scores, Scores]:
    """Metrics by name at the codec's rate, and at the source's.

    Args:
        codec: that the recording was encoded with.
        recording: its tokens.
        original: file of the motion it was made of.

    Raises:
        BadInput: the file is not as long, or not at the rate, of what was encoded.
    """
    clip = read_clip(original)
    header = recording.header
    if clip.frames != header.source_frames or abs(clip.fps / header.source_fps - 1) > 1e-6:
        raise BadInput(
            f"{original}: {clip.frames} frames at {clip.fps:g} fps, and what was encoded had "
            f"{header.source_frames} at {header.source_fps:g}; name the file it was made of"
        )
    decoded = decoded_positions(codec, recording)
    brought = codec.preparation.split_clip(codec.preparation.bring(clip))
    return (
        _scores(codec, brought, decoded, header.fps),
        _at_source(codec, clip, decoded, header.fps),
    )


def _at_source(codec: ExportedCodec, clip: Clip, decoded: np.ndarray, fps: float) -> Scores:
    """Decoded positions, interpolated to the original's frames, against all of these."""
    (filled,), _ = fill_gaps([clip])
    whole = codec.preparation.split_clip(codec.preparation.onto_joints(filled))
    _, between = at_source_rate(None, decoded, fps, clip.fps, clip.frames)
    return _scores(codec, whole, between, clip.fps)


def _scores(codec: ExportedCodec, clip: SplitClip, decoded: np.ndarray, fps: float) -> Scores:
    return score_clip(pair_of(codec.preparation, clip, decoded, fps))
