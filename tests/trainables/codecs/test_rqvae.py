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
from search_spaces.quantizers import QUANTIZER_BACKENDS
from search_spaces.space import Config, Value
from trainables.codecs.contract import (
    CodecContract,
    chain_geometry,
    part_data,
    structured_recordings,
)
from trainables.codecs.kmeans import KMeansCodec
from trainables.codecs.rqvae import RQVAECodec, principal
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
    options: Config = {"loss.angle": 0.0, "loss.position": 1.0, "network_start": "random"}
    codec = _new(data, max_steps=80, **options)
    first = codec.fit(data, PlainRuntime(), until=0.1)
    last = codec.fit(data, PlainRuntime())
    assert last["loss.position"] < 0.5 * first["loss.position"]


def test_shares_and_resuming_are_exact_with_positions_and_redrawn_codes() -> None:
    data = _data()
    options: Config = {
        "loss.position": 1.0, "dead_code_share": 0.25, "max_steps": 16, "decoder_share": 0.5,
        "linear_path": True, "network_start": "principal",
    }  # fmt: skip
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


def _error(codec: RQVAECodec | KMeansCodec, data: PartData) -> float:
    decoded = codec.decode(codec.encode(data.features))
    return float(np.sqrt(((decoded - data.features) ** 2).mean()))


def test_one_level_trains_to_within_a_few_per_cent_of_kmeans() -> None:
    data = _data()
    few: Config = {"codebook_size": 16, "feature_scaling": "none"}
    bound = KMeansCodec(complete({"codec": "kmeans", **few}), "body", 9, data.fps, 0)
    bound.fit(data, PlainRuntime())
    shape: Config = {"hidden_dim": 64, "latent_dim": 16, "max_steps": 30, "quantizer_depth": 1}
    for start, low, high in (("principal", 0.9, 1.08), ("random", 1.2, 9.0)):
        given: Config = {"codec": "rqvae", **few, **shape, "network_start": start}
        codec = RQVAECodec(complete(given), "body", 9, data.fps, 0)
        codec.fit(data, PlainRuntime())
        assert low < _error(codec, data) / _error(bound, data) < high, start


@pytest.mark.parametrize("path", [False, True])
def test_principal_networks_start_from_distances_between_features(path: bool) -> None:
    data = _data()
    options: Config = {"network_start": "principal", "linear_path": path, "max_steps": 1}
    codec = _new(data, hidden_dim=64, latent_dim=12, learning_rate=1e-6, **options)
    codec.fit(data, PlainRuntime())
    scaled = codec.scaled(data.features[:50])
    with torch.no_grad():
        latents = codec.latents(codec.model, scaled)
        again = codec.reconstruction(codec.model, latents)
    assert torch.allclose(latents @ latents.T, scaled @ scaled.T, atol=1e-2)
    assert torch.allclose(again, scaled, atol=1e-3)


def test_principal_components_are_those_of_scaled_features() -> None:
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(40_000, 4)) @ rng.normal(size=(4, 4))).astype(np.float32)
    mean, scale = features.mean(0), np.array([1, 2, 3, 4], np.float32)
    components, spread = principal(features, mean, scale)
    _, values, rows = np.linalg.svd((features - mean) / scale, full_matrices=False)
    assert np.allclose(spread, values / np.sqrt(len(features)), rtol=1e-3)
    assert np.allclose(np.abs((components * rows).sum(1)), 1, atol=1e-4)
    assert (np.take_along_axis(components, np.abs(components).argmax(1)[:, None], 1) > 0).all()


def test_at_the_end_the_decoder_learns_alone() -> None:
    data = _data()
    codec = _new(data, max_steps=10, decoder_share=0.5)
    codec.fit(data, PlainRuntime(), until=0.5)
    half = codec.arrays()
    last = codec.fit(data, PlainRuntime())
    assert last["loss.commitment"] == 0 and last["loss"] == pytest.approx(last["loss.angle"])
    for name, array in codec.arrays().items():
        stays = not name.startswith("decoder.")
        assert np.array_equal(array, half[name]) is stays, name


