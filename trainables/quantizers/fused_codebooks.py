"""Codebooks of many residual quantizers, trained side by side in one batch of operations.

What vector-quantize-pytorch's ResidualVQ does level by level and with one-hot matrices is done here
with sums by index, and after the last level for all levels at once, which gives the same: no level
of a step sees what the step does to the codes. Members are quantizers of like shape: the groups of
a grouped one, or trials side by side. A member with fewer codes keeps the rest at infinite
distance; members stand in order of falling depth, so that a level is a prefix of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn import functional

from trainables.quantizers.anchors import draw_to_anchors
from trainables.quantizers.codebook_level import Level, averages
from trainables.quantizers.codebook_options import CodebookOptions
from trainables.quantizers.fused_gradient import ResidualGradient
from trainables.quantizers.gathering import gather
from trainables.quantizers.nearest import smallest

Generators = Sequence[torch.Generator | None]
"""Of each member's random numbers; torch's global one where None."""


class FusedCodebooks(nn.Module):
    """Codebooks (levels, members, codes, dim) with counts and sums of their moving averages."""

    counts: Tensor
    sums: Tensor
    size: Tensor
    firsts: Tensor
    started: Tensor
    padding: Tensor | None
    weights: Tensor | None
    least: Tensor

    def __init__(
        self,
        dim: int,
        codebook_size: int,
        levels: int,
        options: CodebookOptions,
        *,
        tokens_per_batch: int,
        sizes: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        members: int = 1,
        own: Sequence[CodebookOptions] | None = None,
    ) -> None:
        """Codebooks that are not started yet.

        Args:
            dim: width of a vector.
            codebook_size: codes that there is room for on a level.
            levels: of the deepest member.
            options: of training.
            tokens_per_batch: vectors of a member per training step, over all workers.
            sizes: codes of each member, `codebook_size` where left out.
            depths: levels of each member, falling, `levels` where left out.
            members: how many.
            own: options of each member, of which `decay` and `dead_code_share` may differ.
        """
        super().__init__()
        self.own = [options] * members if own is None else list(own)
        self.sizes = [codebook_size] * members if sizes is None else list(sizes)
        self.depths = [levels] * members if depths is None else list(depths)
        if len(self.sizes) != members or len(self.depths) != members:
            raise ValueError(f"{members} members, {len(self.sizes)} sizes, {self.depths} levels")
        if max(self.sizes) > codebook_size:
            raise ValueError(f"no room for {max(self.sizes)} codes in {codebook_size}")
        if sorted(self.depths, reverse=True) != self.depths or self.depths[0] != levels:
            raise ValueError(f"depths fall from {levels}, got {self.depths}")
        self.options, self.levels, self.members = options, levels, members
        self.tokens_per_batch = tokens_per_batch
        self.rotated = options.rotation_trick and dim > 1
        self._reached = [sum(own > level for own in self.depths) for level in range(levels)]
        shape = (levels, members, codebook_size)
        first = torch.zeros(*shape, dim)
        if options.codebook_init == "random":
            self._draw(first)
        if options.by_gradient:
            self.learnt = nn.ParameterList(level.clone() for level in first)
        else:
            self.register_buffer("averaged", first)
        self.register_buffer("counts", torch.ones(shape))
        self.register_buffer("sums", first.clone())
        self.register_buffer("started", torch.tensor(False))
        size = torch.tensor(self.sizes)[:, None]
        beyond = torch.arange(codebook_size) >= size
        padding = torch.zeros(members, codebook_size).masked_fill(beyond, torch.inf)
        firsts = torch.arange(levels * members).view(levels, members, 1) * codebook_size
        padded = min(self.sizes) < codebook_size
        self.register_buffer("padding", padding if padded else None, persistent=False)
        self.register_buffer("size", size.float(), persistent=False)
        self.register_buffer("firsts", firsts, persistent=False)
        # A tensor where each member has its own: never a number for some companions and not others.
        weights = torch.tensor([[1 - each.decay] for each in self.own])
        self.register_buffer("weights", None if own is None else weights, persistent=False)
        shares = [each.dead_code_share * tokens_per_batch for each in self.own]
        least = torch.stack([s / own for s, own in zip(shares, size.float(), strict=True)])
        self.register_buffer("least", least, persistent=False)
        self._full: Tensor | None = None

    def _draw(self, first: Tensor) -> None:
        """Random codes of every member, level after level, as the library draws them."""
        for member, (size, depth) in enumerate(zip(self.sizes, self.depths, strict=True)):
            for level in range(depth):
                drawn = nn.init.kaiming_uniform_(torch.empty(1, size, first.shape[-1]))
                if self.options.cosine:
                    drawn = functional.normalize(drawn, dim=-1, eps=1e-6)
                first[level, member, :size] = drawn[0]

    @property
    def codes(self) -> Tensor:
        """(levels, members, codes, dim), to read."""
        if self.options.by_gradient:
            return torch.stack([level.detach() for level in self.learnt])
        return torch.as_tensor(self.averaged)

    def level(self, member: int, level: int) -> Level:
        """One level of one member, the codes that it has; changing it changes the codebook."""
        held = self.learnt[level].data if self.options.by_gradient else self.averaged[level]
        own, size = slice(member, member + 1), self.sizes[member]
        options = self.own[member]
        return Level(
            self.counts[level, own, :size], held[own, :size], self.sums[level, own, :size],
            options.decay, options.cosine,
        )  # fmt: skip

    @torch.no_grad()
    def load(self, codes: Tensor) -> None:
        """Takes codes (levels, members, codes, dim); ValueError where they do not fit."""
        if codes.shape != self.sums.shape:
            raise ValueError(f"codes are {tuple(codes.shape)}, not {tuple(self.sums.shape)}")
        if self.options.by_gradient:
            for level, held in zip(codes, self.learnt, strict=True):
                held.copy_(level)
        else:
            self.averaged.copy_(codes)
        self.sums.copy_(codes)
        self.counts.fill_(1.0)
        self.started.fill_(True)

    @torch.no_grad()
    def start(self, latents: Tensor, generators: Generators | None = None) -> None:
        """First codes from a large sample of latents (members, tokens, dim).

        Random codes stay what they are. Counts are scaled to one batch, else the moving average
        would hold on to the untrained encoder's codes for hundreds of steps.
        """
        if self.options.codebook_init == "random":
            self.counts.copy_((self.tokens_per_batch / self.size).expand_as(self.counts))
            self.sums.copy_(self.codes * self.counts[..., None])
        else:
            for member, own in enumerate(latents):
                self._start(member, own, _of(generators, member))
            scale = self.tokens_per_batch / self.counts.sum(-1, keepdim=True)
            self.counts.mul_(scale)
            self.sums.mul_(scale[..., None])
        self.started.fill_(True)

    def _start(self, member: int, latents: Tensor, generator: torch.Generator | None) -> None:
        """Every level by k-means on what the levels before leave of a sample (tokens, dim)."""
        options, size = self.own[member], self.sizes[member]
        short = size - len(latents)
        if short > 0:
            again = torch.arange(short, device=latents.device) % len(latents)
            latents = torch.cat([latents, latents[again]])
        # Every worker has the same sample: nothing is to be gathered.
        alone = replace(options, synchronise=False)
        residual = latents
        for number in range(self.depths[member]):
            inputs = residual
            if options.cosine:
                inputs = functional.normalize(residual, dim=-1, eps=1e-6)
            level = self.level(member, number)
            indices = level.start(inputs, generator)
            residual = residual - level.embed[0, indices]
            if options.counts:
                level.follow(inputs, indices)
            if not options.by_gradient:
                level.average()
            self._revive(member, number, inputs, generator, alone)

    def step(
        self,
        latents: Tensor,
        depths: Sequence[int] | None = None,
        generators: Generators | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One training step; moves the codes.

        Args:
            latents: (members, tokens, dim).
            depths: levels of each member in this step; all of them where left out.
            generators: of the members' random numbers.

        Returns:
            Quantized (members, tokens, dim) with gradients to `latents`; indices (levels, members,
            tokens), -1 where a level was left out; commitments (members,).
        """
        depths = self.depths if depths is None else list(depths)
        live = self._live(depths)
        with torch.no_grad():
            found = self._look_up(latents.detach(), max(depths), live)
        learnt = list(self.learnt)[: max(depths)] if self.options.by_gradient else []
        quantized, loss = ResidualGradient.apply(latents, *found, live, self.rotated, *learnt)
        with torch.no_grad():
            self._follow(found[1], found[3], depths, live, generators)
        return quantized, self._told(found[3], live), loss

    @torch.no_grad()
    def nearest(self, latents: Tensor) -> Tensor:
        """Codes of latents (members, tokens, dim): (levels, members, tokens). Moves nothing."""
        live = self._live(self.depths)
        return self._told(self._look_up(latents, self.levels, live)[3], live)

    @torch.no_grad()
    def quantized(self, latents: Tensor, depths: Sequence[int] | None = None) -> Tensor:
        """Sums of the nearest codes of latents, both (members, tokens, dim). Moves nothing.

        Args:
            latents: to code.
            depths: levels of each member that are summed; all of them where left out.
        """
        depths = self.depths if depths is None else list(depths)
        taken = self._look_up(latents, max(depths), self._live(depths))[2]
        total = torch.zeros_like(latents)
        for level in taken:
            total += level
        return total

    def _live(self, depths: Sequence[int]) -> Tensor | None:
        """(levels, members, 1, 1) 1 or 0 where members differ in depth, up to the deepest."""
        if min(depths) == max(depths):
            return None
        # Drawn depths are many, and remembered by nobody.
        if depths != self.depths:
            return self._mask(depths)
        self._full = self._mask(depths) if self._full is None else self._full
        return self._full

    def _mask(self, depths: Sequence[int]) -> Tensor:
        reached = torch.arange(max(depths))[:, None] < torch.tensor(depths)
        return reached.float()[..., None, None].to(self.counts.device)

    def _told(self, indices: Tensor, live: Tensor | None) -> Tensor:
        """Indices of all levels, -1 where one was left out."""
        if live is not None:
            indices = torch.where(live[..., 0] > 0, indices, -1)
        missing = self.levels - len(indices)
        return functional.pad(indices, (0, 0, 0, 0, 0, missing), value=-1) if missing else indices

    def _look_up(
        self, latents: Tensor, depth: int, live: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What `ResidualGradient` calls residuals, inputs, chosen and indices; levels first."""
        members, tokens, dim = latents.shape
        cosine, books = self.options.cosine, self.codes[:depth]
        residuals = latents.new_empty(depth + 1, members, tokens, dim)
        residuals[0] = latents
        inputs = torch.empty_like(residuals[1:]) if cosine else residuals[:-1]
        chosen = latents.new_empty(depth, members * tokens, dim)
        start = books.new_zeros(books.shape[:-1])
        if not cosine:
            start = books.square().sum(-1).mul_(0.5)
        if self.padding is not None:
            start = start + self.padding
        # All levels' views at once: taken one by one they cost what a small level does.
        into, flat_books = chosen.unbind(), books.flatten(1, 2).unbind()
        left, given = residuals.unbind(), inputs.unbind()
        taken = chosen.view(depth, members, tokens, dim)
        summands = taken.unbind()
        starts, turned = start.unsqueeze(2).unbind(), books.mT.unbind()
        found = []
        for level in range(depth):
            if cosine:
                given[level].copy_(functional.normalize(left[level], dim=-1, eps=1e-6))
            reached = self._reached[level]
            if reached == members:
                far = torch.baddbmm(starts[level], given[level], turned[level], alpha=-1)
                own = smallest(far)
            else:
                vectors, codes = given[level][:reached], turned[level][:reached]
                far = torch.baddbmm(starts[level][:reached], vectors, codes, alpha=-1)
                own = functional.pad(smallest(far), (0, 0, 0, members - reached))
            found.append(own)
            rows = own if members == 1 else own + self.firsts[0]
            torch.index_select(flat_books[level], 0, rows.view(-1), out=into[level])
            if live is not None:
                into[level].view(members, tokens, dim).mul_(live[level])
            torch.sub(left[level], summands[level], out=left[level + 1])
        return residuals, inputs, taken, torch.stack(found)

    def _follow(
        self,
        inputs: Tensor,
        indices: Tensor,
        depths: Sequence[int],
        live: Tensor | None,
        generators: Generators | None,
    ) -> None:
        """Moves the averages, and codes with them; sees to codes that go unused."""
        if not self.options.counts:
            return
        depth, _, _, dim = inputs.shape
        counts, sums = self.counts[:depth], self.sums[:depth]
        rows = (indices + self.firsts[:depth]).view(-1)
        number = inputs.new_zeros(counts.numel()).scatter_add_(0, rows, inputs.new_ones(len(rows)))
        total = inputs.new_zeros(counts.numel(), dim).index_add_(0, rows, inputs.reshape(-1, dim))
        if self.options.synchronise:
            torch.distributed.all_reduce(number)
            torch.distributed.all_reduce(total)
        number, total = number.view_as(counts), total.view_as(sums)
        weight: Any = 1 - self.options.decay if self.weights is None else self.weights
        wide = weight if self.weights is None else weight[..., None]
        if live is None:
            counts.lerp_(number, weight)
            sums.lerp_(total, wide)
        else:
            counts.lerp_(number, weight * live[..., 0])
            sums.lerp_(total, wide * live)
        if not self.options.by_gradient:
            held = self.averaged[:depth]
            if live is None:
                averages(counts, sums, self.size, self.options.cosine, into=held)
            else:
                means = averages(counts, sums, self.size, self.options.cosine)
                held.copy_(torch.where(live > 0, means, held))
        unused = self._unused(counts) if self.options.redraws else None
        if unused is None and not self.options.anchor:
            return
        for member, own in enumerate(depths):
            for number in range(own):
                if self.options.anchor or (unused is not None and unused[number][member]):
                    rows, generator = inputs[number, member], _of(generators, member)
                    self._revive(member, number, rows, generator, self.own[member])

    def _unused(self, counts: Tensor) -> list[list[bool]] | None:
        """Whether a level (outer) of a member has unused codes; None where none has."""
        unused = counts < self.least
        if self.padding is not None:
            unused &= self.padding == 0
        found: list[list[bool]] | None = unused.any(-1).tolist() if bool(unused.any()) else None
        return found

    def _revive(
        self,
        member: int,
        number: int,
        rows: Tensor,
        generator: torch.Generator | None,
        options: CodebookOptions,
    ) -> None:
        """Redraws a level's unused codes from rows (tokens, dim), or draws them to anchors."""
        level = self.level(member, number)
        if options.redraws:
            least = options.dead_code_share * self.tokens_per_batch / self.sizes[member]
            dead = level.cluster_size[0] < least
            if bool(dead.any()):
                rows = gather(rows) if options.synchronise else rows
                level.redraw(dead, rows, least, generator)
        elif options.anchor:
            rows = gather(rows) if options.synchronise else rows
            draw_to_anchors(level, rows, options.anchor, generator)


def _of(generators: Generators | None, member: int) -> torch.Generator | None:
    return None if generators is None else generators[member]
