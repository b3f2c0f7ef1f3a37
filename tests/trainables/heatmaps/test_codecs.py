"""VQ-GAN and dVAE of heatmaps: training, resuming to the bit, pieces of a batch, files."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from search_spaces.errors import BadInput
from search_spaces.space import Value
from tests.trainables.heatmaps.coding import codec, config, data
from tests.trainables.losses.test_lpips import weights
from trainables.heatmaps.codec import HeatmapCodec
from trainables.heatmaps.dvae import divergence_from_uniform, temperature
from trainables.runtime import PlainRuntime

VARIANTS: dict[str, dict[str, Value]] = {
    "vqgan": {"intensity": "random", "jitter": 3},
    "ema": {"codebook": "ema", "batch_windows": 2},
    "spectral": {"disc_norm": "spectral", "pair": "3d_3d"},
    "dvae": {"codec": "dvae", "codebook_size": 16},
}


def made(**given: Value) -> Any:
    of = config(**given)  # type: ignore[arg-type]
    return of, data(of)


def same(one: HeatmapCodec, other: HeatmapCodec) -> bool:
    a, b = one.training_state()["networks"], other.training_state()["networks"]
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("name", VARIANTS)
def test_interrupted_is_uninterrupted_to_the_bit(name: str) -> None:
    """Both optimisers, the codebook, and all that is drawn at random: order, jitter, noise."""
    of, on = made(**VARIANTS[name])
    whole = codec(of, on)
    whole.fit(on, PlainRuntime())
    first, second = codec(of, on), codec(of, on)
    first.fit(on, PlainRuntime(), 0.5)
    kept = io.BytesIO()
    torch.save(first.training_state(), kept)
    torch.rand(7)  # whatever else is drawn in the process
    second.load_training_state(torch.load(io.BytesIO(kept.getvalue()), weights_only=True))
    assert second.trained_share == 0.5
    second.fit(on, PlainRuntime())
    assert same(whole, second) and not same(whole, first)
    states = [c.training_state()["optimisers"] for c in (whole, second)]
    assert set(states[0]) == ({"generator"} if name == "dvae" else {"generator", "discriminator"})
    for player in states[0]:
        moments = [s[player]["state"] for s in states]
        for at in moments[0]:
            assert torch.equal(moments[0][at]["exp_avg"], moments[1][at]["exp_avg"])


@pytest.mark.parametrize("name", VARIANTS)
def test_files_code_alike(name: str, tmp_path: Path) -> None:
    of, on = made(**VARIANTS[name], max_steps=2)
    trained, loaded = codec(of, on), codec(of, on, seed=9)
    trained.fit(on, PlainRuntime())
    pictures = on.pair(on.windows["val"][0]).input
    coded = trained.coded(pictures)
    assert coded.indices.shape == (4, 4, 4) and int(coded.indices.max()) < trained.alphabet[0]
    assert torch.equal(trained.decode(coded.indices), coded.reconstruction)
    loaded.load_arrays(trained.arrays())
    again = loaded.coded(pictures)
    assert torch.equal(again.indices, coded.indices)
    assert torch.equal(again.reconstruction, coded.reconstruction)
    trained.save(tmp_path / "codec")
    assert {p.name for p in (tmp_path / "codec").iterdir()} == {"codec.json", "model.safetensors"}
    narrower = codec({**of, "latent_dim": 6}, on)
    with pytest.raises(BadInput, match="weights do not fit"):
        narrower.load_arrays(trained.arrays())


def test_training_reconstructs() -> None:
    of, on = made(max_steps=30, adversarial=False, learning_rate=3e-3)
    learning = codec(of, on)
    before = learning.fit(on, PlainRuntime(), 0.1)["loss.l1"]
    after = learning.fit(on, PlainRuntime())["loss.l1"]
    assert after < 0.7 * before


@pytest.mark.parametrize("name", ["vqgan", "dvae"])
def test_pieces_of_a_batch_are_the_batch(name: str) -> None:
    """Without an adversary, whose adaptive weight is each piece's own."""
    alone = {"adversarial": False} if name == "vqgan" else {}
    found = []
    for pieces in (1, 2):
        of, on = made(codec=name, batch_windows=2, accumulate=pieces, max_steps=1, **alone)
        trained = codec(of, on)
        loss = trained.fit(on, PlainRuntime())["loss"]
        found.append((loss, trained.training_state()["optimisers"]["generator"]["state"]))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for at, moments in found[0][1].items():  # Adam's own steps hide the size of a gradient
        for one, other in zip(moments["exp_avg"], found[1][1][at]["exp_avg"], strict=True):
            assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)


