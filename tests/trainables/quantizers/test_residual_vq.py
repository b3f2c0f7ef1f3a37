"""The residual quantizer: against the library it wraps, and what the library leaves open."""

from __future__ import annotations

import pytest
import torch

from trainables.quantizers.residual_vq import ResidualQuantizer


def _latents(tokens: int, seed: int = 0, dim: int = 6) -> torch.Tensor:
    return torch.randn(tokens, dim, generator=torch.Generator().manual_seed(seed))


def _started(
    levels: int = 3, codes: int = 16, tokens: int = 128, **options: float
) -> ResidualQuantizer:
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(6, codes, levels, tokens_per_batch=tokens, **options)
    quantizer.train().initialise(_latents(2000))
    return quantizer


def test_indices_are_the_librarys() -> None:
    quantizer = _started().eval()
    latents = _latents(500, seed=1)
    expected = quantizer._library(latents[None])[1][0]
    assert torch.equal(quantizer.indices(latents), expected)


def test_a_prefix_is_what_the_library_decodes_without_the_other_levels() -> None:
    quantizer = _started().eval()
    indices = quantizer.indices(_latents(500, seed=1))
    for depth in (1, 2, 3):
        cut = indices.clone()
        cut[:, depth:] = -1
        expected = quantizer._library.get_output_from_indices(cut[None])[0]
        assert torch.allclose(quantizer.decode(indices, depth), expected, atol=1e-6)
    for depth in (0, 4):
        with pytest.raises(ValueError, match="depth must be from 1 to 3"):
            quantizer.decode(indices, depth)


