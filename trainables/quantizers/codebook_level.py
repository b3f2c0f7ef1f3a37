"""One level of one codebook: its averages, its first codes, and codes that are drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from trainables.quantizers.nearest import smallest

SLACK = 1e-5
"""Added to counts that codes are divided by, as in vector-quantize-pytorch."""

_ITERATIONS = 10  # of k-means, as there
_BLOCK = 2048  # vectors whose distances to all codes are held at a time


@dataclass
class Level:
    """A level under the names of vector-quantize-pytorch; all tensors are views.

    Attributes:
        cluster_size: (1, codes) counts.
        embed: (1, codes, dim) codes.
        embed_avg: (1, codes, dim) sums of which the codes are means.
        decay: of the moving average.
        use_cosine_sim: whether codes are unit vectors.
        eps: added to counts.
    """

    cluster_size: Tensor
    embed: Tensor
    embed_avg: Tensor
    decay: float
    use_cosine_sim: bool
    eps: float = SLACK

    def average(self) -> None:
        """Codes become the averages."""
        size = self.cluster_size.shape[1]
        self.embed[:] = averages(self.cluster_size, self.embed_avg, size, self.use_cosine_sim)

    def start(self, vectors: Tensor, generator: torch.Generator | None) -> Tensor:
        """First codes, by k-means on vectors (tokens, dim); returns the index of each one's code.

        Codes without a vector are 0.
        """
        means, counts = kmeans(vectors, self.embed.shape[1], self.use_cosine_sim, generator)
        self.cluster_size[0], self.embed_avg[0] = counts, means * counts[:, None]
        self.average()
        return nearest(vectors, self.embed[0], self.use_cosine_sim)

    def follow(self, vectors: Tensor, indices: Tensor) -> None:
        """Counts and sums go the way of vectors (tokens, dim) and their codes (tokens,)."""
        counts, sums = summed(vectors, indices, self.embed.shape[1])
        self.cluster_size[0].lerp_(counts, 1 - self.decay)
        self.embed_avg[0].lerp_(sums, 1 - self.decay)

    def redraw(
        self, dead: Tensor, rows: Tensor, count: float, generator: torch.Generator | None
    ) -> None:
        """Dead codes (codes,) become rows (tokens, dim) with a count.

        No row becomes two codes, so of more dead codes than rows some have to wait.
        """
        if not len(rows):
            return
        places = dead.nonzero()[:, 0]
        if len(places) > len(rows):
            kept = torch.randperm(len(places), generator=generator, device=rows.device)
            places = places[kept[: len(rows)]].sort().values
        drawn = torch.randperm(len(rows), generator=generator, device=rows.device)
        vectors = rows[drawn[: len(places)]]
        if self.use_cosine_sim:
            vectors = functional.normalize(vectors, dim=-1, eps=1e-6)
        self.embed[0, places] = vectors
        self.cluster_size[0, places] = count
        self.embed_avg[0, places] = vectors * count


def averages(
    counts: Tensor, sums: Tensor, size: Tensor | int, cosine: bool, into: Tensor | None = None
) -> Tensor:
    """Codes (..., codes, dim) of counts (..., codes) and sums, of `size` codes each.

    Written `into` where that is given.
    """
    total = counts.sum(-1, keepdim=True)
    smooth = (counts + SLACK).mul_(total / (total + size * SLACK))
    means = torch.div(sums, smooth.unsqueeze(-1), out=into)
    return functional.normalize(means, dim=-1, eps=1e-6, out=into) if cosine else means


def summed(vectors: Tensor, indices: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """How many of vectors (tokens, dim) have each index (tokens,), and their sums."""
    sums = vectors.new_zeros(size, vectors.shape[1]).index_add_(0, indices, vectors)
    counts = vectors.new_zeros(size).index_add_(0, indices, vectors.new_ones(len(indices)))
    return counts, sums


def nearest(vectors: Tensor, codes: Tensor, cosine: bool) -> Tensor:
    """The nearest code of each vector: (tokens, dim), (codes, dim) -> (tokens,)."""
    if not len(vectors):
        return torch.zeros(0, dtype=torch.long, device=vectors.device)
    start = codes.new_zeros(len(codes)) if cosine else 0.5 * codes.square().sum(1)
    blocks = vectors.split(_BLOCK)
    return torch.cat([smallest(torch.addmm(start, rows, codes.T, alpha=-1)) for rows in blocks])


def kmeans(
    vectors: Tensor, size: int, cosine: bool, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Means (size, dim) of vectors (tokens, dim), at least `size` of them; vectors of each.

    Starts from vectors drawn at random. Counts are those that the last means were made of; a mean
    without vectors stays where it was.
    """
    order = torch.randperm(len(vectors), generator=generator, device=vectors.device)
    means, counts = vectors[order[:size]], vectors.new_zeros(size)
    for _ in range(_ITERATIONS):
        counts, sums = summed(vectors, nearest(vectors, means, cosine), size)
        found = sums / counts.clamp(min=1)[:, None]
        if cosine:
            found = functional.normalize(found, dim=-1, eps=1e-6)
        means = torch.where(counts[:, None] > 0, found, means)
    return means, counts