def test_the_discriminator_begins_at_its_step_and_moves_the_generator() -> None:
    of, on = made(max_steps=3, disc_start=2)
    trained = codec(of, on)
    first = trained.fit(on, PlainRuntime(), 2 / 3)
    assert "loss.discriminator" not in first and "loss.perceptual" not in first
    last = trained.fit(on, PlainRuntime())
    assert {"loss.discriminator", "loss.adversarial", "loss.perceptual"} <= set(last)
    assert 0 < last["adaptive_weight"] <= 1e4
    quiet_of, _ = made(max_steps=3, adversarial=False)
    quiet = codec(quiet_of, on)
    quiet.fit(on, PlainRuntime())
    name = "decoder.last.weight"
    assert not np.array_equal(quiet.arrays()[name], trained.arrays()[name])


@pytest.mark.parametrize("codebook", ["plain", "ema", "fsq"])
def test_codes_begin_at_their_step_from_latents_and_resume(codebook: str) -> None:
    of, on = made(max_steps=6, codebook_start=3, codebook=codebook)
    whole = codec(of, on)
    whole.fit(on, PlainRuntime())
    parts = codec(of, on)
    assert parts.fit(on, PlainRuntime(), 1 / 3)["loss.codebook"] == 0
    for share in (0.5, 1.0):  # the first ends just before the codes begin
        state = parts.training_state()
        parts = codec(of, on)
        parts.load_training_state(state)
        parts.fit(on, PlainRuntime(), share)
    for name, value in whole.arrays().items():
        assert np.array_equal(value, parts.arrays()[name]), name
    early = codec({**of, "codebook_start": 0}, on)
    early.fit(on, PlainRuntime())
    assert not np.array_equal(early.arrays()["decoder.last.weight"],
                              whole.arrays()["decoder.last.weight"])  # fmt: skip


def test_plain_codes_that_begin_late_are_latents() -> None:
    of, on = made(max_steps=3, codebook_start=2, learning_rate=1e-7, codebook_size=4)
    late = codec(of, on)
    late.fit(on, PlainRuntime())
    codes = late.arrays()["codebooks"][0]
    latents = np.concatenate([
        late.coded(on.pair(window).input).latents.numpy()  # type: ignore[union-attr]
        for window in on.windows["train"]
    ])  # fmt: skip
    nearest = np.abs(latents[None] - codes[:, None]).max(-1).min(-1)
    assert (nearest < 1e-4).all() and len(np.unique(codes.round(5), axis=0)) == 4


def test_the_generators_gradient_holds_no_hinge() -> None:
    """With the adversary's weight at 0 the generator is that of no adversary at all, to the bit.

    Fakes that are not detached would have the discriminator's loss move it.
    """
    found = []
    for given in ({"disc_weight": 0.0, "loss.perceptual": 0.0}, {"adversarial": False}):
        of, on = made(max_steps=3, **given)
        trained = codec(of, on)
        trained.fit(on, PlainRuntime())
        found.append(trained.arrays())
    assert all(np.array_equal(value, found[1][key]) for key, value in found[0].items())