def test_a_decoder_alone_sees_prefixes_where_levels_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = _data()
    for dropout, expected in ((0.0, {3}), (0.5, {1, 2, 3})):
        codec = _new(data, max_steps=30, decoder_share=0.8, quantizer_dropout=dropout)
        codec.fit(data, PlainRuntime(), until=0.1)
        quantizer, seen = codec.model.quantizer, []
        decode = quantizer.decode

        def spied(indices: torch.Tensor, depth: int | None = None) -> torch.Tensor:
            seen.append(depth)  # noqa: B023
            return decode(indices, depth)  # noqa: B023

        monkeypatch.setattr(quantizer, "decode", spied)
        codec.fit(data, PlainRuntime())
        assert set(seen) == expected and len(seen) == 24


@pytest.mark.parametrize(
    "change", [{"network_start": "random"}, {"linear_path": True}, {"decoder_share": 0.5}]
)
def test_each_way_to_train_changes_what_is_learnt(change: Config) -> None:
    data = _data()
    base: Config = {"network_start": "principal", "decoder_share": 0.0}
    plain, changed = _new(data, **base), _new(data, **{**base, **change})
    for codec in (plain, changed):
        codec.fit(data, PlainRuntime(), until=0.7)
    assert _error(plain, data) != _error(changed, data)


def test_a_configuration_from_before_these_keys_trains_as_it_did() -> None:
    data = _data()
    before: Config = {"network_start": "random", "linear_path": False, "decoder_share": 0.0}
    codec = _new(data, rotation_trick=True, **before)
    old = {k: v for k, v in codec.config.items() if k not in {*before, "rotation_trick"}}
    other = RQVAECodec(old, "body", data.dimensions, data.fps, 0)
    for each in (codec, other):
        each.fit(data, PlainRuntime())
    for name, array in codec.arrays().items():
        assert np.array_equal(other.arrays()[name], array), name


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


def _work(rank: int, store: str, folder: str, backend: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2
    )
    data = _data()
    codec = _new(data, dead_code_share=0.25, quantizer_backend=backend)
    codec.fit(data, _Gloo(rank), until=0.5)
    losses = codec.fit(data, _Gloo(rank))
    np.savez(f"{folder}/{rank}.npz", loss=losses["loss"], **codec.arrays())


@pytest.mark.parametrize("backend", QUANTIZER_BACKENDS)
def test_two_workers_train_one_codec(tmp_path: Path, backend: str) -> None:
    # Forked, so that the library's own memory of "is torch.distributed up?" comes from this process
    # and says no: the codebooks are synchronised all the same.
    alone = _new(_data(), dead_code_share=0.25, quantizer_backend=backend)
    alone.fit(_data(), PlainRuntime(), until=0.5)
    lone_loss = alone.fit(_data(), PlainRuntime())["loss"]
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_work, args=(r, str(tmp_path / "store"), str(tmp_path), backend))
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


def test_losses_are_prepared_once_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    prepare = RQVAECodec._step_losses

    def counted(codec: RQVAECodec, data: PartData, model: Any) -> Any:
        made.append(data)
        return prepare(codec, data, model)

    monkeypatch.setattr(RQVAECodec, "_step_losses", counted)
    data, codec = _data(), _new(_data())
    for until in (0.2, 0.5, 1.0):
        codec.fit(data, PlainRuntime(), until=until)
    assert len(made) == 1 and codec._losses is None
    codec = _new(data)
    codec.fit(data, PlainRuntime(), until=0.2)
    codec.load_training_state(codec.training_state())  # another network
    codec.fit(data, PlainRuntime(), until=0.5)
    codec.fit(_data(), PlainRuntime(), until=1.0)  # other data
    assert len(made) == 4
