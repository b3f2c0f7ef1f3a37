"""A recording through an exported codec and the bytes of a file, and where it then is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trainables.bitstream.container import read_container
from trainables.bitstream.recording import unpack
from trainables.exported.codec_folder import ExportedCodec
from trainables.exported.transcode import (
    CodedRecording,
    check_fits,
    decoded_positions,
    encode_clip,
)
from trainables.motion.clip import Clip
from trainables.motion.root import RootPath, put_back_root


def through_a_file(codec: ExportedCodec, clip: Clip) -> tuple[CodedRecording, CodedRecording]:
    """A recording as it was encoded, and as it comes back from the bytes of its file."""
    encoded, _ = encode_clip(codec, clip)
    container = read_container(encoded.pack(codec))
    check_fits(codec, container.header)
    tokens = unpack(container.header, container.chunks, codec.models)
    return encoded, CodedRecording(container.header, tokens)


def in_the_world(codec: ExportedCodec, decoded: CodedRecording) -> np.ndarray:
    """Decoded positions at the codec's rate where the header says that they start."""
    poses = decoded_positions(codec, without_root(decoded))
    root = decoded.tokens.get("root")
    if root is None:
        return np.asarray(poses + np.array([0.0, codec.preparation.root.height, 0.0]))
    path = codec.preparation.root.decode(root)
    x, z, turn = decoded.header.start or (0, 0, 0)
    start = (x / 100, z / 100, 2 * np.pi * turn / 65536)
    return put_back_root(poses, RootPath(path.position, path.heading, start).in_the_world())


def without_root(decoded: CodedRecording) -> CodedRecording:
    return replace(decoded, tokens={p: t for p, t in decoded.tokens.items() if p != "root"})