def test_mixed_precision_trains_close_to_full() -> None:
    found = {}
    for precision in ("fp32", "bf16"):
        of, on = made(precision=precision, max_steps=3)
        trained = codec(of, on)
        loss = trained.fit(on, PlainRuntime())["loss.l1"]
        assert all(v.dtype == np.float32 for v in trained.arrays().values())
        coded = trained.coded(on.pair(on.windows["val"][0]).input)
        assert coded.reconstruction.dtype == torch.float32
        found[precision] = loss
    assert found["bf16"] != found["fp32"]
    assert found["bf16"] == pytest.approx(found["fp32"], rel=0.05)


def test_the_perceptual_term_is_stated(tmp_path: Path) -> None:
    save_file(weights(), tmp_path / "vgg.safetensors")
    place = str(tmp_path / "vgg.safetensors")
    of, on = made(perceptual_weights=place, max_steps=1, disc_start=0)
    trained = codec(of, on)
    said = trained.stated()
    assert said["perceptual"] == "LPIPS-VGG" and len(said["perceptual_hash"]) == 16
    assert trained.fit(on, PlainRuntime())["loss.perceptual"] > 0
    others = [
        ({}, "discriminator features"),
        ({"adversarial": False}, "none: no weights and no discriminator"),
        ({"loss.perceptual": 0.0}, "none: its weight is 0"),
    ]
    for given, expected in others:
        assert codec(config(**given), on).stated() == {"perceptual": expected}  # type: ignore[arg-type]


def test_a_loss_that_is_not_finite_stops_and_says_so() -> None:
    of, on = made(adversarial=False)
    trained = codec(of, on)
    trained.fit(on, PlainRuntime(), 0.25)
    with torch.no_grad():
        trained.networks["decoder"].last.bias.fill_(math.inf)
    with pytest.raises(FloatingPointError, match=r"after step 2; lower learning_rate"):
        trained.fit(on, PlainRuntime(), 0.5)


def test_kl_to_uniform_has_its_two_ends() -> None:
    even = torch.zeros(1, 16, 2, 2, 2)
    assert float(divergence_from_uniform(even)) == pytest.approx(0.0, abs=1e-6)
    certain = torch.full((1, 16, 2, 2, 2), -1e4)
    certain[:, 3] = 0.0
    assert float(divergence_from_uniform(certain)) == pytest.approx(math.log(16))


def test_the_temperature_falls_from_one_to_its_end() -> None:
    falls = [temperature(done, 0.0625) for done in np.linspace(0, 1, 9)]
    assert falls[0] == 1.0 and falls[-1] == pytest.approx(0.0625)
    assert falls == sorted(falls, reverse=True)


def test_the_weight_of_the_divergence_grows() -> None:
    """At the first step it is 0, so its size cannot matter there."""
    losses = []
    for weight in (0.0, 100.0):
        of, on = made(codec="dvae", max_steps=4, kl_warmup=1.0, **{"loss.kl": weight})
        trained = codec(of, on)
        losses.append([trained.fit(on, PlainRuntime(), share)["loss"] for share in (0.25, 0.5)])
    assert losses[0][0] == losses[1][0]
    assert losses[1][1] > losses[0][1]


def test_a_dvae_codes_its_likeliest_code() -> None:
    of, on = made(codec="dvae", max_steps=1, codebook_size=16)
    trained = codec(of, on)
    trained.fit(on, PlainRuntime())
    pictures = on.pair(on.windows["val"][0]).input
    networks = trained.networks
    with torch.no_grad():
        logits = networks["codebook"].logits(networks["encoder"](pictures[None]))
    coded = trained.coded(pictures)
    assert torch.equal(coded.indices, logits[0].argmax(0)) and coded.latents is None
    assert torch.equal(trained.coded(pictures).reconstruction, coded.reconstruction)


def test_batches_that_workers_cannot_share_are_refused() -> None:
    of, on = made(batch_windows=3)
    runtime = PlainRuntime()
    runtime.world_size = 2
    with pytest.raises(BadInput, match="batch_windows 3 cannot be shared evenly by 2 workers"):
        codec(of, on).fit(on, runtime)
