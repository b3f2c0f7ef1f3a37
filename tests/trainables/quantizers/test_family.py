"""Quantizers beside the residual one: against the library that they wrap, and against the maths."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from vector_quantize_pytorch import FSQ, LFQ, GroupedResidualVQ, ResidualFSQ, ResidualSimVQ, SimVQ

from search_spaces.errors import BadInput
from search_spaces.families import complete
from search_spaces.quantizers import QUANTIZERS, fsq_steps, level_size, quantized_alphabet
from search_spaces.space import Value
from trainables.quantizers.finite_scalar import (
    FiniteScalarQuantizer,
    ResidualFiniteScalarQuantizer,
)
from trainables.quantizers.grouped import GroupedQuantizer
from trainables.quantizers.lookup_free import LookupFreeQuantizer
from trainables.quantizers.named import new_quantizer
from trainables.quantizers.quantizer import Quantizer
from trainables.quantizers.residual_vq import ResidualQuantizer
from trainables.quantizers.sim_vq import SimQuantizer


def _latents(tokens: int, seed: int = 0, dim: int = 6) -> torch.Tensor:
    return torch.randn(tokens, dim, generator=torch.Generator().manual_seed(seed))


def _grouped(levels: int = 2, groups: int = 3, dropout: float = 0.0) -> GroupedQuantizer:
    torch.manual_seed(0)
    quantizer = GroupedQuantizer(6, 8, levels, groups, dropout=dropout, tokens_per_batch=128)
    quantizer.train().initialise(_latents(2000))
    return quantizer


MADE: dict[str, Callable[[], Quantizer]] = {
    "grouped_residual_vq": _grouped,
    "fsq": lambda: FiniteScalarQuantizer(6, (8, 5, 5)),
    "residual_fsq": lambda: ResidualFiniteScalarQuantizer(6, (5, 3), 3),
    "lfq": lambda: LookupFreeQuantizer(6, 16),
    "sim_vq": lambda: SimQuantizer(6, 16, 3),
}


@pytest.fixture(params=MADE)
def quantizer(request: pytest.FixtureRequest) -> Quantizer:
    torch.manual_seed(0)
    return MADE[request.param]().train()


def test_training_and_coding_choose_the_same_codes(quantizer: Quantizer) -> None:
    latents = _latents(300, seed=1)
    coded = quantizer.indices(latents)
    trained = quantizer.quantize(latents)[1]
    assert coded.dtype == trained.dtype == torch.int64
    assert coded.shape == (300, quantizer.levels)
    # The library's matrix product may round a tie to the other side.
    assert float((coded == trained).double().mean()) > 0.995


def test_what_training_decodes_is_what_coding_decodes(quantizer: Quantizer) -> None:
    latents = _latents(300, seed=1)
    expected = quantizer.decode(quantizer.indices(latents))
    quantized = quantizer.quantize(latents)[0]
    assert torch.allclose(quantized, expected, atol=1e-4)


def test_gradients_reach_the_latents(quantizer: Quantizer) -> None:
    latents = _latents(128, seed=1).requires_grad_()
    quantized, _, loss = quantizer.quantize(latents)
    (quantized.square().sum() + loss).backward()
    assert latents.grad is not None and torch.isfinite(latents.grad).all()
    assert float(latents.grad.abs().sum()) > 0


def test_coding_moves_nothing(quantizer: Quantizer) -> None:
    before = {k: v.clone() for k, v in quantizer.state_dict().items()}
    quantizer.decode(quantizer.indices(_latents(300, seed=2) * 10))
    assert quantizer.training and all(m.training for m in quantizer.modules())
    assert all(torch.equal(v, before[k]) for k, v in quantizer.state_dict().items())


def test_loaded_arrays_code_alike(quantizer: Quantizer, request: pytest.FixtureRequest) -> None:
    torch.manual_seed(7)
    other = MADE[request.node.callspec.params["quantizer"]]()
    other.load_arrays({k: v.clone() for k, v in quantizer.arrays().items()})
    latents = _latents(200, seed=5)
    indices = quantizer.indices(latents)
    assert torch.equal(other.indices(latents), indices)
    assert torch.equal(other.decode(indices), quantizer.decode(indices))


def test_no_such_depth(quantizer: Quantizer) -> None:
    indices = quantizer.indices(_latents(5))
    for depth in (0, quantizer.levels + 1):
        with pytest.raises(ValueError, match=f"from 1 to {quantizer.levels}"):
            quantizer.decode(indices, depth)


def test_an_evaluating_quantizer_takes_no_step(quantizer: Quantizer) -> None:
    with pytest.raises(RuntimeError, match="training mode"):
        quantizer.eval().quantize(_latents(4))
    with pytest.raises(RuntimeError, match="training mode"):
        quantizer.initialise(_latents(4))


def test_every_code_of_a_level_is_reached_and_none_beyond() -> None:
    wide = _latents(20_000, seed=3) * 4
    torch.manual_seed(0)
    for made, size in ((FiniteScalarQuantizer(6, (5, 4, 3)), 60), (LookupFreeQuantizer(6, 16), 16)):
        found = made.indices(wide)
        assert int(found.min()) == 0 and int(found.max()) == size - 1
        assert len(torch.unique(found)) > 0.9 * size


# ---- groups ----------------------------------------------------------------------------------


def test_groups_code_as_the_librarys_grouped_quantizer() -> None:
    ours = _grouped()
    library = GroupedResidualVQ(dim=6, groups=3, num_quantizers=2, codebook_size=8).eval()
    for rvq, part in zip(library.rvqs, ours._parts, strict=True):
        for layer, codes in zip(rvq.layers, part.codebooks, strict=True):
            layer._codebook.embed.copy_(codes[None])
    latents = _latents(300, seed=1)
    quantized, indices, _ = library(latents[None])
    expected = indices[:, 0].permute(1, 2, 0).flatten(1)  # (groups, tokens, levels) -> by level
    assert torch.equal(ours.indices(latents), expected)
    assert torch.allclose(ours.decode(expected), quantized[0], atol=1e-6)


def test_a_prefix_within_a_level_leaves_other_groups_as_they_were() -> None:
    quantizer = _grouped()
    indices = quantizer.indices(_latents(50))
    one, two, level, more = (quantizer.decode(indices, d) for d in (1, 2, 3, 4))
    assert torch.equal(one[:, :2], two[:, :2]) and not one[:, 2:].any()
    assert not two[:, 4:].any() and two[:, 2:4].any()
    assert torch.equal(level[:, 2:], more[:, 2:]) and not torch.equal(level[:, :2], more[:, :2])
    assert torch.equal(quantizer.decode(indices, 6), quantizer.decode(indices))


def test_groups_start_together_or_not_at_all() -> None:
    quantizer = GroupedQuantizer(6, 8, 2, 2, dropout=0.0, tokens_per_batch=32)
    assert not quantizer.initialised
    with pytest.raises(RuntimeError, match="train before encoding"):
        quantizer.indices(_latents(4))
    with pytest.raises(ValueError, match="6 dimensions cannot be cut into 4 equal groups"):
        GroupedQuantizer(6, 8, 2, 4, dropout=0.0, tokens_per_batch=32)


def test_groups_drop_the_same_levels() -> None:
    quantizer = _grouped(levels=4, dropout=1.0)
    cuts = set()
    for _ in range(40):
        dropped = (quantizer.quantize(_latents(16))[1] == -1).reshape(16, 4, 3)
        assert bool((dropped == dropped[:1, :, :1]).all())
        cuts.add(int(dropped[0, :, 0].sum()))
    assert cuts == {0, 1, 2, 3}


# ---- finite scalars --------------------------------------------------------------------------


def test_steps_are_those_of_the_papers_table() -> None:
    table = {2**8: 240, 2**10: 1000, 2**12: 4375, 2**14: 15360, 2**16: 64000}
    assert {size: math.prod(fsq_steps(size)) for size in table} == table


@pytest.mark.parametrize("size", [*range(2, 70), 100, 128, 500, 512, 2048, 3000, 60_000])
def test_steps_come_near_any_size(size: int) -> None:
    steps = fsq_steps(size)
    assert abs(math.prod(steps) / size - 1) <= 0.25
    assert max(steps) <= 8 and (size < 25 or min(steps) >= 5)
    assert level_size("fsq", size) == math.prod(steps)


def test_finite_scalars_are_the_librarys() -> None:
    latents = _latents(200, seed=1)
    torch.manual_seed(3)
    ours = FiniteScalarQuantizer(6, (8, 6, 5))
    torch.manual_seed(3)
    library = FSQ(levels=[8, 6, 5], dim=6).eval()
    quantized, indices = library(latents[None])
    assert torch.equal(ours.indices(latents)[:, 0], indices[0].long())
    assert torch.allclose(ours.decode(ours.indices(latents)), quantized[0], atol=1e-6)
    torch.manual_seed(3)
    residual = ResidualFiniteScalarQuantizer(6, (8, 6, 5), 3)
    torch.manual_seed(3)
    library = ResidualFSQ(levels=[8, 6, 5], num_quantizers=3, dim=6).eval()
    quantized, indices = library(latents[None])
    assert torch.equal(residual.indices(latents), indices[0].long())
    assert torch.allclose(residual.decode(residual.indices(latents)), quantized[0], atol=1e-6)


def test_rounding_finer_comes_nearer() -> None:
    torch.manual_seed(0)
    quantizer = ResidualFiniteScalarQuantizer(6, (5, 5, 5, 5, 5, 5), 3)  # as wide: no projection
    latents = _latents(500) * 0.3
    indices = quantizer.indices(latents)
    errors = [float(((quantizer.decode(indices, q) - latents) ** 2).mean()) for q in (1, 2, 3)]
    assert errors == sorted(errors, reverse=True) and errors[2] < 0.2 * errors[0]


# ---- signs and linear images -----------------------------------------------------------------


def test_signs_are_the_librarys() -> None:
    torch.manual_seed(3)
    ours = LookupFreeQuantizer(6, 32)
    torch.manual_seed(3)
    library = LFQ(dim=6, codebook_size=32, spherical=True).eval()
    latents = _latents(200, seed=1)
    quantized, indices, _ = library(latents[None])
    assert torch.equal(ours.indices(latents)[:, 0], indices[0].long())
    assert torch.allclose(ours.decode(ours.indices(latents)), quantized[0], atol=1e-6)


def test_linear_images_are_the_librarys() -> None:
    torch.manual_seed(3)
    ours = SimQuantizer(6, 16, 3)
    torch.manual_seed(3)
    library = ResidualSimVQ(dim=6, num_quantizers=3, codebook_size=16).eval()
    latents = _latents(200, seed=1)
    quantized, indices, _ = library(latents[None])
    assert torch.equal(ours.indices(latents), indices[0])
    assert torch.allclose(ours.decode(indices[0]), quantized[0], atol=1e-5)


def test_all_codes_of_a_linear_image_move_together() -> None:
    torch.manual_seed(0)
    quantizer = SimQuantizer(6, 16, 1).train()
    before = quantizer.codebooks
    optimiser = torch.optim.SGD(quantizer.parameters(), lr=1.0)
    latents = _latents(3)  # uses 3 codes at most
    quantizer.quantize(latents)[2].backward()
    optimiser.step()
    assert bool((quantizer.codebooks != before).any(2).all())


# ---- by name ---------------------------------------------------------------------------------


def _config(**more: Value) -> dict[str, Value]:
    given = {"codec": "rqvae", "codebook_size": 16, "quantizer_depth": 2, "latent_dim": 8}
    return complete({**given, **more})


@pytest.mark.parametrize("name", QUANTIZERS)
def test_every_name_makes_a_quantizer_of_its_alphabet(name: str) -> None:
    depth = 1 if name in ("fsq", "lfq") else 2
    groups = 2 if name == "grouped_residual_vq" else 1
    config = _config(quantizer=name, quantizer_depth=depth, groups=groups)
    quantizer = new_quantizer(config, "body", 64).train()
    quantizer.initialise(_latents(500, dim=8))
    sizes = quantized_alphabet(config, "body")
    found = quantizer.indices(_latents(2000, dim=8) * 3)
    assert found.shape == (2000, quantizer.levels) and quantizer.levels == len(sizes)
    assert (found >= 0).all() and (found < torch.tensor(sizes)).all()


def test_a_part_may_have_its_own_quantizer() -> None:
    config = _config(**{"quantizer.left_hand": "residual_fsq", "codebook_size.left_hand": 256})
    assert isinstance(new_quantizer(config, "body", 64), ResidualQuantizer)
    assert isinstance(new_quantizer(config, "left_hand", 64), ResidualFiniteScalarQuantizer)
    assert quantized_alphabet(config, "left_hand") == (240, 240)
    assert quantized_alphabet(config, "body") == (16, 16)


def test_signs_train_in_one_worker() -> None:
    config = _config(quantizer="lfq", quantizer_depth=1)
    with pytest.raises(BadInput, match="lfq trains in one worker"):
        new_quantizer(config, "body", 64, synchronise=True)


def test_an_unknown_name() -> None:
    with pytest.raises(BadInput, match="no quantizer 'vq'; there are residual_vq"):
        new_quantizer({**_config(), "quantizer": "vq"}, "body", 64)


# ---- what the search space refuses, the library or the maths really cannot do ----------------


def test_what_cannot_be_made() -> None:
    with pytest.raises(AssertionError):
        GroupedResidualVQ(dim=8, groups=3, num_quantizers=1, codebook_size=4)
    with pytest.raises(AssertionError, match="power of 2"):
        LFQ(dim=8, codebook_size=24)
    with pytest.raises(AssertionError, match="preserve_symmetry"):
        FSQ(levels=[2], dim=8)
    with pytest.raises(AssertionError):
        ResidualFSQ(levels=[1], num_quantizers=2, dim=8)
    for made in (FSQ, LFQ, SimVQ):
        for option in ("use_cosine_sim", "kmeans_init", "threshold_ema_dead_code"):
            given = {"levels": [5, 5]} if made is FSQ else {"codebook_size": 16, "dim": 8}
            with pytest.raises(TypeError, match=option):
                made(**given, **{option: 1})
    assert not ResidualSimVQ(
        dim=8, num_quantizers=1, codebook_size=4, quantize_dropout=True
    ).quantize_dropout


def test_gradients_and_the_unit_sphere_exclude_each_other() -> None:
    with pytest.raises(AssertionError, match="cosine sim"):
        ResidualQuantizer(8, 4, 1, tokens_per_batch=64, cosine=True, by_gradient=True)


def test_a_line_has_two_directions() -> None:
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(1, 4, 1, tokens_per_batch=64, cosine=True).train()
    quantizer.initialise(_latents(300, dim=1))
    assert len(torch.unique(quantizer.decode(quantizer.indices(_latents(300, dim=1))))) <= 2
