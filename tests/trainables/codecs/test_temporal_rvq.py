"""Temporal RVQ: the codec contract, and what time adds."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from search_spaces.families import complete
from search_spaces.space import Config, Value
from trainables.codecs.contract import (
    CodecContract,
    chain_geometry,
    part_data,
    structured_recordings,
)
from trainables.codecs.temporal_rvq import TemporalRVQCodec
from trainables.motion.part_data import PartData
from trainables.networks.temporal_resnet import receptive_reach
from trainables.runtime import PlainRuntime

CONFIG: Config = {
    "codec": "temporal_rvq", "codebook_size": 8, "quantizer_depth": 3, "hidden_dim": 24,
    "latent_dim": 8, "batch_frames": 256, "max_steps": 30, "learning_rate": 8e-3, "decay": 0.9,
    "compression": 4, "window": 32,
}  # fmt: skip


class TestTemporalRVQContract(CodecContract):
    config: ClassVar[Config] = CONFIG


def _data(*lengths: int) -> PartData:
    rng = np.random.default_rng(0)
    recordings = structured_recordings(lengths or (150, 90), 9, rng)
    return part_data("body", recordings, chain_geometry(3, rng))


def _fitted(data: PartData, **changes: Value) -> TemporalRVQCodec:
    config = complete({**CONFIG, **changes})
    codec = TemporalRVQCodec(config, "body", data.dimensions, data.fps, 0)
    codec.fit(data, PlainRuntime())
    return codec


@pytest.mark.parametrize("compression", [1, 2, 8])
def test_a_tail_is_coded_by_its_last_frame_and_cut_again(compression: int) -> None:
    data = _data()
    codec = _fitted(data, compression=compression, max_steps=5)
    frames = 5 * compression + 1
    recording = data.features[:frames]
    filled = np.concatenate([recording, np.repeat(recording[-1:], compression - 1, 0)])
    tokens = codec.encode(recording)
    assert tokens.indices.shape == (6, 3)
    assert np.array_equal(tokens.indices, codec.encode(filled).indices)
    assert codec.decode(tokens).shape == (frames, 9)
    assert np.array_equal(codec.decode(tokens), codec.decode(codec.encode(filled))[:frames])


def test_far_frames_do_not_touch_a_token() -> None:
    data = _data()
    codec = _fitted(data, max_steps=5)
    tokens = codec.encode(data.features).indices
    other = data.features.copy()
    other[150:] += 3.0
    changed = codec.encode(other).indices
    safe = (150 - receptive_reach(4)) // 4
    assert np.array_equal(tokens[:safe], changed[:safe])
    assert not np.array_equal(tokens, changed)


def test_filled_windows_teach_nothing() -> None:
    # What fills windows longer than their recordings has no code: the moving averages of use count
    # real tokens alone.
    data = _data(20, 20, 20)
    codec = _fitted(data, window=64, dead_code_share=0.0)
    assert codec._model is not None
    counts = [float(b.cluster_size.sum()) for b in codec._model.quantizer._books]
    real = 4 * 5  # four windows a batch, of five tokens each
    # Counts start at the size of a filled batch and decay to that of the real tokens.
    assert counts == pytest.approx([real + (64 - real) * 0.9**30] * 3, rel=0.02)


def test_time_helps_smooth_motion() -> None:
    data = _data(400, 300)
    near, far = (_fitted(data, compression=c, max_steps=60) for c in (2, 8))
    errors = [
        float(((c.decode(c.encode(data.features[:400])) - data.features[:400]) ** 2).mean())
        for c in (near, far)
    ]
    variance = float(data.features.var(0).mean())
    assert errors[0] < errors[1] < 0.8 * variance
