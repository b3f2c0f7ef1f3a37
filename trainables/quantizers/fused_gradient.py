"""Gradients of a residual quantization, of all levels at once.

A level adds the code c of its input e, and hands e - c on. To the latents its gradient is that of
e, straight through or by the rotation trick (https://arxiv.org/abs/2410.06424, section 4.2), and
that of the commitment. Levels' gradients add up, as in vector-quantize-pytorch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_LEAST = 1e-6
"""Norms below count as this much, as in vector-quantize-pytorch."""


class ResidualGradient(torch.autograd.Function):
    """What comes out of the levels, and the commitment, with gradients to latents and codes."""

    @staticmethod
    def forward(
        ctx: Any,
        latents: Tensor,
        residuals: Tensor,
        inputs: Tensor,
        chosen: Tensor,
        indices: Tensor,
        live: Tensor | None,
        rotated: bool,
        *codes: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Sums of codes, and commitments: mean squared distances, summed over levels.

        Args:
            ctx: of autograd.
            latents: (members, tokens, dim).
            residuals: (levels + 1, members, tokens, dim) what each level is given, and what the
                last leaves.
            inputs: (levels, members, tokens, dim) of which the nearest code is taken: the residuals
                themselves, or their directions.
            chosen: (levels, members, tokens, dim) codes, 0 where a level is left out.
            indices: (levels, members, tokens) of the codes.
            live: (levels, members, 1, 1) 1, or 0 where a member leaves a level out; None where
                none does.
            rotated: whether by the rotation trick.
            codes: of each level, where they have a gradient: (members, codes, dim).

        Returns:
            (members, tokens, dim) and (members,).
        """
        by_direction = inputs.data_ptr() != residuals.data_ptr()
        apart = inputs - chosen if by_direction else residuals[1:]
        if live is not None:
            apart = apart * live
        entries = max(apart.shape[-2] * apart.shape[-1], 1)
        ctx.save_for_backward(residuals, inputs, chosen, apart, indices, live)
        ctx.by_direction, ctx.rotated, ctx.entries = by_direction, rotated, entries
        ctx.sizes = [len(level[0]) for level in codes]
        # Level by level first: what a member's sum is must not depend on how deep others go.
        return chosen.sum(0), apart.square().sum((2, 3)).sum(0) / entries

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """From those of both outputs."""
        outer, of_loss = gradients
        residuals, inputs, chosen, apart, indices, live = ctx.saved_tensors
        levels = len(inputs)
        share = (2 / ctx.entries * of_loss)[:, None, None]
        if ctx.by_direction:
            own = _rotated_each(outer, inputs, chosen) if ctx.rotated else outer.expand_as(inputs)
            if live is not None:
                own = own * live
            found = _through_direction(own + share * apart, residuals[:-1], inputs).sum(0)
        else:
            if ctx.rotated:
                found = _rotated(outer, inputs, chosen)
            else:
                found = outer * (levels if live is None else live.sum(0))
            found = torch.addcmul(found, share, apart.sum(0))
        of_codes = [
            _summed(-share * apart[level], indices[level], size)
            for level, size in enumerate(ctx.sizes)
        ]
        return (found, None, None, None, None, None, None, *of_codes)


def _rotation(outer: Tensor, inputs: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of the gradient, the input and the code in each level's turned gradient.

    With unit vectors u, q of input and code, w of their sum, and s the ratio of norms, the gradient
    g becomes s (g - 2 (g w) w + 2 (g q) u), which is g, e and q by a number each. A code of 0, as
    where a level is left out, has none.
    """
    norm = inputs.norm(dim=-1, keepdim=True)
    least, code_norm = norm.clamp(min=_LEAST), chosen.norm(dim=-1, keepdim=True)
    code_least = code_norm.clamp(min=_LEAST)
    along = (inputs * outer).sum(-1, keepdim=True) / least
    along_code = (chosen * outer).sum(-1, keepdim=True) / code_least
    cosine = (inputs * chosen).sum(-1, keepdim=True) / (least * code_least)
    # |u + q|^2; both are of length 1 but for vectors next to nothing.
    length = (norm / least).square() + (code_norm / code_least).square() + 2 * cosine
    both = 2 * (along + along_code) / length.clamp(min=_LEAST**2)
    ratio = code_norm / least
    return ratio, ratio * (2 * along_code - both) / least, -ratio * both / code_least


def _rotated(outer: Tensor, inputs: Tensor, chosen: Tensor) -> Tensor:
    """Turned gradients (members, tokens, dim), summed over levels."""
    of_outer, of_input, of_code = _rotation(outer, inputs, chosen)
    turned = (of_input * inputs).addcmul_(of_code, chosen).sum(0)
    return torch.addcmul(turned, outer, of_outer.sum(0))


def _rotated_each(outer: Tensor, inputs: Tensor, chosen: Tensor) -> Tensor:
    """Turned gradients of each level (levels, members, tokens, dim)."""
    of_outer, of_input, of_code = _rotation(outer, inputs, chosen)
    return of_outer * outer + of_input * inputs + of_code * chosen


def _through_direction(gradient: Tensor, vectors: Tensor, directions: Tensor) -> Tensor:
    """Gradients of vectors from those of their directions."""
    norm = vectors.norm(dim=-1, keepdim=True)
    turned = gradient - directions * (directions * gradient).sum(-1, keepdim=True)
    return torch.where(norm > _LEAST, turned / norm.clamp(min=_LEAST), gradient / _LEAST)


def _summed(rows: Tensor, indices: Tensor, size: int) -> Tensor:
    """Rows (members, tokens, dim) added up by index (members, tokens): (members, size, dim)."""
    members, _, dim = rows.shape
    offsets = torch.arange(members, device=rows.device)[:, None] * size
    sums = rows.new_zeros(members * size, dim)
    sums.index_add_(0, (indices + offsets).flatten(), rows.flatten(0, 1))
    return sums.view(members, size, dim)
