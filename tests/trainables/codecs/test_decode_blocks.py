"""Decoding in blocks: which codecs can be cut, and which are left whole."""

from __future__ import annotations

import numpy as np
import pytest

from search_spaces.families import complete
from trainables.codecs.bounds import MeanPose
from trainables.codecs.codec import Codec, Tokens
from trainables.codecs.contract import chain_geometry, part_data, structured_recordings
from trainables.codecs.kmeans import KMeansCodec
from trainables.codecs.rqvae import RQVAECodec
from trainables.runtime import PlainRuntime

RNG = np.random.default_rng(0)
DATA = part_data("body", structured_recordings((200,), 9, RNG), chain_geometry(3, RNG))


class Smoothed(KMeansCodec):
    """A plugin's codec: a frame is the mean of its centre and the one before."""

    def decode(self, tokens: Tokens, depth: int | None = None) -> np.ndarray:
        centres = super().decode(tokens, depth)
        return (centres + np.concatenate([centres[:1], centres[:-1]])) / 2


class Doubled(Smoothed):
    """Inherits that decoding, and what it says of blocks."""


class ByItself(KMeansCodec):
    """Another decoding, which says how it is cut."""

    def decode(self, tokens: Tokens, depth: int | None = None) -> np.ndarray:
        return -super().decode(tokens, depth)

    decode_blocks = KMeansCodec.decode_blocks


def _fitted(kind: type[KMeansCodec]) -> KMeansCodec:
    config = complete({"codec": "kmeans", "codebook_size": 8})
    codec = kind(config, "body", DATA.dimensions, DATA.fps, 0)
    codec.fit(DATA, PlainRuntime())
    return codec


def _blocks(codec: Codec) -> list[np.ndarray]:
    tokens = codec.encode(DATA.features)
    blocks = list(codec.decode_blocks(tokens, frames=64))
    assert np.array_equal(np.concatenate(blocks), codec.decode(tokens))
    return blocks


def test_a_codec_that_decodes_across_frames_is_not_cut_unless_it_says_how() -> None:
    assert [len(b) for b in _blocks(_fitted(Smoothed))] == [200]
    assert [len(b) for b in _blocks(_fitted(Doubled))] == [200]
    assert [len(b) for b in _blocks(MeanPose(DATA))] == [200]


def test_codecs_of_frames_are_cut() -> None:
    small = {"codebook_size": 4, "quantizer_depth": 2, "hidden_dim": 16, "max_steps": 2}
    rqvae = RQVAECodec(complete({"codec": "rqvae", **small}), "body", DATA.dimensions, DATA.fps, 0)
    rqvae.fit(DATA, PlainRuntime())
    for codec in (_fitted(KMeansCodec), _fitted(ByItself), rqvae):
        assert [len(b) for b in _blocks(codec)] == [64, 64, 64, 8]
        tokens = codec.encode(DATA.features)
        with pytest.raises(ValueError, match="at least 1 frame, got 0"):
            list(codec.decode_blocks(tokens, frames=0))
        with pytest.raises(ValueError, match=r"level|depth"):
            list(codec.decode_blocks(tokens, depth=9))
