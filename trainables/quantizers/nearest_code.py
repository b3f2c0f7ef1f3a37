"""The plain vector quantizer: nearest code, gradients straight through, codes moved by their loss.

[https://arxiv.org/abs/1711.00937], as the heatmap VQ-GAN uses it: an embedding drawn from
U(-1/K, 1/K), or from latents where those are trained before it; no moving average, no codes
redrawn. Its loss is MSE(sg z, e) that pulls codes to latents plus `commitment` x MSE(z, sg e) that
pulls latents to codes. With `legacy` the commitment weighs the first instead, as in
taming-transformers' legacy mode and the authors' code (the paper's equation 4 has no weight at
all).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.quantizers.quantizer import Quantizer

_BLOCK = 4096
"""Tokens whose distances to all codes are held at a time."""


class NearestCode(Quantizer):
    """A codebook that learns by gradient."""

    levels = 1

    def __init__(
        self, dim: int, codes: int, commitment: float = 0.25, legacy: bool = False
    ) -> None:
        """A codebook of `codes` x `dim`, drawn from torch's global generator."""
        super().__init__()
        self.codebook = nn.Parameter(torch.empty(codes, dim).uniform_(-1 / codes, 1 / codes))
        self.weights = (commitment, 1.0) if legacy else (1.0, commitment)

    @property
    def initial_sample(self) -> int:
        """A latent for each code."""
        return len(self.codebook)

    @torch.no_grad()
    def initialise(self, latents: Tensor) -> None:
        """Codes that are latents drawn at random, each once where there are enough."""
        super().initialise(latents)
        codes = len(self.codebook)
        order = torch.randperm(len(latents)).to(latents.device)
        self.codebook.copy_(latents[order.repeat(-(-codes // len(latents)))[:codes]])

    def quantize(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Codes with the latents' gradients, indices (tokens, 1), and the weighted loss."""
        indices = self.indices(latents)
        codes = self.decode(indices)
        of_codes, of_latents = self.weights
        loss = of_codes * functional.mse_loss(codes, latents.detach())
        loss = loss + of_latents * functional.mse_loss(latents, codes.detach())
        return latents + (codes - latents).detach(), indices, loss

    @torch.no_grad()
    def indices(self, latents: Tensor) -> Tensor:
        """The nearest code of each latent, by squared distance."""
        sizes = self.codebook.square().sum(-1)
        nearest = [
            (sizes - 2 * block @ self.codebook.T).argmin(-1) for block in latents.split(_BLOCK)
        ]
        return torch.cat(nearest)[:, None]

    def decode(self, indices: Tensor, depth: int | None = None) -> Tensor:
        """Codes by index."""
        self.checked_depth(depth)
        return functional.embedding(indices[:, 0], self.codebook)

    def arrays(self) -> dict[str, Tensor]:
        """`codebooks` (1, codes, dim), as residual quantizers name them."""
        return {"codebooks": self.codebook[None]}

    def load_arrays(self, arrays: Mapping[str, Tensor]) -> None:
        """Takes what `arrays` gave."""
        with torch.no_grad():
            if arrays["codebooks"].shape != (1, *self.codebook.shape):
                raise ValueError(f"codebooks are {tuple(arrays['codebooks'].shape)}")
            self.codebook.copy_(arrays["codebooks"][0])
