"""RQ-VAE: the codec contract, and training's own promises."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from search_spaces.errors import BadInput
from search_spaces.families import complete
from search_spaces.space import Config, Value
from trainables.codecs.contract import (
    CodecContract,
    chain_geometry,
    part_data,
    structured_recordings,
)
from trainables.codecs.rqvae import RQVAECodec
from trainables.motion.part_data import PartData
from trainables.runtime import PlainRuntime

CONFIG: Config = {
    "codec": "rqvae", "codebook_size": 8, "quantizer_depth": 3, "hidden_dim": 32,
    "latent_dim": 8, "batch_frames": 128, "max_steps": 30, "learning_rate": 8e-3, "decay": 0.9,
}  # fmt: skip


class TestRQVAEContract(CodecContract):
    config: ClassVar[Config] = CONFIG


def _data(seed: int = 0) -> PartData:
    rng = np.random.default_rng(seed)
    return part_data("body", structured_recordings((200, 90), 9, rng), chain_geometry(3, rng))


def _new(data: PartData, seed: int = 0, **changes: Value) -> RQVAECodec:
    config = complete({**CONFIG, **changes})
    return RQVAECodec(config, "body", data.dimensions, data.fps, seed)


def test_a_frames_code_does_not_depend_on_its_neighbours() -> None:
    data = _data()
    codec = _new(data)
    codec.fit(data, PlainRuntime())
    whole = codec.encode(data.features)
    decoded = codec.decode(whole)
    for frame in (0, 100, 289):
        alone = codec.encode(data.features[frame : frame + 1])
        assert np.array_equal(alone.indices[0], whole.indices[frame])
        assert np.allclose(codec.decode(alone)[0], decoded[frame], atol=1e-6)


def test_longer_recordings_than_a_block_are_coded_alike() -> None:
    data = _data()
    codec = _new(data)
    codec.fit(data, PlainRuntime())
    once, often = codec.encode(data.features), codec.encode(np.tile(data.features, (9, 1)))
    assert len(often.indices) > 2048
    assert np.array_equal(often.indices, np.tile(once.indices, (9, 1)))
    assert np.allclose(codec.decode(often), np.tile(codec.decode(once), (9, 1)), atol=1e-6)


def test_the_budget_is_passes_up_to_a_cap() -> None:
    data = _data()
    assert _new(data, epochs=3, max_steps=1000).batches(data, 1).steps == 7  # 3 x 290 / 128
    assert _new(data, epochs=3, max_steps=5).batches(data, 1).steps == 5


def test_the_loss_is_its_weighted_parts() -> None:
    data = _data()
    weights = {"loss.angle": 0.5, "loss.position": 2.0, "commitment": 0.1}
    losses = _new(data, **weights).fit(data, PlainRuntime(), until=0.2)
    expected = (
        0.5 * losses["loss.angle"] + 2 * losses["loss.position"] + 0.1 * losses["loss.commitment"]
    )
    assert losses["loss"] == pytest.approx(expected, rel=1e-4)
    assert "loss.position" not in _new(data).fit(data, PlainRuntime(), until=0.2)


def test_a_position_loss_alone_learns_positions() -> None:
    data = _data()
    codec = _new(data, max_steps=80, **{"loss.angle": 0.0, "loss.position": 1.0})
    first = codec.fit(data, PlainRuntime(), until=0.1)
    last = codec.fit(data, PlainRuntime())
    assert last["loss.position"] < 0.5 * first["loss.position"]


def test_shares_and_resuming_are_exact_with_positions_and_redrawn_codes() -> None:
    data = _data()
    options: Config = {"loss.position": 1.0, "dead_code_share": 0.25, "max_steps": 16}
    whole, first, second = (_new(data, **options) for _ in range(3))
    whole.fit(data, PlainRuntime())
    first.fit(data, PlainRuntime(), until=0.4)
    second.load_training_state(first.training_state())
    for codec in (first, second):
        codec.fit(data, PlainRuntime())
        for name, array in whole.arrays().items():
            assert np.array_equal(array, codec.arrays()[name]), f"{name} differs"


def test_weights_may_differ_by_part() -> None:
    data = _data()
    codec = _new(data, **{"latent_dim.body": 5, "latent_dim.right_hand": 3})
    codec.fit(data, PlainRuntime(), until=0.1)
    assert codec.arrays()["codebooks"].shape == (3, 8, 5)


def test_divergence_is_said() -> None:
    data = _data()
    codec = _new(data)
    data.features[3, 2] = np.inf
    with pytest.raises(FloatingPointError, match="body diverged"):
        codec.fit(data, PlainRuntime())


def test_weights_of_another_configuration_are_refused() -> None:
    data = _data()
    codec = _new(data)
    codec.fit(data, PlainRuntime(), until=0.1)
    for change in ({"hidden_dim": 16}, {"codebook_size": 4}, {"quantizer_depth": 2}):
        with pytest.raises(BadInput, match="do not fit the configuration of body"):
            _new(data, **change).load_arrays(codec.arrays())


def test_an_untrained_codec_codes_nothing() -> None:
    data = _data()
    with pytest.raises(RuntimeError, match="not trained"):
        _new(data).encode(data.features)
    assert _new(data).training_state() == {}


class _Gloo(PlainRuntime):
    """One of two workers."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank, self.world_size = rank, 2

    def average(self, tensors: Iterable[Any]) -> None:
        for tensor in tensors:
            torch.distributed.all_reduce(tensor)
            tensor /= 2


def _work(rank: int, store: str, folder: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2
    )
    data = _data()
    codec = _new(data, dead_code_share=0.25)
    codec.fit(data, _Gloo(rank), until=0.5)
    losses = codec.fit(data, _Gloo(rank))
    np.savez(f"{folder}/{rank}.npz", loss=losses["loss"], **codec.arrays())


def test_two_workers_train_one_codec(tmp_path: Path) -> None:
    # Forked, so that the library's own memory of "is torch.distributed up?" comes from this process
    # and says no: the codebooks are synchronised all the same.
    alone = _new(_data(), dead_code_share=0.25)
    alone.fit(_data(), PlainRuntime(), until=0.5)
    lone_loss = alone.fit(_data(), PlainRuntime())["loss"]
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_work, args=(r, str(tmp_path / "store"), str(tmp_path)))
        for r in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    first, second = np.load(tmp_path / "0.npz"), np.load(tmp_path / "1.npz")
    for name in first.files:
        assert np.array_equal(first[name], second[name]), f"{name} differs between workers"
    # The order of sums is all that differs from one worker with the whole batch.
    assert float(first["loss"]) == pytest.approx(lone_loss, rel=1e-5)
    for name, array in alone.arrays().items():
        assert np.allclose(first[name], array, rtol=0, atol=1e-5), name
