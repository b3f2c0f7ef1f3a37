"""Every quantizer, and every way that codebooks can start, measure and revive, as a codec."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch

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

FRAMES: Config = {
    "codec": "rqvae", "codebook_size": 8, "quantizer_depth": 3, "hidden_dim": 32,
    "latent_dim": 8, "batch_frames": 128, "max_steps": 30, "learning_rate": 8e-3, "decay": 0.9,
}  # fmt: skip
WINDOWS: Config = {
    **FRAMES, "codec": "temporal_rvq", "hidden_dim": 24, "batch_frames": 256, "compression": 4,
    "window": 32,
}  # fmt: skip


class TestGroupedContract(CodecContract):
    config: ClassVar[Config] = {
        **FRAMES, "quantizer": "grouped_residual_vq", "groups": 2, "quantizer_depth": 2,
    }  # fmt: skip


class TestFusedContract(CodecContract):
    config: ClassVar[Config] = {
        **FRAMES, "quantizer": "grouped_residual_vq", "groups": 2, "quantizer_depth": 2,
        "quantizer_backend": "fused",
    }  # fmt: skip


@pytest.mark.long  # each contract is some seconds
class TestFusedGradientContract(CodecContract):
    config: ClassVar[Config] = {
        **FRAMES, "codebook_update": "gradient", "rotation_trick": False, "max_steps": 60,
        "quantizer_backend": "fused", "quantizer_dropout": 0.5,
    }  # fmt: skip


@pytest.mark.long  # each contract is some seconds
class TestFiniteScalarContract(CodecContract):
    config: ClassVar[Config] = {
        **FRAMES,
        "quantizer": "fsq",
        "quantizer_depth": 1,
        "max_steps": 120,
    }


class TestResidualFiniteScalarContract(CodecContract):
    config: ClassVar[Config] = {**FRAMES, "quantizer": "residual_fsq", "max_steps": 60}


@pytest.mark.long  # each contract is some seconds
class TestLookupFreeContract(CodecContract):
    config: ClassVar[Config] = {
        **FRAMES,
        "quantizer": "lfq",
        "quantizer_depth": 1,
        "max_steps": 120,
    }


@pytest.mark.long  # each contract is some seconds
class TestSimContract(CodecContract):
    config: ClassVar[Config] = {**FRAMES, "quantizer": "sim_vq"}


@pytest.mark.long  # each contract is some seconds
class TestCosineContract(CodecContract):
    config: ClassVar[Config] = {**FRAMES, "codebook_distance": "cosine"}


@pytest.mark.long  # each contract is some seconds
class TestAnchoredContract(CodecContract):
    config: ClassVar[Config] = {
        **FRAMES, "dead_codes": "cvq_probabilistic", "codebook_init": "random",
        "rotation_trick": False, "quantizer_dropout": 0.5, "optimiser": "adamw",
        "weight_decay": 0.01, "loss.geodesic": 0.5,
    }  # fmt: skip


@pytest.mark.long  # each contract is some seconds
class TestGradientContract(CodecContract):
    config: ClassVar[Config] = {
        **FRAMES, "codebook_update": "gradient", "rotation_trick": False, "max_steps": 60,
    }  # fmt: skip


@pytest.mark.long  # each contract is some seconds
class TestTemporalGroupedContract(CodecContract):
    config: ClassVar[Config] = {
        **WINDOWS, "quantizer": "grouped_residual_vq", "groups": 2, "quantizer_depth": 2,
    }  # fmt: skip


@pytest.mark.long  # each contract is some seconds
class TestTemporalResidualFiniteScalarContract(CodecContract):
    config: ClassVar[Config] = {**WINDOWS, "quantizer": "residual_fsq"}


def _data() -> PartData:
    rng = np.random.default_rng(0)
    return part_data("body", structured_recordings((200, 90), 9, rng), chain_geometry(3, rng))


def _new(**changes: Value) -> RQVAECodec:
    return RQVAECodec(complete({**FRAMES, **changes}), "body", 9, 30.0, 0)


def _fitted(**changes: Value) -> RQVAECodec:
    codec = _new(**changes)
    codec.fit(_data(), PlainRuntime())
    return codec


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ["codebooks"]),
        ({"quantizer": "grouped_residual_vq", "groups": 4}, ["codebooks"]),
        ({"quantizer": "residual_fsq"}, ["quantizer.project_in.weight"]),
        ({"quantizer": "fsq", "quantizer_depth": 1}, ["quantizer.project_out.bias"]),
        ({"quantizer": "lfq", "quantizer_depth": 1}, ["quantizer.mask"]),
        ({"quantizer": "sim_vq"}, ["quantizer.layers.2.code_transform.weight"]),
    ],
)
def test_shapes_are_known_before_anything_is_made(
    changes: dict[str, Value], said: list[str]
) -> None:
    before = torch.get_rng_state()
    shapes = _new(**changes).shapes()
    assert torch.equal(torch.get_rng_state(), before)
    arrays = _fitted(**changes, max_steps=1).arrays()
    assert shapes == {name: array.shape for name, array in arrays.items()}
    assert set(said) <= set(shapes)


def test_a_configuration_from_before_quantizers_codes_alike() -> None:
    codec = _fitted(rotation_trick=True)
    added = {
        "quantizer", "groups", "optimiser", "weight_decay", "loss.geodesic", "codebook_init",
        "codebook_distance", "rotation_trick", "quantizer_dropout", "dead_codes", "codebook_update",
    }  # fmt: skip
    assert added <= set(codec.config)
    old = RQVAECodec({k: v for k, v in codec.config.items() if k not in added}, "body", 9, 30.0, 0)
    old.fit(_data(), PlainRuntime())
    assert old.alphabet == codec.alphabet
    for name, array in codec.arrays().items():
        assert np.array_equal(old.arrays()[name], array), name


@pytest.mark.parametrize(
    "change",
    [
        {"quantizer": "sim_vq"},
        {"quantizer": "grouped_residual_vq", "groups": 2},
        {"codebook_distance": "cosine"},
        {"codebook_init": "random"},
        {"codebook_update": "gradient"},
        {"rotation_trick": True},
        {"quantizer_dropout": 0.5},
        {"dead_codes": "cvq_random"},
        {"dead_codes": "none"},
        {"optimiser": "adamw", "weight_decay": 0.1},
        {"weight_decay": 0.1},
        {"loss.geodesic": 1.0},
    ],
)
def test_every_key_changes_what_is_learnt(change: dict[str, Value]) -> None:
    features = _data().features
    # From random networks some codes do go unused.
    base: Config = {"dead_code_share": 0.25, "network_start": "random"}
    plain, changed = _fitted(**base), _fitted(**{**base, **change})
    before, after = (c.decode(c.encode(features)) for c in (plain, changed))
    assert not np.array_equal(before, after)


@pytest.mark.parametrize("change", [{"optimiser": "adamw"}, {"dead_codes": "none"}])
def test_what_does_nothing_changes_nothing(change: dict[str, Value]) -> None:
    plain, other = _fitted(dead_code_share=0.0), _fitted(dead_code_share=0.0, **change)
    for name, array in plain.arrays().items():
        assert np.array_equal(array, other.arrays()[name]), name


def test_the_loss_is_its_weighted_parts_with_angles() -> None:
    losses = _new(**{"loss.geodesic": 2.0, "loss.position": 0.5}).fit(_data(), PlainRuntime(), 0.2)
    expected = (
        losses["loss.angle"] + 2 * losses["loss.geodesic"] + 0.5 * losses["loss.position"]
        + 0.25 * losses["loss.commitment"]
    )  # fmt: skip
    assert losses["loss"] == pytest.approx(expected, rel=1e-4)


def test_dropout_brings_the_prefixes_nearer() -> None:
    # Trained with all levels always, a prefix decodes to what no step has asked for.
    def first_level(codec: RQVAECodec) -> float:
        features = _data().features
        return float(((codec.decode(codec.encode(features), 1) - features) ** 2).mean())

    options: dict[str, Value] = {"max_steps": 60, "quantizer": "sim_vq"}
    assert first_level(_fitted(quantizer_dropout=0.8, **options)) < first_level(_fitted(**options))