def test_each_level_comes_nearer() -> None:
    quantizer = _started(levels=4)
    latents = _latents(1000, seed=1)
    indices = quantizer.indices(latents)
    errors = [float(((quantizer.decode(indices, q) - latents) ** 2).mean()) for q in (1, 2, 3, 4)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < float((latents**2).mean())


def test_commitment_is_summed_over_levels() -> None:
    quantizer = _started()
    latents = _latents(128, seed=1)
    codebooks = quantizer.codebooks.clone()
    _, indices, commitment = quantizer.quantize(latents)
    residual, expected = latents, 0.0
    for level in range(3):
        codes = codebooks[level][indices[:, level]]
        expected += float(((residual - codes) ** 2).mean())
        residual = residual - codes
    assert float(commitment.detach()) == pytest.approx(expected, rel=1e-4)


def test_gradients_reach_the_latents_and_codebooks_follow_them() -> None:
    quantizer = _started()
    latents = _latents(128, seed=1).requires_grad_()
    before = quantizer.codebooks.clone()
    quantized, _, commitment = quantizer.quantize(latents)
    (quantized.square().sum() + commitment).backward()
    assert latents.grad is not None and float(latents.grad.abs().min(1).values.max()) > 0
    assert not torch.equal(before, quantizer.codebooks)
    assert not list(quantizer.parameters()), "codebooks move by average, not by gradient"


def test_evaluation_never_fills_the_codebooks() -> None:
    quantizer = ResidualQuantizer(6, 16, 2, tokens_per_batch=64).eval()
    with pytest.raises(RuntimeError, match="train before encoding"):
        quantizer.indices(_latents(64))
    with pytest.raises(RuntimeError, match="train before encoding"):
        quantizer.decode(torch.zeros(4, 2, dtype=torch.long))
    with pytest.raises(RuntimeError, match="in training mode only"):
        quantizer.initialise(_latents(64))
    with pytest.raises(RuntimeError, match="initialised codebooks"):
        quantizer.train().quantize(_latents(64))
    assert not quantizer.initialised


def test_evaluation_moves_nothing() -> None:
    quantizer = _started().eval()
    before = {k: v.clone() for k, v in quantizer.state_dict().items()}
    quantizer.decode(quantizer.indices(_latents(300, seed=2) * 10))
    assert all(torch.equal(v, before[k]) for k, v in quantizer.state_dict().items())


def test_the_first_counts_are_those_of_one_batch() -> None:
    quantizer = _started(tokens=128)
    for book in quantizer._books:
        assert float(book.cluster_size.sum()) == pytest.approx(128, rel=1e-4)
        sums = book.cluster_size[..., None] * book.embed
        assert torch.allclose(book.embed_avg, sums, rtol=1e-2, atol=1e-3)


def test_living_codes_stay_where_codes_outnumber_the_batch() -> None:
    # With the library's customary threshold of 2 uses a batch, every code of this one is dead.
    quantizer = _started(levels=1, codes=64, tokens=32, decay=0.99)
    before = quantizer.codebooks[0].clone()
    quantizer.quantize(_latents(32, seed=3))
    moved = (quantizer.codebooks[0] - before).norm(dim=1)
    assert float(moved.max()) < 0.5 * float(before.norm(dim=1).mean())


@pytest.mark.parametrize(("share", "revived"), [(0.25, True), (0.0, False)])
def test_dead_codes_are_redrawn(share: float, revived: bool) -> None:
    quantizer = _started(levels=1, codes=8, dead_code_share=share, decay=0.8)
    torch.manual_seed(0)
    far = _latents(128, seed=4) + 50.0  # latents that have moved away from all codes but one
    for _ in range(30):
        quantizer.quantize(far)
    used = len(torch.unique(quantizer.indices(far)))
    assert (used > 4) if revived else (used <= 2)


def test_fewer_latents_than_codes_still_start() -> None:
    quantizer = ResidualQuantizer(6, 16, 2, tokens_per_batch=4).train()
    latents = _latents(4)
    quantizer.initialise(latents)
    assert torch.isfinite(quantizer.codebooks).all()
    indices = quantizer.indices(latents)
    assert torch.allclose(quantizer.decode(indices), latents, atol=1e-3)


@pytest.mark.parametrize(("dim", "codes", "levels"), [(1, 4, 2), (6, 1, 1), (6, 1, 3)])
def test_smallest_shapes(dim: int, codes: int, levels: int) -> None:
    quantizer = ResidualQuantizer(dim, codes, levels, tokens_per_batch=32).train()
    quantizer.initialise(_latents(100, dim=dim))
    latents = _latents(32, dim=dim).requires_grad_()
    quantized, indices, commitment = quantizer.quantize(latents)
    (quantized.sum() + commitment).backward()
    assert indices.shape == (32, levels)
    assert latents.grad is not None and torch.isfinite(latents.grad).all()


def test_loaded_codebooks_code_alike() -> None:
    quantizer = _started().eval()
    other = ResidualQuantizer(6, 16, 3, tokens_per_batch=1).eval()
    other.load_codebooks(quantizer.codebooks)
    latents = _latents(200, seed=5)
    assert torch.equal(other.indices(latents), quantizer.indices(latents))
    with pytest.raises(ValueError, match=r"shorter|longer"):
        other.load_codebooks(quantizer.codebooks[:2])


def test_directions_are_the_librarys() -> None:
    quantizer = _started(cosine=True).eval()
    latents = _latents(500, seed=1)
    expected = quantizer._library(latents[None])[1][0]
    assert torch.equal(quantizer.indices(latents), expected)
    assert torch.allclose(quantizer.codebooks.norm(dim=2), torch.ones(3, 16), atol=1e-5)
    assert torch.equal(quantizer.indices(latents)[:, 0], quantizer.indices(3 * latents)[:, 0])


def test_straight_through_gradients_are_those_of_what_comes_out() -> None:
    weights = _latents(128, seed=7)
    for rotation_trick in (False, True):
        quantizer = _started(levels=1, rotation_trick=rotation_trick)
        latents = _latents(128, seed=1).requires_grad_()
        (quantizer.quantize(latents)[0] * weights).sum().backward()
        assert torch.equal(latents.grad, weights) != rotation_trick


def test_random_codes_know_nothing_of_the_latents() -> None:
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(6, 16, 2, tokens_per_batch=64, codebook_init="random").train()
    drawn = quantizer.codebooks.clone()
    assert not quantizer.initialised
    with pytest.raises(RuntimeError, match="train before encoding"):
        quantizer.indices(_latents(4))
    quantizer.initialise(_latents(500))
    assert quantizer.initialised and torch.equal(quantizer.codebooks, drawn)
    for book in quantizer._books:
        assert float(book.cluster_size.sum()) == pytest.approx(64)
        assert torch.allclose(book.embed_avg, book.embed * book.cluster_size[..., None])


def test_dropout_leaves_out_later_levels_and_their_loss() -> None:
    torch.manual_seed(0)
    quantizer = _started(levels=4, dropout=0.5)
    latents, cuts = _latents(64, seed=1), []
    for _ in range(300):
        indices = quantizer.quantize(latents)[1]
        kept = int((indices[0] >= 0).sum())
        assert bool(((indices >= 0).sum(1) == kept).all())
        assert bool((indices[:, :kept] >= 0).all())
        cuts.append(kept)
    # Half of the steps have all levels, the others as many as a fair die of 4 says.
    shares = [cuts.count(n) / len(cuts) for n in (1, 2, 3, 4)]
    assert shares[3] == pytest.approx(0.5 + 0.125, abs=0.1)
    assert shares[:3] == pytest.approx([0.125] * 3, abs=0.07)


def test_without_dropout_no_random_number_is_taken() -> None:
    quantizer = _started(dead_code_share=0.0)
    before = torch.get_rng_state()
    quantizer.quantize(_latents(64))
    assert torch.equal(torch.get_rng_state(), before)


def test_codes_follow_the_loss_where_no_average_moves_them() -> None:
    quantizer = _started(by_gradient=True, dead_code_share=0.0)
    optimiser = torch.optim.SGD(quantizer.parameters(), lr=1.0)
    latents, before = _latents(128, seed=1), quantizer.codebooks.clone()
    _, indices, loss = quantizer.quantize(latents)
    assert torch.equal(quantizer.codebooks, before), "an average moved them"
    loss.backward()
    optimiser.step()
    # The first level's codes move towards the mean of what chose them, by its share of the mean.
    chosen = indices[:, 0]
    for code in range(16):
        own = latents[chosen == code]
        step = 2 / (128 * 6) * (own - before[0, code]).sum(0)
        assert torch.allclose(quantizer.codebooks[0, code] - before[0, code], step, atol=1e-5)
    assert bool((quantizer.codebooks[1:] != before[1:]).any())
