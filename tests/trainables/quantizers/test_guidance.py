"""Entropy guidance: its estimate against real use, and the printed equations against those used."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from trainables.quantizers.guidance import (
    EntropyGuidance,
    assignment,
    code_logits,
    entropy,
    entropy_loss,
)
from trainables.quantizers.guided import GuidedQuantizer
from trainables.quantizers.residual_vq import ResidualQuantizer

CODES, WIDTH, TOKENS = 512, 256, 2000
SHARPNESS, TEMPERATURE = 14.0, 0.5


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _directions(count: int, width: int = WIDTH) -> Tensor:
    return functional.normalize(torch.randn(count, width, generator=_seeded()), dim=1)


def _used(case: str) -> Tensor:
    """Which code each token has."""
    if case.isdigit():
        return torch.arange(TOKENS) % int(case)
    weights = 1 / torch.arange(1.0, CODES + 1)
    return torch.multinomial(weights, TOKENS, replacement=True, generator=_seeded(1))


def _near(chosen: Tensor, codes: Tensor) -> Tensor:
    """A latent near each chosen code, of any length."""
    noise = 0.02 * torch.randn(len(chosen), codes.shape[1], generator=_seeded(2))
    return (codes[chosen] + noise) * (0.5 + torch.rand(len(chosen), 1, generator=_seeded(3)))


def _hard(chosen: Tensor) -> float:
    return float(entropy(torch.bincount(chosen, minlength=CODES) / len(chosen)))


@pytest.mark.parametrize("case", ["10", "64", "256", "512", "zipf"])
def test_the_estimate_is_within_a_tenth_of_hard_use(case: str) -> None:
    codes, chosen = _directions(CODES), _used(case)
    torch.manual_seed(0)
    logits = code_logits(_near(chosen, codes), codes, SHARPNESS, False)
    soft = entropy(assignment(logits, TEMPERATURE).mean(0))
    assert float(soft) == pytest.approx(_hard(chosen), rel=0.1)
    assert torch.equal(logits.argmax(1), chosen)


@pytest.mark.parametrize("flat", ["printed", "not sharp"])
def test_without_sharp_logits_the_estimate_is_blind(flat: str) -> None:
    # Equation 6 as printed, and cosines as they are: ten codes used read as almost all of them.
    codes, chosen = _directions(CODES), _used("10")
    latents = functional.normalize(_near(chosen, codes), dim=1)
    torch.manual_seed(0)
    logits = code_logits(latents, codes, 1.0, flat == "printed")
    soft = float(entropy(assignment(logits, TEMPERATURE).mean(0)))
    assert _hard(chosen) < 0.4 * math.log(CODES) and soft > 0.9 * math.log(CODES)


def test_logits_tell_codes_apart_that_lie_behind_a_latent() -> None:
    # The logarithm of a negative cosine is none; as printed all such codes look alike.
    codes, latent = _directions(CODES), _directions(1)
    cosines = (latent @ codes.T)[0]
    behind = cosines < 0
    assert 0.4 < float(behind.float().mean()) < 0.6
    assert bool(torch.log(cosines)[behind].isnan().all())
    ours = code_logits(latent, codes, SHARPNESS, False)[0, behind]
    assert bool(ours.isfinite().all()) and len(ours.unique()) == int(behind.sum())
    printed = code_logits(latent, codes, SHARPNESS, True)[0, behind]
    assert len(printed.unique()) == 1


def test_the_loss_is_least_where_all_codes_are_used_alike() -> None:
    even, one = torch.full((8,), 1 / 8), functional.one_hot(torch.tensor(3), 8).float()
    assert float(entropy_loss(even)) == pytest.approx(0, abs=1e-6)
    assert float(entropy_loss(one)) == pytest.approx(math.log(8))
    # As printed it is the other way round: minimising takes all to one code.
    assert float(entropy_loss(one, True)) == 0
    assert float(entropy_loss(even, True)) == pytest.approx(math.log(8))


@pytest.mark.parametrize("as_printed", [False, True])
def test_minimising_it_spreads_latents_over_codes(as_printed: bool) -> None:
    codes = _directions(16, 8)
    latents = codes[torch.arange(200) % 4] + 0.1 * torch.randn(200, 8, generator=_seeded(4))
    latents = latents.requires_grad_()
    before = len((latents @ codes.T).argmax(1).unique())
    optimiser = torch.optim.Adam([latents], 0.05)
    torch.manual_seed(0)
    for _ in range(200):
        logits = code_logits(latents, codes, SHARPNESS, as_printed)
        loss = entropy_loss(assignment(logits, TEMPERATURE).mean(0), as_printed)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = len((latents @ codes.T).argmax(1).unique())
    assert after < before if as_printed else after > 2 * before


def test_noise_is_gumbels_and_leaves_shares_alone() -> None:
    # Softmax at low temperature of logits with Gumbel's noise draws by the softmax of the logits.
    torch.manual_seed(0)
    logits = torch.tensor([1.0, 0.0, -1.0])
    drawn = assignment(logits.expand(20_000, 3), 0.01).mean(0)
    assert torch.allclose(drawn, logits.softmax(0), atol=0.01)
    plain = assignment(logits[None], 0.5, gumbel=False)[0]
    assert torch.allclose(plain, (2 * logits).softmax(0))


def test_the_average_moves_by_its_decay_and_gradients_by_the_rest() -> None:
    codes = _directions(16, 8)
    latents = _directions(40, 8).requires_grad_()
    chosen = (latents @ codes.T).argmax(1)[:, None]
    gradients = []
    for decay in (0.0, 0.9):
        guidance = EntropyGuidance(1, 16, decay=decay, gumbel=False)
        loss = guidance(latents, codes[None], chosen)
        batch = assignment(code_logits(latents, codes, 14.0, False), 0.5, False).mean(0)
        expected = decay / 16 + (1 - decay) * batch
        assert torch.allclose(guidance.usage[0], expected)
        assert float(loss.detach()) == pytest.approx(float(entropy_loss(expected.detach())))
        gradients.append(torch.autograd.grad(loss, latents)[0])
    assert float(gradients[1].norm()) < 0.2 * float(gradients[0].norm())


def test_levels_that_were_left_out_are_left_alone() -> None:
    codebooks = torch.stack([_directions(8, 4), _directions(8, 4)])
    latents = _directions(30, 4)
    indices = torch.stack([(latents @ codebooks[0].T).argmax(1), torch.full((30,), -1)], 1)
    guidance = EntropyGuidance(2, 8)
    guidance(latents, codebooks, indices)
    assert not torch.allclose(guidance.usage[0], torch.full((8,), 1 / 8))
    assert torch.equal(guidance.usage[1], torch.full((8,), 1 / 8))
    assert torch.allclose(guidance.usage.sum(1), torch.ones(2))


def test_later_levels_see_what_is_left() -> None:
    codebooks = torch.stack([_directions(8, 4), 0.3 * _directions(8, 4)])
    latents = codebooks[0][[0, 1, 2]] + codebooks[1][[5, 5, 5]]
    guidance = EntropyGuidance(2, 8, decay=0.0, gumbel=False, sharpness=60)
    guidance(latents, codebooks, torch.tensor([[0, 5], [1, 5], [2, 5]]))
    assert float(guidance.usage[1, 5]) > 0.99


def test_workers_share_one_average(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, latents = _directions(16, 8), _directions(40, 8)
    chosen = (latents @ codes.T).argmax(1)[:, None]
    alone = EntropyGuidance(1, 16, gumbel=False)
    whole = alone(latents, codes[None], chosen)
    soft = assignment(code_logits(latents[30:], codes, 14.0, False), 0.5, False)

    def add_the_other(sums: Tensor) -> None:
        sums += torch.cat([soft.sum(0), torch.tensor([10.0])])

    monkeypatch.setattr("torch.distributed.all_reduce", add_the_other)
    shared = EntropyGuidance(1, 16, gumbel=False, synchronise=True)
    loss = shared(latents[:30], codes[None], chosen[:30])
    assert torch.allclose(shared.usage, alone.usage) and torch.allclose(loss, whole)


def test_a_guided_quantizer_quantizes_as_an_unguided_one() -> None:
    latents, kinds = torch.randn(400, 6, generator=_seeded(5)), []
    for guided in (False, True):
        torch.manual_seed(0)
        options = {"tokens_per_batch": 128, "dead_codes": "redraw", "dead_code_share": 0.25}
        made: ResidualQuantizer = (
            GuidedQuantizer(6, 16, 2, EntropyGuidance(2, 16), **options)
            if guided
            else ResidualQuantizer(6, 16, 2, **options)  # type: ignore[arg-type]
        )
        made.train().initialise(latents)
        found = made.quantize(latents[:128])
        kinds.append((*found, made.codebooks, made.guidance_loss(latents[:128], found[1])))
    plain, guided_found = kinds
    assert all(torch.equal(a, b) for a, b in zip(plain[:4], guided_found[:4], strict=True))
    assert plain[4] is None
    assert guided_found[4] is not None and float(guided_found[4]) > 0


def test_similarity_takes_no_notice_of_length() -> None:
    # Equation 5 as printed is a product, by which a long latent is sure of its code.
    codes, latents = _directions(8, 6), torch.randn(20, 6, generator=_seeded(4))
    logits = code_logits(latents, codes, SHARPNESS, False)
    assert torch.allclose(code_logits(3 * latents, 2 * codes, SHARPNESS, False), logits, atol=1e-4)
    assert float(logits.abs().max()) <= SHARPNESS + 1e-3


@pytest.mark.parametrize(("beta", "depth"), [(0.1, 1), (0.1, 3), (2.0, 2)])
def test_beta_on_the_codebooks_term_is_equation_4(beta: float, depth: int) -> None:
    # |z - sg e|^2 + beta |sg z - e|^2, summed over levels; as usual beta is on the first term.
    guidance = EntropyGuidance(depth, 4)

    def gradients(on_codes: bool) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        torch.manual_seed(5)
        quantizer = GuidedQuantizer(
            6, 4, depth, guidance, beta if on_codes else None, tokens_per_batch=32,
            by_gradient=True, dead_codes="none", rotation_trick=False,
        )  # fmt: skip
        latents = torch.randn(32, 6, generator=_seeded(6)).requires_grad_()
        quantizer.train()
        quantizer.initialise(latents.detach())
        before = quantizer.codebooks.clone()
        _, indices, loss = quantizer.quantize(latents)
        (beta * loss).backward()
        (codes,) = [p.grad for p in quantizer.parameters() if p.shape[-2:] == (4, 6)][:1]
        return latents.detach(), before, indices, latents.grad, codes.reshape(4, 6)  # type: ignore[union-attr,return-value]

    latents, codebooks, indices, to_latents, to_codes = gradients(on_codes=True)
    wanted, first, residual = torch.zeros_like(latents), torch.zeros(4, 6), latents
    for level in range(depth):
        away = residual - codebooks[level][indices[:, level]]
        wanted += 2 * away / latents.numel()
        if level == 0:
            first.index_add_(0, indices[:, 0], -2 * away / latents.numel())
        residual = away
    assert torch.allclose(to_latents, wanted, atol=1e-6)
    assert torch.allclose(to_codes, beta * first, atol=1e-6)
    *_, usual, usual_codes = gradients(on_codes=False)
    assert torch.allclose(usual, beta * wanted, atol=1e-6)
    assert torch.allclose(usual_codes, beta * first, atol=1e-6)
