"""Unused codes drawn to anchors, against the paper's formula."""

from __future__ import annotations

import math

import pytest
import torch

from trainables.quantizers.anchors import anchors, draw_to_anchors, pull
from trainables.quantizers.residual_vq import ResidualQuantizer


def _latents(tokens: int, seed: int = 0, dim: int = 6) -> torch.Tensor:
    return torch.randn(tokens, dim, generator=torch.Generator().manual_seed(seed))


def _started(policy: str, decay: float = 0.9, **options: object) -> ResidualQuantizer:
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(
        6, 8, 1, tokens_per_batch=128, decay=decay, dead_codes=policy, **options
    )
    quantizer.train().initialise(_latents(2000))
    return quantizer


def test_the_pull_is_the_papers() -> None:
    usage = torch.tensor([0.0, 0.001, 0.25, 0.5])
    expected = [math.exp(-u * 4 * 10 / (1 - 0.99) - 1e-3) for u in usage.tolist()]
    assert pull(usage, 0.99).tolist() == pytest.approx(expected, abs=1e-6)
    assert float(pull(usage, 0.99)[0]) == pytest.approx(0.999, abs=1e-4)


def test_the_closest_latent_is_the_closest() -> None:
    latents, codes = _latents(50), _latents(8, seed=1)
    found = anchors(latents, codes, "closest")
    assert torch.equal(found, latents[torch.cdist(codes, latents).argmin(1)])
    unit = latents / latents.norm(dim=1, keepdim=True)
    turned = codes / codes.norm(dim=1, keepdim=True)
    by_angle = anchors(unit, turned, "closest", cosine=True)
    assert torch.equal(by_angle, unit[(turned @ unit.T).argmax(1)])


def test_nearer_latents_are_likelier() -> None:
    latents = torch.tensor([[0.0], [1.0], [5.0]])
    codes = torch.zeros(4000, 1)
    torch.manual_seed(0)
    share = (anchors(latents, codes, "probabilistic") == latents[0]).double().mean()
    assert float(share) == pytest.approx(1 / (1 + math.exp(-1)), abs=0.03)  # 5 away: never
    anywhere = (anchors(latents, codes, "random") == latents[2]).double().mean()
    assert float(anywhere) == pytest.approx(1 / 3, abs=0.03)
    with pytest.raises(ValueError, match="anchors are closest, random, probabilistic"):
        anchors(latents, codes, "nearest")


@pytest.mark.parametrize("policy", ["cvq_closest", "cvq_random", "cvq_probabilistic"])
@pytest.mark.parametrize("cosine", [False, True])
def test_codes_left_behind_come_back(policy: str, cosine: bool) -> None:
    torch.manual_seed(0)
    far = _latents(128, seed=4) + torch.tensor([8.0, 0, 0, 0, 0, 0])
    used = {}
    for each in (policy, "none"):
        quantizer = _started(each, cosine=cosine)
        for _ in range(40):
            quantizer.quantize(far)
        used[each] = len(torch.unique(quantizer.indices(far)))
    # Codes from one place have one closest latent, so some of them come back as one.
    assert used[policy] > used["none"]


@pytest.mark.parametrize("policy", ["cvq_closest", "cvq_random", "cvq_probabilistic"])
def test_codes_in_use_stay(policy: str) -> None:
    latents = _latents(128, seed=1)
    moved, left = _started(policy), _started("none")
    moved.quantize(latents)
    left.quantize(latents)
    counts = left._books[0].cluster_size[0]
    busy = counts > 0.5 * counts.mean()
    assert int(busy.sum()) > 3
    assert torch.allclose(moved.codebooks[0][busy], left.codebooks[0][busy], atol=1e-4)


def test_an_unused_code_is_where_its_anchor_is_until_used() -> None:
    book = _started("none")._books[0]
    book.cluster_size[0, 3] = 0
    latents = _latents(64, seed=2)
    expected = anchors(latents, book.embed[0].clone(), "closest")[3]
    draw_to_anchors(book, latents, "closest")
    share = math.exp(-1e-3)
    assert torch.allclose(book.embed[0, 3], expected, atol=2e-3 * float(expected.norm()) / share)
    # The next average starts from there.
    book.update_ema()
    assert torch.allclose(book.embed[0, 3], expected, atol=1e-2)


def test_anchors_move_codes_that_follow_gradients_too() -> None:
    far = _latents(128, seed=4) + 8.0
    quantizer = _started("cvq_random", decay=0.8, by_gradient=True)
    before = quantizer.codebooks[0].clone()
    for _ in range(40):  # no optimiser takes a step
        quantizer.quantize(far.clone().requires_grad_())[2].backward()
    after = quantizer.codebooks[0]
    assert int((after != before).any(1).sum()) >= 7
    assert float((after - 8).norm(dim=1).mean()) < 0.9 * float((before - 8).norm(dim=1).mean())


def test_more_codes_than_latents_find_anchors() -> None:
    quantizer = ResidualQuantizer(6, 64, 1, tokens_per_batch=8, dead_codes="cvq_random").train()
    quantizer.initialise(_latents(200))
    for step in range(5):
        quantizer.quantize(_latents(8, seed=step))
    assert torch.isfinite(quantizer.codebooks).all()
