"""A motion file through an exported codec: to tokens, to bytes, and back to motion.

What is encoded goes through the codec's own preparation, so a recording of the sweep gives exactly
the tokens and the motion that its trial stored. What is decoded comes in blocks, so that an hour
takes the memory of a block.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.units import UNIT_WORDS
from trainables.bitstream.container import Header, Start
from trainables.bitstream.header import STARTS_PER_UNIT
from trainables.bitstream.recording import ROOT, pack
from trainables.codecs.codec import Tokens
from trainables.exported.codec_folder import ExportedCodec
from trainables.motion.bvh_writer import BvhWriter
from trainables.motion.clip import Clip
from trainables.motion.npz import write_npz
from trainables.motion.preparation import SplitClip
from trainables.motion.resample import Block, stream_at_source_rate
from trainables.motion.root import RootPath, put_back_root
from trainables.motion.skeleton import Skeleton, forward_kinematics
from trainables.streams import recording_header

ROTATIONS_SUFFIX, POSITIONS_SUFFIX = ".bvh", ".npz"
BLOCK_FRAMES = 2048
"""Frames that are decoded at a time."""


@dataclass(frozen=True, eq=False)
class CodedRecording:
    """One recording as tokens, and all else that its file says.

    Attributes:
        header: of its file.
        tokens: part (and `root`) -> (tokens, levels) int32.
    """

    header: Header
    tokens: Mapping[str, np.ndarray]

    def pack(self, codec: ExportedCodec) -> bytes:
        """Its file."""
        return pack(self.header, self.tokens, codec.models)


def encode_clip(
    codec: ExportedCodec, clip: Clip, *, scored: bool = True
) -> tuple[CodedRecording, SplitClip]:
    """A recording as read from its file -> tokens, and what they were made of.

    Args:
        codec: whose tokens.
        clip: the recording.
        scored: whether to keep the original to score against.

    Raises:
        BadInput: the codec's skeleton does not fit, or the recording is in another unit.
    """
    brought = codec.preparation.bring(clip)
    ready = codec.preparation.split_clip(brought, scored=scored)
    tokens = {part: c.encode(ready.features[part]).indices for part, c in codec.coding.items()}
    if ready.root_tokens is not None:
        tokens[ROOT] = ready.root_tokens
    header = recording_header(
        codec.preparation,
        ready,
        tokens,
        codec.models,
        codec.compression,
        source_frames=clip.frames,
        codec=codec.identity or bytes(8),
        skeleton=codec.skeleton_identity,
    )
    return CodedRecording(header, tokens), ready


def check_fits(codec: ExportedCodec, header: Header) -> None:
    """Raises BadInput where a file is not of this codec."""
    if header.codec_hash != codec.identity:
        raise BadInput(
            f"was encoded with the codec {header.codec_hash.hex()}, this one is "
            f"{codec.identity.hex()}; give the codec that it was encoded with"
        )
    streams = {s.part: s for s in codec.streams}
    for part in header.parts:
        known = streams.get(part.name)
        if (
            known is None
            or known.compression != part.compression
            or part.alphabet != known.alphabet
        ):
            raise BadInput(f"its part {part.name!r} is not of this codec; encode it again")
    if list(streams) != [p.name for p in header.parts]:
        raise BadInput(
            f"its parts are not {', '.join(streams)} in this order, as the codec's; encode it again"
        )
    if (header.start is not None) != codec.preparation.root_coded:
        raise BadInput(
            "it says otherwise than the codec whether the root is coded; encode it again"
        )
    joints = len(codec.preparation.skeleton)
    if header.offsets is not None and len(header.offsets) != joints:
        raise BadInput(
            f"has bones of {len(header.offsets)} joints, the codec has {joints}; encode it again"
        )
    if header.skeleton_hash != codec.skeleton_identity:
        raise BadInput("is of another skeleton than the codec; encode it again")
    if header.unit != codec.preparation.unit:
        raise BadInput(
            f"is in {UNIT_WORDS[header.unit]}, this codec's motion in "
            f"{UNIT_WORDS[codec.preparation.unit]}; encode it again"
        )
    if abs(header.fps - codec.preparation.coded_fps) > 1e-6 * header.fps:
        raise BadInput(f"is of {header.fps:g} fps, not of this codec's rate; encode it again")


def decoded_features(
    codec: ExportedCodec, recording: CodedRecording
) -> Iterator[dict[str, np.ndarray]]:
    """Part -> features (n, dimensions) float32, block after block."""
    frames = recording.header.frames
    streams = []
    for part, c in codec.codecs.items():
        indices = recording.tokens[part]
        levels = indices.shape[1]
        tokens = Tokens(indices, c.alphabet[:levels], c.fps / c.compression, frames)
        streams.append(_regular(c.decode_blocks(tokens, levels, BLOCK_FRAMES)))
    for blocks in zip(*streams, strict=True):
        yield dict(zip(codec.codecs, blocks, strict=True))


def all_features(codec: ExportedCodec, recording: CodedRecording) -> dict[str, np.ndarray]:
    """Part -> features (frames, dimensions) float32 of the whole recording."""
    blocks = list(decoded_features(codec, recording))
    return {part: np.concatenate([block[part] for block in blocks]) for part in codec.codecs}


def decoded_positions(codec: ExportedCodec, recording: CodedRecording) -> np.ndarray:
    """Positions (frames, joints, 3) at the codec's rate and in its unit, as a trial scores them."""
    offsets = codec.preparation.own_bones(recording.header.offsets)
    root = recording.tokens.get(ROOT)
    return codec.preparation.positions(all_features(codec, recording), offsets, root)


