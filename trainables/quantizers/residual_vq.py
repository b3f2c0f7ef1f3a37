"""Residual vector quantization: each level codes what the levels before it left over.

Wraps vector-quantize-pytorch (SoundStream, https://arxiv.org/abs/2107.03312, algorithm 1;
gradients by the rotation trick, https://arxiv.org/abs/2410.06424, or straight through). What the
library leaves to its caller is settled here: codebooks start from training latents and never from
an evaluation batch, losses are summed over levels, a dead code is told by its share of the batch,
and a prefix of the levels decodes without quantizer dropout.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from vector_quantize_pytorch import ResidualVQ
from vector_quantize_pytorch.vector_quantize_pytorch import batched_sample_vectors

from trainables.quantizers.anchors import draw_to_anchors
from trainables.quantizers.gathering import gather
from trainables.quantizers.nearest import smallest
from trainables.quantizers.quantizer import Quantizer, dropout_draw

_INITIAL_WORK = 1 << 24  # vectors x codes of the first k-means: bounds its memory at some 300 MB


class ResidualQuantizer(Quantizer):
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
        dead_codes: str = "redraw",
        codebook_init: str = "kmeans",
        cosine: bool = False,
        rotation_trick: bool = True,
        by_gradient: bool = False,
        dropout: float = 0.0,
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
            dead_codes: `redraw` them from the batch, `none` is done, or `cvq_...` draws unused
                codes towards anchors (`trainables.quantizers.anchors`).
            codebook_init: `kmeans` of training latents, or the library's `random` codes, whose
                size knows nothing of the latents.
            cosine: whether the nearest code is that of the nearest direction. Codes then are unit
                vectors, and so is what each level adds.
            rotation_trick: whether gradients are turned from the code to the latent; else they go
                straight through, as in one dimension always.
            by_gradient: whether the loss moves the codes, as in the first VQ-VAE
                (https://arxiv.org/abs/1711.00937), and no average does. The library has one term
                for codes and latents; to Adam the weight of the codes' own gradient is all one.
            dropout: share of the steps that stop after a level drawn at random.
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
        self._dropout = dropout
        self._cosine = cosine
        self._random = codebook_init == "random"
        share = dead_code_share if dead_codes == "redraw" else 0.0
        self._library = ResidualVQ(
            dim=dim,
            num_quantizers=levels,
            codebook_size=codebook_size,
            decay=decay,
            kmeans_init=not self._random,
            threshold_ema_dead_code=share * tokens_per_batch / codebook_size,
            rotation_trick=rotation_trick and dim > 1,
            use_cosine_sim=cosine,
            ema_update=not by_gradient,
            learnable_codebook=by_gradient,
            commitment_weight=1.0,
            sync_codebook=synchronise,
        )
        for book in self._books:
            # The library would draw each worker's candidates from its own share.
            book.sample_fn = book.replace_sample_fn = batched_sample_vectors
            book.kmeans_all_reduce_fn = _nothing
            if synchronise:
                book.replace = functools.partial(_replace_from_all_workers, book.replace)
            if dead_codes.startswith("cvq_"):
                policy = dead_codes.removeprefix("cvq_")
                book.expire_codes_ = functools.partial(_anchor, book, policy, synchronise)
                book.has_dead_code_replacement = True  # so that uses are counted by_gradient too
            book.initted.fill_(False)

    @property
    def initialised(self) -> bool:
        """Whether the codebooks hold something."""
        return all(bool(book.initted) for book in self._books)

    @property
    def initial_sample(self) -> int:
        """Training vectors that `initialise` wants, over all workers."""
        return most_for_kmeans(self.codebook_size)

    @property
    def codebooks(self) -> Tensor:
        """(levels, codebook_size, dim) code vectors."""
        return torch.cat([book.embed for book in self._books]).detach()

    def arrays(self) -> dict[str, Tensor]:
        """The codebooks."""
        return {"codebooks": self.codebooks}

    def load_arrays(self, arrays: Mapping[str, Tensor]) -> None:
        """Takes the codebooks."""
        self.load_codebooks(arrays["codebooks"])

    def load_codebooks(self, codebooks: Tensor) -> None:
        """Takes codebooks (levels, codebook_size, dim) to code with, ready for evaluation."""
        for book, codes in zip(self._books, codebooks, strict=True):
            book.embed.data.copy_(codes[None])
            book.embed_avg.copy_(codes[None])
            book.cluster_size.fill_(1.0)
            book.initted.fill_(True)

    @torch.no_grad()
    def initialise(self, latents: Tensor) -> None:
        """Starts every level by k-means on a large sample of training latents (tokens, dim).

        Workers that share the codebook all pass the same vectors.
        """
        super().initialise(latents)
        if self._random:
            self._count_uniformly()
            return
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
        return self.quantize_to(latents, dropout_draw(self._dropout, self.levels))

    def quantize_to(self, latents: Tensor, cut: int | None) -> tuple[Tensor, Tensor, Tensor]:
        """`quantize` with all levels, or as many as the seed `cut` draws."""
        self.refuse_quantizing()
        self._library.quantize_dropout = cut is not None
        quantized, indices, losses = self._library(
            latents[None], rand_quantize_dropout_fixed_seed=cut
        )
        return quantized[0], indices[0], losses.sum()

    @torch.no_grad()
    def indices(self, latents: Tensor) -> Tensor:
        """Nearest codes, level by level: (tokens, dim) -> (tokens, levels). Moves nothing."""
        self.refuse_uninitialised()
        residual = latents
        chosen = []
        for codes in self.codebooks:
            if self._cosine:
                near = functional.normalize(residual, dim=1, eps=1e-6) @ codes.T
                nearest = smallest(near.neg_())
            else:
                half_norms = 0.5 * (codes * codes).sum(1)
                nearest = smallest(half_norms - residual @ codes.T)
            residual = residual - codes[nearest]
            chosen.append(nearest)
        return torch.stack(chosen, 1)

    @torch.no_grad()
    def decode(self, indices: Tensor, depth: int | None = None) -> Tensor:
        """Sum of the codes of the first `depth` levels: (tokens, levels) -> (tokens, dim)."""
        self.refuse_uninitialised()
        depth = self.checked_depth(depth)
        codebooks = self.codebooks
        total = codebooks[0][indices[:, 0]]
        for level in range(1, depth):
            total = total + codebooks[level][indices[:, level]]
        return total

    @property
    def _books(self) -> list[Any]:
        return [layer._codebook for layer in self._library.layers]

    def _count_uniformly(self) -> None:
        """Counts of a batch in which every code is used alike."""
        for book in self._books:
            book.cluster_size.fill_(self.tokens_per_batch / self.codebook_size)
            book.embed_avg.copy_(book.embed * book.cluster_size[..., None])
            book.initted.fill_(True)


def most_for_kmeans(codebook_size: int) -> int:
    """Vectors that first codes are made of."""
    return min(max(_INITIAL_WORK // codebook_size, 2 * codebook_size), 16_384)


def _nothing(tensor: Tensor) -> None:
    """Reduction over the workers of a group where each already has the whole."""


def _replace_from_all_workers(
    replace: Callable[..., None], batch_samples: Tensor, *, batch_mask: Tensor, seq_mask: Any = None
) -> None:
    """The library's redrawing of dead codes, from every worker's vectors (1, tokens, dim)."""
    replace(gather(batch_samples[0])[None], batch_mask=batch_mask, seq_mask=seq_mask)


def _anchor(
    book: Any, policy: str, synchronise: bool, batch_samples: Tensor, seq_mask: Any = None
) -> None:
    """In place of the library's redrawing, after a step's moving average."""
    rows = batch_samples[0]
    draw_to_anchors(book, gather(rows) if synchronise else rows, policy)
