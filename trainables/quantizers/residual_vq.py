"""Residual vector quantization: each level codes what the levels before it left over.

The one module that touches vector-quantize-pytorch (SoundStream, https://arxiv.org/abs/2107.03312,
algorithm 1; gradients by the rotation trick, https://arxiv.org/abs/2410.06424). What the library
leaves to its caller is settled here: codebooks start from k-means on training latents and never on
an evaluation batch, losses are summed over levels, a dead code is told by its share of the batch,
and a prefix of the levels decodes without quantizer dropout.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed
from torch import Tensor, nn
from vector_quantize_pytorch import ResidualVQ
from vector_quantize_pytorch.vector_quantize_pytorch import batched_sample_vectors

_INITIAL_WORK = 1 << 24  # vectors x codes of the first k-means: bounds its memory at some 300 MB


class ResidualQuantizer(nn.Module):
    """Codebooks that follow the latents by moving average.

    Attributes:
        levels: residual levels.
        codebook_size: codes per level.
        tokens_per_batch: vectors that one training step sees, over all workers.
    """

    def __init__(
        self,
        dim: int,
        codebook_size: int,
        levels: int,
        *,
        tokens_per_batch: int,
        decay: float = 0.99,
        dead_code_share: float = 0.05,
        synchronise: bool = False,
    ) -> None:
        """Codebooks that are not initialised yet.

        Args:
            dim: width of a vector.
            codebook_size: codes per level.
            levels: residual levels.
            tokens_per_batch: vectors per training step, over all workers.
            decay: of the moving average.
            dead_code_share: a code used less than this share of uniform use is redrawn. The
                library's threshold counts uses per batch, so a fixed number would call every code
                dead as soon as codes outnumber the batch.
            synchronise: whether the workers of the default process group share one codebook, as
                one worker with the whole batch would train it: every worker initialises from the
                same vectors, and dead codes are redrawn from the whole batch with the same random
                numbers. Said outright, because the library asks torch.distributed only once per
                process.
        """
        super().__init__()
        self.levels = levels
        self.codebook_size = codebook_size
        self.tokens_per_batch = tokens_per_batch
        self._library = ResidualVQ(
            dim=dim,
            num_quantizers=levels,
            codebook_size=codebook_size,
            decay=decay,
            kmeans_init=True,
            threshold_ema_dead_code=dead_code_share * tokens_per_batch / codebook_size,
            rotation_trick=dim > 1,
            commitment_weight=1.0,
            sync_codebook=synchronise,
        )
        for book in self._books:
            # The library would draw each worker's candidates from its own share.
            book.sample_fn = book.replace_sample_fn = batched_sample_vectors
            book.kmeans_all_reduce_fn = _nothing
            if synchronise:
                book.replace = functools.partial(_replace_from_all_workers, book.replace)

    @property
    def initialised(self) -> bool:
        """Whether the codebooks hold something."""
        return all(bool(book.initted) for book in self._books)

    @property
    def initial_sample(self) -> int:
        """Training vectors that `initialise` wants, over all workers."""
        return min(max(_INITIAL_WORK // self.codebook_size, 2 * self.codebook_size), 16_384)

    @property
    def codebooks(self) -> Tensor:
        """(levels, codebook_size, dim) code vectors."""
        return torch.cat([book.embed for book in self._books]).detach()

    def load_codebooks(self, codebooks: Tensor) -> None:
        """Takes codebooks (levels, codebook_size, dim) to code with, ready for evaluation."""
        for book, codes in zip(self._books, codebooks, strict=True):
            book.embed.copy_(codes[None])
            book.embed_avg.copy_(codes[None])
            book.cluster_size.fill_(1.0)
            book.initted.fill_(True)

    @torch.no_grad()
    def initialise(self, latents: Tensor) -> None:
        """Starts every level by k-means on a large sample of training latents (tokens, dim).

        Workers that share the codebook all pass the same vectors.
        """
        if not self.training:
            raise RuntimeError("codebooks are initialised in training mode only")
        short = self.codebook_size - len(latents)
        if short > 0:
            latents = torch.cat([latents, latents[torch.arange(short) % len(latents)]])
        summed = [book.all_reduce_fn for book in self._books]
        for book in self._books:
            book.all_reduce_fn = _nothing
        self._library(latents[None])
        for book, reduce in zip(self._books, summed, strict=True):
            book.all_reduce_fn = reduce
        # k-means leaves counts of the whole sample. Scaled to a batch, else the moving average
        # would hold on to the untrained encoder's codes for hundreds of steps.
        for book in self._books:
            scale = self.tokens_per_batch / float(book.cluster_size.sum())
            book.cluster_size.mul_(scale)
            book.embed_avg.mul_(scale)

    def quantize(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One training step's quantization; moves the codebooks.

        Args:
            latents: (tokens, dim).

        Returns:
            quantized (tokens, dim) with gradients to `latents`, indices (tokens, levels), and the
            commitment loss: mean squared distance to the code, summed over levels.
        """
        if not (self.training and self.initialised):
            raise RuntimeError("quantize needs training mode and initialised codebooks")
        quantized, indices, losses = self._library(latents[None])
        return quantized[0], indices[0], losses.sum()

    @torch.no_grad()
    def indices(self, latents: Tensor) -> Tensor:
        """Nearest codes, level by level: (tokens, dim) -> (tokens, levels). Moves nothing."""
        self._refuse_uninitialised()
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
        self._refuse_uninitialised()
        depth = self.levels if depth is None else depth
        if not 1 <= depth <= self.levels:
            raise ValueError(f"depth must be from 1 to {self.levels}, got {depth}")
        codebooks = self.codebooks
        total = codebooks[0][indices[:, 0]]
        for level in range(1, depth):
            total = total + codebooks[level][indices[:, level]]
        return total

    @property
    def _books(self) -> list[Any]:
        return [layer._codebook for layer in self._library.layers]

    def _refuse_uninitialised(self) -> None:
        # The library would initialise itself from whatever batch comes first, in eval mode too.
        if not self.initialised:
            raise RuntimeError("the codebooks hold nothing yet; train before encoding")


def _nothing(tensor: Tensor) -> None:
    """Reduction over the workers of a group where each already has the whole."""


def _replace_from_all_workers(
    replace: Callable[..., None], batch_samples: Tensor, *, batch_mask: Tensor, seq_mask: Any = None
) -> None:
    """The library's redrawing of dead codes, from every worker's vectors (1, tokens, dim)."""
    replace(_gather(batch_samples[0])[None], batch_mask=batch_mask, seq_mask=seq_mask)


def _gather(rows: Tensor) -> Tensor:
    """All workers' rows (tokens, dim) end to end by rank, however many each has."""
    workers = torch.distributed.get_world_size()
    counts = [rows.new_zeros(1, dtype=torch.long) for _ in range(workers)]
    torch.distributed.all_gather(counts, rows.new_tensor([len(rows)], dtype=torch.long))
    longest = int(max(counts))
    filled = torch.cat([rows, rows.new_zeros(longest - len(rows), rows.shape[1])])
    shares = [torch.empty_like(filled) for _ in range(workers)]
    torch.distributed.all_gather(shares, filled)
    return torch.cat([s[: int(n)] for s, n in zip(shares, counts, strict=True)])
