"""Residual vector quantization by our own fused codebooks; what it is, `residual_vq.py` says.

The same results as vector-quantize-pytorch within rounding, from the same random numbers, at a
fraction of its time: `benchmarks/quantizer_step.py` measures both.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trainables.quantizers.codebook_options import CodebookOptions
from trainables.quantizers.fused_codebooks import FusedCodebooks
from trainables.quantizers.quantizer import Quantizer, dropout_draw
from trainables.quantizers.residual_vq import most_for_kmeans


class FusedResidualQuantizer(Quantizer):
    """Codebooks that follow the latents, perhaps one set for each equal part of the latent.

    Attributes:
        levels: groups x residual levels; all groups of a level stand side by side.
        groups: parts of the latent.
        codebook_size: codes per level and group.
    """

    def __init__(
        self,
        dim: int,
        codebook_size: int,
        levels: int,
        groups: int = 1,
        *,
        tokens_per_batch: int,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        """Codebooks that are not initialised yet.

        Args:
            dim: width of a vector, a multiple of `groups`.
            codebook_size: codes per level and group.
            levels: residual levels of each group.
            groups: parts of the vector, each with codebooks of its own.
            tokens_per_batch: vectors per training step, over all workers.
            dropout: share of the steps that stop after a level drawn at random.
            options: of `CodebookOptions`, as `ResidualQuantizer` says.
        """
        super().__init__()
        if dim % groups:
            raise ValueError(f"{dim} dimensions cannot be cut into {groups} equal groups")
        self.groups, self.levels, self.codebook_size = groups, groups * levels, codebook_size
        self._dropout = dropout
        self.books = FusedCodebooks(
            dim // groups, codebook_size, levels, CodebookOptions(**options),
            tokens_per_batch=tokens_per_batch, members=groups,
        )  # fmt: skip

    @property
    def initialised(self) -> bool:
        """Whether the codebooks hold something."""
        return bool(self.books.started)

    @property
    def initial_sample(self) -> int:
        """Training vectors that `initialise` wants, over all workers."""
        return most_for_kmeans(self.codebook_size)

    @property
    def codebooks(self) -> Tensor:
        """(groups x levels, codebook_size, dim / groups), one group after the other."""
        return self.books.codes.detach().transpose(0, 1).flatten(0, 1)

    def arrays(self) -> dict[str, Tensor]:
        """The codebooks."""
        return {"codebooks": self.codebooks}

    def load_arrays(self, arrays: Mapping[str, Tensor]) -> None:
        """Takes the codebooks."""
        self.load_codebooks(arrays["codebooks"])

    def load_codebooks(self, codebooks: Tensor) -> None:
        """Takes what `codebooks` gave to code with, ready for evaluation.

        Raises:
            ValueError: they do not fit.
        """
        if len(codebooks) != self.levels:
            raise ValueError(f"{len(codebooks)} codebooks for {self.levels} levels")
        self.books.load(codebooks.unflatten(0, (self.groups, -1)).transpose(0, 1))

    @torch.no_grad()
    def initialise(self, latents: Tensor) -> None:
        """Starts every level by k-means on a large sample of training latents (tokens, dim).

        Workers that share the codebook all pass the same vectors.
        """
        super().initialise(latents)
        self.books.start(self._in_groups(latents))

    def quantize(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One training step; the loss is summed over levels, a mean over groups."""
        self.refuse_quantizing()
        depth = self.books.levels
        kept = kept_levels(dropout_draw(self._dropout, depth), depth)
        quantized, indices, loss = self.books.step(self._in_groups(latents), [kept] * self.groups)
        if self.groups == 1:
            return quantized.squeeze(0), self._by_level(indices), loss.squeeze(0)
        return quantized.transpose(0, 1).flatten(1), self._by_level(indices), loss.mean()

    @torch.no_grad()
    def indices(self, latents: Tensor) -> Tensor:
        """Nearest codes, level by level: (tokens, dim) -> (tokens, levels). Moves nothing."""
        self.refuse_uninitialised()
        return self._by_level(self.books.nearest(self._in_groups(latents)))

    @torch.no_grad()
    def decode(self, indices: Tensor, depth: int | None = None) -> Tensor:
        """Sum of the codes of the first `depth` levels: (tokens, levels) -> (tokens, dim).

        A prefix that ends within a level leaves the other groups at their level before, or at zero.
        """
        self.refuse_uninitialised()
        depth = self.checked_depth(depth)
        codes = self.books.codes
        total = codes.new_zeros(self.groups, len(indices), codes.shape[-1])
        for place in range(depth):
            level, group = divmod(place, self.groups)
            total[group] += codes[level, group][indices[:, place]]
        return total.transpose(0, 1).flatten(1)

    def _in_groups(self, latents: Tensor) -> Tensor:
        """(tokens, dim) -> (groups, tokens, dim / groups)."""
        if self.groups == 1:
            return latents.unsqueeze(0)
        return latents.unflatten(1, (self.groups, -1)).transpose(0, 1)

    def _by_level(self, indices: Tensor) -> Tensor:
        """(levels, groups, tokens) -> (tokens, levels x groups)."""
        return indices.flatten(0, 1).T


def kept_levels(drawn: int | None, levels: int) -> int:
    """Levels of a training step whose dropout drew a seed, as the library draws them from it."""
    return levels if drawn is None else 1 + random.Random(drawn).randrange(levels)
