"""How far decoded motion is from its original, at the codec's rate and at the original's own.

The codec's rate is where a sweep scores; at the source's rate what lies between the codec's frames
counts too, which interpolation has to guess. It is guessed here as in the file that is written.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from search_spaces.bones import AVERAGE_BONES, Bones
from search_spaces.errors import BadInput
from trainables.bitstream.recording import ROOT
from trainables.evaluate import pair_of
from trainables.exported.codec_folder import ExportedCodec
from trainables.exported.transcode import CodedRecording, all_features, decoded_positions
from trainables.metrics.clip_pair import score_clip
from trainables.motion.preparation import SplitClip
from trainables.motion.readers import read_clip
from trainables.motion.resample import at_source_rate
from trainables.motion.skeleton import forward_kinematics

Scores = dict[str, float]


def distortions(
    codec: ExportedCodec, recording: CodedRecording, original: Path, bones: Bones = AVERAGE_BONES
) -> tuple[Scores, Scores]:
    """Metrics by name at the codec's rate, and at the source's.

    Args:
        codec: that the recording was encoded with.
        recording: its tokens.
        original: file of the motion it was made of.
        bones: whose bones SMPL-X rotations are put on.

    Raises:
        BadInput: the file is not as long, or not at the rate, of what was encoded.
    """
    clip = read_clip(original, rest_skeleton=bones.rest_skeleton, body_model=bones.body_model)
    header = recording.header
    if clip.frames != header.source_frames or abs(clip.fps / header.source_fps - 1) > 1e-6:
        raise BadInput(
            f"{original}: {clip.frames} frames at {clip.fps:g} fps, and what was encoded had "
            f"{header.source_frames} at {header.source_fps:g}; name the file it was made of"
        )
    brought = codec.preparation.split_clip(codec.preparation.bring(clip))
    if brought.frames != header.frames:
        raise BadInput(f"{original}: is not the motion that was encoded; name the file it was")
    whole = codec.preparation.split_clip(codec.preparation.onto_joints(clip))
    return (
        _scores(codec, brought, decoded_positions(codec, recording), header.fps),
        _scores(codec, whole, between_frames(codec, recording), clip.fps),
    )


def between_frames(codec: ExportedCodec, recording: CodedRecording) -> np.ndarray:
    """Positions (source_frames, joints, 3) m at the source's rate, as a trial would score them.

    Of a codec of rotations these are what is interpolated, as in the BVH that is written.
    """
    header, preparation = recording.header, codec.preparation
    rates = (header.fps, header.source_fps, header.source_frames)
    if preparation.feature_map.kind == "position":
        return at_source_rate(None, decoded_positions(codec, recording), *rates)[1]
    root = recording.tokens.get(ROOT)
    path = None if root is None else preparation.root.decode(root)
    rotations, places = preparation.rotations(all_features(codec, recording), path)
    if path is None:
        places = np.zeros_like(places)  # a root that is removed is at the origin when scored
    turned, placed = at_source_rate(rotations, places, *rates)
    assert turned is not None
    bones = preparation.own_bones(header.offsets)
    return forward_kinematics(preparation.skeleton.parents, bones, turned, placed)[0]


def _scores(codec: ExportedCodec, clip: SplitClip, decoded: np.ndarray, fps: float) -> Scores:
    return score_clip(pair_of(codec.preparation, clip, decoded, fps))
