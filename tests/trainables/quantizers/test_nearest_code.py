"""The plain quantizer: nearest codes, gradients straight through, and which side is weighed."""

from __future__ import annotations

import pytest
import torch

from trainables.networks.seeded import SeededTorch
from trainables.quantizers.nearest_code import NearestCode


def made(legacy: bool = False) -> NearestCode:
    with SeededTorch() as generator:
        generator.seed(0)
        return NearestCode(2, 5, 0.25, legacy)


def test_codes_are_the_nearest_and_gradients_go_straight_through() -> None:
    quantizer = made()
    z = torch.randn(50, 2, generator=torch.Generator().manual_seed(1)).mul(0.2).requires_grad_()
    quantized, indices, _ = quantizer.quantize(z)
    apart = torch.cdist(z.detach(), quantizer.codebook.detach())
    assert torch.equal(indices[:, 0], apart.argmin(1))
    assert torch.allclose(quantized, quantizer.decode(indices), atol=1e-6)
    (quantized * torch.tensor([1.0, 2.0])).sum().backward()
    assert z.grad is not None
    assert torch.equal(z.grad, torch.tensor([[1.0, 2.0]]).expand(50, 2))


@pytest.mark.parametrize("legacy", [False, True])
def test_the_commitment_weighs_the_side_that_it_says(legacy: bool) -> None:
    """The authors' code weighs the codes' pull by 0.25, the usual form the latents'."""
    quantizer = made(legacy)
    z = torch.tensor([[0.7, -0.4]], requires_grad=True)
    _, indices, loss = quantizer.quantize(z)
    loss.backward()
    code = quantizer.codebook.detach()[indices[0, 0]]
    away = z.detach()[0] - code
    pull_of_latent, pull_of_code = (1.0, 0.25) if legacy else (0.25, 1.0)
    assert z.grad is not None and quantizer.codebook.grad is not None
    assert torch.allclose(z.grad[0], pull_of_latent * away)
    assert torch.allclose(quantizer.codebook.grad[indices[0, 0]], -pull_of_code * away)
    assert float(loss) == pytest.approx(1.25 * float(away.square().mean()))


def test_first_codes_are_small_and_what_is_saved_comes_back() -> None:
    one, other = made(), NearestCode(2, 5)
    assert float(one.codebook.detach().abs().max()) <= 1 / 5
    other.load_arrays(one.arrays())
    assert torch.equal(one.codebook, other.codebook)
    with pytest.raises(ValueError, match="codebooks are"):
        NearestCode(2, 4).load_arrays(one.arrays())
