"""Our residual quantizer against the library's: same codes, losses, gradients and random numbers.

Both draw from torch's global generator in the same order, so that one seed gives both the same
draws: of first codes, of redrawn ones, of anchors and of dropped levels.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from search_spaces.families import complete
from trainables.codecs.weight_update import WeightUpdate
from trainables.quantizers.codebook_options import CodebookOptions
from trainables.quantizers.fused_codebooks import FusedCodebooks
from trainables.quantizers.fused_residual_vq import FusedResidualQuantizer
from trainables.quantizers.grouped import GroupedQuantizer
from trainables.quantizers.guidance import EntropyGuidance
from trainables.quantizers.guided import GuidedFusedQuantizer, GuidedQuantizer
from trainables.quantizers.named import new_quantizer
from trainables.quantizers.nearest import smallest
from trainables.quantizers.quantizer import Quantizer
from trainables.quantizers.residual_vq import ResidualQuantizer

OPTIONS: dict[str, dict[str, Any]] = {
    "rotation off": {"rotation_trick": False},
    "few redrawn": {"dead_code_share": 0.25, "decay": 0.8},
    "none redrawn": {"dead_codes": "none"},
    "closest anchors": {"dead_codes": "cvq_closest", "decay": 0.9},
    "random anchors": {"dead_codes": "cvq_random", "decay": 0.9},
    "probable anchors": {"dead_codes": "cvq_probabilistic", "decay": 0.9},
    "random start": {"codebook_init": "random"},
    "cosine": {"cosine": True},
    "by gradient": {"by_gradient": True},
    "dropout": {"dropout": 0.5},
}


def _pairs() -> list[tuple[str, dict[str, Any]]]:
    found = [("as it is", {}), *OPTIONS.items()]
    for (one, first), (two, second) in itertools.combinations(OPTIONS.items(), 2):
        both = {**first, **second}
        if both.get("cosine") and both.get("by_gradient"):
            continue  # refused: a gradient takes codes off the sphere
        if set(first) & set(second) and first.items() - both.items():
            continue  # two values of one option
        found.append((f"{one}, {two}", both))
    return found


def _latents(tokens: int, seed: int = 0, dim: int = 6) -> Tensor:
    return torch.randn(tokens, dim, generator=torch.Generator().manual_seed(seed))


def _trained(quantizer: Quantizer, steps: int = 6, tokens: int = 96) -> list[Tensor]:
    """What training gives: codes, outputs, losses and gradients of some moving steps."""
    found = []
    quantizer.train().initialise(_latents(1000))
    weights = list(quantizer.parameters())
    optimiser = torch.optim.SGD(weights, lr=0.1) if weights else None
    for step in range(steps):
        latents = _latents(tokens, 10 + step) * (1 + 0.3 * step) + 0.4 * step
        latents.requires_grad_()
        quantized, indices, loss = quantizer.quantize(latents)
        ((quantized * _latents(tokens, 50 + step)).sum() + 3 * loss).backward()
        if optimiser is not None:
            optimiser.step()
            optimiser.zero_grad()
        assert latents.grad is not None
        found += [quantized.detach(), indices, loss.detach(), latents.grad]
        found += [v.clone() for v in quantizer.arrays().values()]
    return [*found, torch.get_rng_state()]


def _assert_same(ours: list[Tensor], librarys: list[Tensor]) -> None:
    assert len(ours) == len(librarys)
    for one, other in zip(ours, librarys, strict=True):
        if one.dtype.is_floating_point:
            size = float(other.abs().max())
            assert torch.allclose(one, other, rtol=1e-4, atol=2e-5 * size + 1e-7)
        else:
            assert torch.equal(one, other)


@pytest.mark.parametrize("options", [pytest.param(o, id=name) for name, o in _pairs()])
def test_the_librarys_training(options: dict[str, Any]) -> None:
    found = []
    for made in (FusedResidualQuantizer, ResidualQuantizer):
        torch.manual_seed(3)
        found.append(_trained(made(6, 16, 3, tokens_per_batch=96, **options)))
    _assert_same(*found)


def test_options_are_at_work() -> None:
    """Else equal training would say little: each changes what is learnt."""
    base = OPTIONS["few redrawn"]
    torch.manual_seed(3)
    plain = _trained(FusedResidualQuantizer(6, 16, 3, tokens_per_batch=96, **base))
    for name, options in OPTIONS.items():
        changed = {} if options == base else {**base, **options}
        torch.manual_seed(3)
        other = _trained(FusedResidualQuantizer(6, 16, 3, tokens_per_batch=96, **changed))
        assert any(not torch.equal(a, b) for a, b in zip(plain, other, strict=True)), name


@pytest.mark.parametrize("name", ["as it is", "dropout", "few redrawn", "cosine", "by gradient"])
def test_groups_are_members_of_one_batch(name: str) -> None:
    options = {"dropout": 0.0, **OPTIONS.get(name, {}), "tokens_per_batch": 96}
    torch.manual_seed(3)
    ours = _trained(FusedResidualQuantizer(6, 16, 2, 3, **options))
    torch.manual_seed(3)
    _assert_same(ours, _trained(GroupedQuantizer(6, 16, 2, 3, **options)))


def test_more_dead_codes_than_vectors_wait_as_the_librarys_do() -> None:
    found = []
    for made in (FusedResidualQuantizer, ResidualQuantizer):
        torch.manual_seed(3)
        quantizer = made(6, 64, 2, tokens_per_batch=8, dead_code_share=0.25, decay=0.5)
        found.append(_trained(quantizer, tokens=8))
    _assert_same(*found)


@pytest.mark.parametrize(("dim", "codes", "levels"), [(1, 4, 2), (6, 1, 3)])
def test_smallest_shapes(dim: int, codes: int, levels: int) -> None:
    for made in (FusedResidualQuantizer, ResidualQuantizer):
        torch.manual_seed(0)
        quantizer = made(dim, codes, levels, tokens_per_batch=32).train()
        quantizer.initialise(_latents(100, dim=dim))
        latents = _latents(32, dim=dim).requires_grad_()
        quantized, indices, loss = quantizer.quantize(latents)
        (quantized.sum() + loss).backward()
        assert indices.shape == (32, levels)
        assert latents.grad is not None and bool(torch.isfinite(latents.grad).all())


def test_coding_is_the_librarys_and_moves_nothing() -> None:
    torch.manual_seed(3)
    librarys = ResidualQuantizer(6, 16, 3, tokens_per_batch=96, cosine=True).train()
    librarys.initialise(_latents(1000))
    ours = FusedResidualQuantizer(6, 16, 3, tokens_per_batch=96, cosine=True).eval()
    with pytest.raises(RuntimeError, match="train before encoding"):
        ours.indices(_latents(4))
    ours.load_arrays(librarys.arrays())
    before = {k: v.clone() for k, v in ours.state_dict().items()}
    latents = _latents(300, 1)
    indices = librarys.indices(latents)
    assert torch.equal(ours.indices(latents), indices)
    for depth in (1, 2, 3):
        assert torch.allclose(ours.decode(indices, depth), librarys.decode(indices, depth))
    assert all(torch.equal(v, before[k]) for k, v in ours.state_dict().items())
    with pytest.raises(ValueError, match="2 codebooks for 3 levels"):
        ours.load_codebooks(librarys.codebooks[:2])
    with pytest.raises(ValueError, match=r"codes are \(3, 1, 1, 6\), not \(3, 1, 16, 6\)"):
        ours.load_codebooks(librarys.codebooks[:, :1])


def _books(sizes: list[int], depths: list[int], room: int = 16) -> FusedCodebooks:
    return FusedCodebooks(
        6, room, max(depths), CodebookOptions(dead_code_share=0.25, decay=0.8),
        tokens_per_batch=64, sizes=sizes, depths=depths, members=len(sizes),
    )  # fmt: skip


@pytest.mark.parametrize("kept", [None, [3, 1, 2]])
def test_a_member_does_not_see_its_companions(kept: list[int] | None) -> None:
    """Unlike in codes and depth, each with random numbers of its own, beside each by itself."""
    sizes, depths = [16, 9, 12], [4, 3, 2]

    def generators(members: list[int]) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(100 + m) for m in members]

    def train(members: list[int]) -> list[list[Tensor]]:
        """Per member: outputs, indices, losses and gradients of each step, and its codes."""
        books = _books([sizes[m] for m in members], [depths[m] for m in members])
        drawn, found = generators(members), [[] for _ in members]  # type: ignore[var-annotated]
        books.start(torch.stack([_latents(500, m) for m in members]), drawn)
        for step in range(5):
            each = [_latents(64, 10 * step + m) * (1 + step) + step for m in members]
            latents = torch.stack(each).requires_grad_()
            cut = None if kept is None else [kept[m] for m in members]
            quantized, indices, losses = books.step(latents, cut, drawn)
            (quantized.square().sum() + losses.sum()).backward()
            for place, member in enumerate(members):
                depth = depths[member]
                found[place] += [quantized[place].detach(), indices[:depth, place]]
                found[place] += [losses[place].detach(), latents.grad[place]]
                assert bool((indices[depth:, place] == -1).all())
        for place, member in enumerate(members):
            found[place].append(books.codes[: depths[member], place, : sizes[member]])
        return found

    together = train([0, 1, 2])
    for member in (0, 1, 2):
        (alone,) = train([member])
        _assert_same(together[member], alone)


def test_what_cannot_stand_side_by_side() -> None:
    with pytest.raises(ValueError, match="depths fall from 3"):
        _books([4, 4], [2, 3])
    with pytest.raises(ValueError, match="no room for 20 codes in 16"):
        _books([20], [2])


def test_guidance_is_that_of_the_librarys() -> None:
    found = []
    for made in (GuidedFusedQuantizer, GuidedQuantizer):
        torch.manual_seed(3)
        quantizer = made(6, 16, 2, EntropyGuidance(2, 16), tokens_per_batch=96, dropout=0.5).train()
        quantizer.initialise(_latents(1000))
        losses = []
        for step in range(6):
            latents = _latents(96, step).requires_grad_()
            loss = quantizer.guidance_loss(latents, quantizer.quantize(latents)[1])
            assert loss is not None
            losses.append(loss.detach())
        found.append(losses)
    _assert_same(*found)


def test_the_configuration_says_who_trains() -> None:
    sizes = {"codec": "rqvae", "codebook_size": 8, "quantizer_depth": 2, "latent_dim": 6}
    named = {name: complete({**sizes, "quantizer_backend": name}) for name in ("library", "fused")}
    assert isinstance(new_quantizer(named["library"], "body", 64), ResidualQuantizer)
    assert isinstance(new_quantizer(named["fused"], "body", 64), FusedResidualQuantizer)
    before = {k: v for k, v in named["fused"].items() if k != "quantizer_backend"}
    assert isinstance(new_quantizer(before, "body", 64), ResidualQuantizer)


def test_the_smallest_is_the_first_of_equals() -> None:
    values = torch.tensor([[3.0, 1.0, 1.0], [float("nan"), 0.0, 1.0], [2.0, 2.0, 2.0]])
    assert smallest(values).tolist() == values.argmin(-1).tolist() == [1, 0, 0]


@pytest.mark.parametrize("decoupled", [False, True])
def test_weights_are_updated_as_torch_updates_them(decoupled: bool) -> None:
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    networks = []
    for _ in range(2):
        torch.manual_seed(1)
        networks.append(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)))
    ours, torchs = networks
    optimisers = [kind(n.parameters(), lr=0.0, weight_decay=0.1, fused=True) for n in networks]
    update = WeightUpdate(optimisers[0], 0.5)
    for step in range(6):
        rate = 0.01 / (step + 1)
        # In one step a layer has no gradient.
        layers = slice(0, 1 if step == 3 else 3)
        update.forget()
        ours[layers](_latents(16, step)).square().sum().backward()
        update.apply(rate)
        optimisers[1].zero_grad()
        torchs[layers](_latents(16, step)).square().sum().backward()
        nn.utils.clip_grad_norm_(torchs.parameters(), 0.5)
        optimisers[1].param_groups[0]["lr"] = rate
        optimisers[1].step()
        for one, other in zip(ours.parameters(), torchs.parameters(), strict=True):
            assert torch.equal(one, other)
    states = [optimiser.state_dict()["state"] for optimiser in optimisers]
    assert all(torch.equal(states[0][w][k], v) for w, s in states[1].items() for k, v in s.items())
