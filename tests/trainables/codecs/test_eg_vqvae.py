"""EG-VQVAE: the codec contract, and how it stands beside the codecs it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest
import torch

from search_spaces.families import complete
from search_spaces.space import Config, Value
from tests.trainables.codecs.test_temporal_rvq import CONFIG as TEMPORAL
from trainables.codecs.codec import Codec
from trainables.codecs.contract import (
    CodecContract,
    chain_geometry,
    part_data,
    structured_recordings,
)
from trainables.codecs.eg_vqvae import EGVQVAECodec
from trainables.codecs.registry import codec_class
from trainables.losses.reconstruction import ReconstructionLoss
from trainables.motion.part_data import PartData
from trainables.runtime import PlainRuntime

CONFIG: Config = {**TEMPORAL, "codec": "eg_vqvae"}


class TestEGVQVAEContract(CodecContract):
    config: ClassVar[Config] = CONFIG


def _data() -> PartData:
    rng = np.random.default_rng(0)
    return part_data("body", structured_recordings((150, 90), 9, rng), chain_geometry(3, rng))


def _fitted(changes: Mapping[str, Value], until: float = 1.0) -> tuple[Codec, dict[str, float]]:
    config = complete({**CONFIG, **changes})
    codec = codec_class(str(config["codec"]))(config, "body", 9, 30.0, 3)
    return codec, codec.fit(_data(), PlainRuntime(), until)


def _same(first: Codec, second: Codec) -> bool:
    one, other = first.arrays(), second.arrays()
    return set(one) == set(other) and all(np.array_equal(one[k], other[k]) for k in one)


def test_by_default_it_is_the_papers() -> None:
    config = complete({"codec": "eg_vqvae"})
    assert (config["codebook_size"], config["latent_dim"], config["compression"]) == (512, 256, 4)
    assert (config["guidance.decay"], config["as_printed"]) == (0.95, False)


@pytest.mark.parametrize("compression", [1, 2, 4, 8])
def test_without_guidance_it_is_the_vanilla_codec_bit_by_bit(compression: int) -> None:
    changes: Config = {"compression": compression, "max_steps": 6, "dead_codes": "redraw"}
    before: Config = {"network_start": "random", "rotation_trick": True}
    vanilla, _ = _fitted({**changes, **before, "guidance.weight": 0.0})
    plain, _ = _fitted({**changes, "codec": "temporal_rvq"})
    assert _same(vanilla, plain)
    # A configuration from before the key is trained as it was.
    config = {k: v for k, v in vanilla.config.items() if k != "network_start"}
    older = EGVQVAECodec(config, "body", 9, 30.0, 3)
    older.fit(_data(), PlainRuntime())
    assert _same(older, vanilla)


def test_it_starts_as_principal_components_and_is_nearer_for_it() -> None:
    data, wanted = _data(), _data().features[:150]
    far = {}
    for start in ("principal", "random"):
        changes: Config = {"network_start": start, "max_steps": 12, "codebook_size": 64,
                           "hidden_dim": 32, "latent_dim": 16, "guidance.weight": 0.0}  # fmt: skip
        codec, _ = _fitted(changes)
        away = (codec.decode(codec.encode(wanted)) - wanted) / data.std
        far[start] = float(np.mean(away**2) / np.mean(((wanted - data.mean) / data.std) ** 2))
    assert far["principal"] < 0.5 * far["random"], far


def test_pairs_differ_in_the_guidance_alone() -> None:
    # After the first step: same first weights, batch, codebooks and random numbers of the
    # quantizer, for its losses are those of before the step, and its codes moved without guidance.
    steps: Config = {"max_steps": 8, "dead_codes": "redraw", "dead_code_share": 0.25}
    found = [_fitted({**steps, "guidance.weight": w}, 1 / 8) for w in (0.0, 0.1, 10.0)]
    (plain, losses), *guided = found
    assert "loss.entropy" not in losses
    for codec, said in guided:
        assert {k: said[k] for k in ("loss.angle", "loss.commitment")} == {
            k: losses[k] for k in ("loss.angle", "loss.commitment")
        }
        assert np.array_equal(codec.arrays()["codebooks"], plain.arrays()["codebooks"])
        assert not _same(codec, plain)
        assert said["loss"] == pytest.approx(
            losses["loss"] + float(codec.config["guidance.weight"]) * said["loss.entropy"], rel=1e-5
        )


def test_errors_of_both_signs_do_not_cancel() -> None:
    # Equation 2 as printed is a residual with its sign and without a norm.
    data = _data()
    weights = {"loss.angle": 1.0, "loss.position": 0.0, "loss.geodesic": 0.0}
    features = torch.from_numpy(data.features[:64])
    loss = ReconstructionLoss(weights, data, np.ones(9), features)
    away = torch.ones_like(features)
    away[::2] = -1
    errors = loss.errors(features + away, features, torch.arange(64), 1)
    assert float(errors["loss.angle"]) == pytest.approx(1.0) and float(away.mean()) == 0.0


def test_beta_moves_to_the_other_term() -> None:
    by_gradient: Config = {"codebook_update": "gradient", "commitment": 0.1, "max_steps": 3,
                           "quantizer_depth": 1}  # fmt: skip
    usual, said = _fitted(by_gradient, 1 / 3)
    printed, other = _fitted({**by_gradient, "beta_on": "codebook"}, 1 / 3)
    # Same first step, of which latents have ten times the share; told in terms of beta.
    assert other["loss.commitment"] == pytest.approx(10 * said["loss.commitment"], rel=1e-4)
    assert not _same(usual, printed)


def _used(codec: Codec) -> float:
    """Perplexity of code use over the training data."""
    codes = codec.encode(_data().features).indices[:, 0]
    share = np.bincount(codes) / len(codes)
    return float(np.exp(-(share[share > 0] * np.log(share[share > 0])).sum()))


def test_guidance_evens_out_the_use_of_codes() -> None:
    settings: Config = {
        "max_steps": 80, "quantizer_depth": 1, "codebook_size": 64, "compression": 1,
        "codebook_init": "random", "dead_codes": "none", "network_start": "random",
        "rotation_trick": True,
    }  # fmt: skip
    vanilla, guided = (_used(_fitted({**settings, "guidance.weight": w})[0]) for w in (0.0, 1.0))
    assert guided > 1.1 * vanilla


def test_what_guided_it_is_no_part_of_the_codec() -> None:
    codec, _ = _fitted({}, 1 / 30)
    assert isinstance(codec, EGVQVAECodec)
    assert set(codec.arrays()) == set(codec.shapes())
    assert not any("guidance" in name for name in codec.arrays())
