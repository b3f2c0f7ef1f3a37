"""Grouped residual vector quantization: parts of the latent, each with residual levels of its own.

HiFi-Codec, https://arxiv.org/abs/2305.02765. What the library's GroupedResidualVQ does, made of
our residual quantizers, so that all they settle holds for each group. Indices stand level by level,
all groups of a level side by side; a prefix that ends within a level leaves the other groups' parts
of the latent at their level before, or at zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from trainables.quantizers.quantizer import Quantizer, dropout_draw
from trainables.quantizers.residual_vq import ResidualQuantizer


class GroupedQuantizer(Quantizer):
    """A residual quantizer for each equal part of the latent.

    Attributes:
        levels: groups x residual levels.
    """

    def __init__(
        self,
        dim: int,
        codebook_size: int,
        levels: int,
        groups: int,
        *,
        dropout: float,
        **options: Any,
    ) -> None:
        """Groups that are not initialised yet.

        Args:
            dim: width of a vector, a multiple of `groups`.
            codebook_size: codes per level and group.
            levels: residual levels of each group.
            groups: parts of the vector.
            dropout: share of the steps that stop after a level drawn at random, the same level in
                all groups.
            options: of each `ResidualQuantizer`.
        """
        super().__init__()
        if dim % groups:
            raise ValueError(f"{dim} dimensions cannot be cut into {groups} equal groups")
        self.groups = groups
        self.levels = groups * levels
        self._dropout = dropout
        self._parts = nn.ModuleList(
            ResidualQuantizer(dim // groups, codebook_size, levels, **options)
            for _ in range(groups)
        )

    @property
    def initialised(self) -> bool:
        """Whether all groups' codebooks hold something."""
        return all(part.initialised for part in self._parts)

    @property
    def initial_sample(self) -> int:
        """Training vectors that `initialise` wants, over all workers."""
        return int(self._parts[0].initial_sample)

    @torch.no_grad()
    def initialise(self, latents: Tensor) -> None:
        """Starts each group from its part of the latents (tokens, dim)."""
        for part, own in zip(self._parts, latents.chunk(self.groups, 1), strict=True):
            part.initialise(own.contiguous())

    def quantize(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One training step; the loss is summed over levels, a mean over groups."""
        self.refuse_quantizing()
        cut = dropout_draw(self._dropout, self.levels // self.groups)
        found = [
            part.quantize_to(own, cut)
            for part, own in zip(self._parts, latents.chunk(self.groups, 1), strict=True)
        ]
        quantized, indices, losses = zip(*found, strict=True)
        return torch.cat(quantized, 1), self._by_level(indices), torch.stack(losses).mean()

    @torch.no_grad()
    def indices(self, latents: Tensor) -> Tensor:
        """Nearest codes of each group: (tokens, dim) -> (tokens, levels). Moves nothing."""
        parts = zip(self._parts, latents.chunk(self.groups, 1), strict=True)
        return self._by_level([part.indices(own) for part, own in parts])

    @torch.no_grad()
    def decode(self, indices: Tensor, depth: int | None = None) -> Tensor:
        """The groups' sums end to end: (tokens, levels) -> (tokens, dim)."""
        self.refuse_uninitialised()
        depth = self.checked_depth(depth)
        decoded = []
        for group, part in enumerate(self._parts):
            own = indices[:, group :: self.groups]
            known = -(-(depth - group) // self.groups)  # levels of this group within the prefix
            vectors = part.decode(own, max(known, 1))
            decoded.append(vectors if known > 0 else torch.zeros_like(vectors))
        return torch.cat(decoded, 1)

    def arrays(self) -> dict[str, Tensor]:
        """`codebooks` (groups x levels, codes, dim / groups), one group after the other."""
        return {"codebooks": torch.cat([part.codebooks for part in self._parts])}

    def load_arrays(self, arrays: Mapping[str, Tensor]) -> None:
        """Takes the codebooks."""
        shares = arrays["codebooks"].chunk(self.groups)
        for part, codebooks in zip(self._parts, shares, strict=True):
            part.load_codebooks(codebooks)

    def _by_level(self, indices: Any) -> Tensor:
        return torch.stack(list(indices), 2).flatten(1)