def write_motion(codec: ExportedCodec, recording: CodedRecording, out: Path) -> None:
    """Writes decoded motion at the source's rate and length: BVH, or npz of positions.

    Raises:
        BadInput: the suffix does not fit what the codec codes, or the file cannot be written.
    """
    check_suffix(codec, out)
    header = recording.header
    usual = codec.preparation.skeleton
    skeleton = usual.with_offsets(codec.preparation.own_bones(header.offsets))
    blocks = stream_at_source_rate(
        _motion(codec, recording), header.fps, header.source_fps, header.source_frames
    )
    if motion_suffix(codec) == ROTATIONS_SUFFIX:
        with BvhWriter(out, skeleton, header.source_fps, header.source_frames) as writer:
            for turned, placed in blocks:
                assert turned is not None
                writer.write(turned, placed)
        return
    positions = np.concatenate([_placed(skeleton, *block) for block in blocks])
    mask = _decoded_joints(codec, len(positions))
    if mask is not None:
        positions[~mask] = np.nan
    clip = Clip(out.stem, skeleton, header.source_fps, positions, mask=mask, unit=header.unit)
    part = out.with_name(f".{out.stem}.part-{os.getpid()}.npz")
    try:
        write_npz(clip, part)
        part.replace(out)
    except OSError as error:
        why = error.strerror or error
        raise BadInput(f"{out}: cannot be written ({why}); choose another place") from None
    finally:
        part.unlink(missing_ok=True)


def motion_suffix(codec: ExportedCodec) -> str:
    """Of the files that decoded motion is written to: BVH knows rotations on bones in metres."""
    preparation = codec.preparation
    rotations = preparation.feature_map.kind != "position" and preparation.unit == "m"
    return ROTATIONS_SUFFIX if rotations else POSITIONS_SUFFIX


def check_suffix(codec: ExportedCodec, out: Path) -> None:
    """Raises BadInput where a file is not named as what the codec codes is written."""
    wanted = motion_suffix(codec)
    if out.suffix.lower() != wanted:
        what = "rotations" if wanted == ROTATIONS_SUFFIX else "positions only"
        if codec.preparation.unit != "m":
            what = f"motion in {UNIT_WORDS[codec.preparation.unit]}"
        raise BadInput(f"{out}: this codec codes {what}; name the file to write *{wanted}")


def _decoded_joints(codec: ExportedCodec, frames: int) -> np.ndarray | None:
    """(frames, joints) bool, False for joints of which the codec knows nothing; None for all.

    Those that training never showed have no place, and none is made up for them.
    """
    unseen = sorted(codec.preparation.feature_map.unseen)
    if not unseen:
        return None
    mask = np.ones((frames, len(codec.preparation.skeleton)), bool)
    mask[:, unseen] = False
    return mask


def _placed(skeleton: Skeleton, rotations: np.ndarray | None, positions: np.ndarray) -> np.ndarray:
    """Positions (frames, joints, 3) of a block."""
    if rotations is None:
        return positions
    return forward_kinematics(skeleton.parents, skeleton.offsets, rotations, positions)[0]


def _motion(codec: ExportedCodec, recording: CodedRecording) -> Iterator[Block]:
    """World motion at the codec's rate, block after block."""
    preparation = codec.preparation
    header = recording.header
    offsets = codec.preparation.own_bones(header.offsets)
    root = recording.tokens.get(ROOT)
    path = None if root is None else preparation.root.decode(root)
    if path is not None and header.start is not None:
        begin = Start(*header.start)
        per = STARTS_PER_UNIT[header.unit]
        start = (begin.x_cm / per, begin.z_cm / per, begin.heading)
        path = replace(path, start=start, lift=header.lift / per).in_the_world()
    at = 0
    for features in decoded_features(codec, recording):
        frames = len(next(iter(features.values())))
        here = slice(at, at + frames)
        own = path and RootPath(path.position[here], path.heading[here])
        at += frames
        if preparation.feature_map.kind != "position":
            yield preparation.rotations(features, own)
            continue
        positions = preparation.feature_map.decode(features, offsets)
        if own is None:
            positions[..., 1] += preparation.root.height
        else:
            positions = put_back_root(positions, own)
        yield None, positions


def _regular(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Blocks of `BLOCK_FRAMES` whatever lengths come, so that parts can go side by side."""
    held: list[np.ndarray] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block)
        while count >= BLOCK_FRAMES:
            joined = np.concatenate(held)
            yield joined[:BLOCK_FRAMES]
            held, count = [joined[BLOCK_FRAMES:]], count - BLOCK_FRAMES
    if count:
        yield np.concatenate(held)
