"""A codec cut to its first levels codes and decodes as the whole one does there."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainables.exported.training import Trained
from trainables.exported.first_levels import FirstLevels, at_depths


@pytest.mark.parametrize("name", ["rqvae", "temporal_rvq"])
def test_the_first_levels_of_a_codec(name: str, trained: dict[str, Trained]) -> None:
    given = trained[name]
    (clip,) = given.data.splits["test"]
    whole = given.codec.codecs["body"]
    features = clip.features["body"]
    for depth in range(1, whole.levels):
        short = FirstLevels(whole, depth)
        assert (short.levels, short.compression) == (depth, whole.compression)
        assert short.alphabet == whole.alphabet[:depth] and short.config == whole.config
        tokens = short.encode(features)
        assert np.array_equal(tokens.indices, whole.encode(features).indices[:, :depth])
        expected = whole.decode(whole.encode(features), depth)
        for asked in (None, depth, whole.levels):
            assert np.array_equal(short.decode(tokens, asked), expected)
            blocks = list(short.decode_blocks(tokens, asked, 16))
            assert np.array_equal(np.concatenate(blocks), expected)
    for depth in (0, whole.levels + 1):
        with pytest.raises(ValueError, match="depth must be from 1"):
            FirstLevels(whole, depth)


def test_a_codec_at_its_own_depth_is_itself(trained: dict[str, Trained]) -> None:
    codec = trained["rqvae"].codec
    assert codec.coding == dict(codec.codecs)
    parts = list(codec.codecs)
    depths = {**codec.depths, parts[0]: 1}
    cut = at_depths(codec.codecs, depths)
    assert [c.levels for c in cut.values()] == list(depths.values())
    assert cut[parts[1]] is codec.codecs[parts[1]]
