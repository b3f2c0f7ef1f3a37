"""Temporal RVQ: the codec contract, and what time adds."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from search_spaces.families import complete
from search_spaces.space import Config, Value
from trainables.codecs.codec import load_codec
from trainables.codecs.contract import (
    CodecContract,
    chain_geometry,
    part_data,
    structured_recordings,
)
from trainables.codecs.neural import blockwise
from trainables.codecs.segments import SEGMENT, Context, segments
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


def _untrained(compression: int) -> TemporalRVQCodec:
    """Random networks and 64 codes a level, which need no training."""
    changes: Config = {"compression": compression, "codebook_size": 64, "max_steps": 1}
    return _fitted(_data(), **changes)


def _latents(codec: TemporalRVQCodec, features: np.ndarray) -> torch.Tensor:
    """Latents of a recording, as `encode` comes to them."""
    tokens = -(-len(features) // codec.compression)
    parts = segments(tokens, codec.compression, codec.context().encoder)
    return torch.cat([codec._encode_segment(features, part) for part in parts])


def _recording(frames: int) -> np.ndarray:
    return structured_recordings((frames,), 9, np.random.default_rng(4))[0]


@pytest.mark.parametrize("compression", [1, 4])
@pytest.mark.parametrize("frames", [40, SEGMENT])
def test_up_to_one_segment_the_network_runs_once_over_everything(
    compression: int, frames: int
) -> None:
    codec, features = _untrained(compression), _recording(frames)
    model = codec.model.eval()
    tokens = codec.encode(features)
    with torch.no_grad():
        latents = model.encoder(codec.scaled(features)[None])[0]
        indices = blockwise(model.quantizer.indices, latents).numpy()
        codes = model.quantizer.decode(torch.from_numpy(tokens.indices.astype(np.int64)), 2)
        decoded = model.decoder(codes[None])[0] * model.scale + model.mean
    assert torch.equal(_latents(codec, features), latents)
    assert np.array_equal(tokens.indices, indices)
    assert np.array_equal(codec.decode(tokens, 2), decoded.numpy())


@pytest.mark.parametrize("compression", [1, 2, 4, 8])
def test_segments_are_the_whole_up_to_rounding(
    compression: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec, features = _untrained(compression), _recording(2 * SEGMENT + 803)
    latents, tokens = _latents(codec, features), codec.encode(features)
    decoded = codec.decode(tokens)
    monkeypatch.setattr(TemporalRVQCodec, "context", lambda self: Context())
    whole, again = _latents(codec, features), codec.encode(features).indices
    assert float((latents - whole).abs().max()) < 1e-5
    assert np.abs(decoded - codec.decode(tokens)).max() < 1e-5
    assert len(np.unique(again)) > 8
    books = codec.arrays()["codebooks"].astype(np.float64)
    for row in np.nonzero((tokens.indices != again).any(1))[0]:
        # Only a tie, within rounding, may fall to the other code; later levels then follow it.
        level = int(np.nonzero(tokens.indices[row] != again[row])[0][0])
        left = whole[row].numpy() - sum(books[i, again[row, i]] for i in range(level))
        gaps = ((left - books[level]) ** 2).sum(1)
        assert abs(gaps[tokens.indices[row, level]] - gaps[again[row, level]]) < 1e-4


@pytest.mark.parametrize("frames", [301, 450])
def test_many_short_segments_are_the_whole_too(
    frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec, features = _untrained(4), _recording(frames)
    whole = _latents(codec, features)
    tokens = codec.encode(features)
    decoded = codec.decode(tokens)
    monkeypatch.setattr("trainables.codecs.segments.SEGMENT", 32)  # less than the networks look at
    assert float((_latents(codec, features) - whole).abs().max()) < 1e-5
    assert np.abs(codec.decode(tokens) - decoded).max() < 1e-5
    blocks = list(codec.decode_blocks(tokens, frames=100))
    assert np.array_equal(np.concatenate(blocks), codec.decode(tokens))


def test_a_network_never_sees_more_than_a_segment_and_its_context() -> None:
    codec = _untrained(4)
    seen: dict[str, list[int]] = {"encoder": [], "decoder": []}
    for name, lengths in seen.items():
        getattr(codec.model, name).register_forward_hook(
            lambda _, x, __, lengths=lengths: lengths.append(x[0].shape[1])
        )
    blocks = codec.decode_blocks(codec.encode(_recording(5 * SEGMENT)))
    assert seen["encoder"] == [SEGMENT + 28, *[SEGMENT + 56] * 3, SEGMENT + 28]
    assert not seen["decoder"]
    assert len(next(blocks)) == SEGMENT and seen["decoder"] == [SEGMENT // 4 + 7]
    assert sum(map(len, blocks)) == 4 * SEGMENT and max(seen["decoder"]) == SEGMENT // 4 + 14


def test_networks_of_unknown_reach_see_the_whole() -> None:
    class Smoothing(TemporalRVQCodec):
        def encoder(self) -> nn.Module:
            return nn.Sequential(super().encoder())

    data = _data()
    codec = Smoothing(complete({**CONFIG, "max_steps": 1}), "body", data.dimensions, data.fps, 0)
    codec.fit(data, PlainRuntime())
    assert codec.context() == Context(None, None)
    lengths: list[int] = []
    codec.model.encoder.register_forward_hook(lambda _, x, __: lengths.append(x[0].shape[1]))
    codec.encode(_recording(2 * SEGMENT))
    assert lengths == [2 * SEGMENT]


def test_a_trained_and_a_loaded_codec_agree_on_long_recordings(tmp_path: Path) -> None:
    codec, features = _untrained(4), _recording(SEGMENT + 501)
    codec.save(tmp_path)
    loaded = load_codec(tmp_path)
    tokens = codec.encode(features)
    assert np.array_equal(tokens.indices, loaded.encode(features).indices)
    assert np.array_equal(codec.decode(tokens), loaded.decode(tokens))
