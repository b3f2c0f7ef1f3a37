"""SimVQ: codes are a linear image of frozen random vectors, so that all of them move together.

Zhu et al., https://arxiv.org/abs/2411.02038; residual levels as in SoundStream. The linear maps are
trained with the networks, by the codebook's half of the loss.
"""

from __future__ import annotations

import torch
from torch import Tensor
from vector_quantize_pytorch import ResidualSimVQ

from trainables.quantizers.quantizer import Weighted, dropout_draw


class SimQuantizer(Weighted):
    """Residual levels of linearly transformed codebooks."""

    def __init__(
        self,
        dim: int,
        codebook_size: int,
        levels: int,
        *,
        rotation_trick: bool = True,
        dropout: float = 0.0,
    ) -> None:
        """As `ResidualQuantizer`, with codes that training moves by gradient."""
        super().__init__()
        self.levels = levels
        self._dropout = dropout
        self.library = ResidualSimVQ(
            dim=dim,
            num_quantizers=levels,
            codebook_size=codebook_size,
            rotation_trick=rotation_trick and dim > 1,
        )

    @property
    def codebooks(self) -> Tensor:
        """(levels, codebook_size, dim) code vectors as they stand."""
        return torch.as_tensor(self.library.codebooks).detach()

    def quantize(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One training step; the loss is of codes and of latents, a quarter for the latter."""
        self.refuse_quantizing()
        cut = dropout_draw(self._dropout, self.levels)
        self.library.quantize_dropout = cut is not None
        quantized, indices, losses = self.library(
            latents[None], rand_quantize_dropout_fixed_seed=cut
        )
        return quantized[0], indices[0], losses.sum()

    @torch.no_grad()
    def indices(self, latents: Tensor) -> Tensor:
        """Nearest codes, level by level: (tokens, dim) -> (tokens, levels). Moves nothing."""
        residual = latents
        chosen = []
        for codes in self.codebooks:
            half_norms = 0.5 * (codes * codes).sum(1)
            nearest = (half_norms - residual @ codes.T).argmin(1)
            residual = residual - codes[nearest]
            chosen.append(nearest)
        return torch.stack(chosen, 1)

    @torch.no_grad()
    def decode(self, indices: Tensor, depth: int | None = None) -> Tensor:
        """Sum of the codes of the first `depth` levels: (tokens, levels) -> (tokens, dim)."""
        depth = self.checked_depth(depth)
        codebooks = self.codebooks
        return torch.stack([codebooks[q][indices[:, q]] for q in range(depth)]).sum(0)
