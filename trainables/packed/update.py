"""One update of the weights of several members, each clipped and stepped as if it were alone.

What `trainables.codecs.weight_update` does, with a learning rate, a weight decay and a number of
steps for each member. All weights of a member lie in one row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

BETAS, SLACK = (0.9, 0.999), 1e-8
"""Adam's, as torch has them."""


class PackedUpdate:
    """Adam or AdamW on rows of weights.

    Attributes:
        weights: by name, (members, ...), leaves that gradients come to.
        averages, squares: Adam's moments by name, (members, ...).
        steps: (members,) updates so far.
    """

    def __init__(
        self,
        shapes: Mapping[str, torch.Size],
        decays: Sequence[float],
        decoupled: bool,
        device: str,
        norm: float,
        by_member: bool | None = None,
    ) -> None:
        """Weights, moments and steps of 0.

        Args:
            shapes: of one member's weights, by name.
            decays: weight decay of each member.
            decoupled: whether decay stands beside the gradient (AdamW) or in it (Adam).
            device: of all tensors.
            norm: that a member's gradient is clipped to.
            by_member: whether members are stepped one after the other, which is one pass over
                memory, and what a CPU does unless told otherwise; a GPU's time goes by operations.
        """
        sizes = {name: shape.numel() for name, shape in shapes.items()}
        members = len(decays)
        self._norm = norm
        self._one_by_one = device == "cpu" if by_member is None else by_member
        self._rows = [torch.zeros(members, sum(sizes.values()), device=device) for _ in range(4)]
        self.steps = torch.zeros(members, device=device)
        views: list[dict[str, Tensor]] = []
        for row in self._rows:
            parts = row.split(list(sizes.values()), dim=1)
            named = zip(shapes.items(), parts, strict=True)
            views.append({name: part.unflatten(1, shape) for (name, shape), part in named})
        self.averages, self.squares = views[2], views[3]
        self.weights = {name: view.detach().requires_grad_() for name, view in views[0].items()}
        self._decays, self._decoupled = list(decays), decoupled
        self._decay = torch.tensor([decays], device=device).mT
        self._rates: Sequence[float] = ()
        self._rate = torch.zeros(members, 1, device=device)

    def at(self, rates: Sequence[float]) -> None:
        """Learning rates of the next update, of each member."""
        self._rates = rates
        if not self._one_by_one:
            self._rate.copy_(torch.tensor([rates]).mT)

    def apply(self, loss: Tensor) -> None:
        """Works the gradients of a sum over members out, clips and updates."""
        each = torch.autograd.grad(loss, list(self.weights.values()))
        with torch.no_grad():
            torch.cat([gradient.flatten(1) for gradient in each], 1, out=self._rows[1])
            self._apply()

    def _apply(self) -> None:
        gradients = self._rows[1]
        total = torch.linalg.vector_norm(gradients, dim=1)
        gradients.mul_(torch.clamp(self._norm / (total + 1e-6), max=1.0)[:, None])
        self.steps += 1
        if self._one_by_one:
            self._by_member()
        else:
            self._at_once()

    def _by_member(self) -> None:
        """By torch's fused update, to the bit."""
        adam: Any = torch._fused_adamw_ if self._decoupled else torch._fused_adam_
        rows = zip(*(row.unbind() for row in self._rows), self.steps.unbind(), strict=True)
        for (weights, gradient, average, square, step), rate, decay in zip(
            rows, self._rates, self._decays, strict=True
        ):
            adam(
                [weights], [gradient], [average], [square], [], [step],
                lr=rate, beta1=BETAS[0], beta2=BETAS[1], eps=SLACK, weight_decay=decay,
                amsgrad=False, maximize=False, grad_scale=None, found_inf=None,
            )  # fmt: skip

    def _at_once(self) -> None:
        """The same in a few operations for all members."""
        weights, gradients, averages, squares = self._rows
        rate = self._rate
        if self._decoupled:
            weights.mul_(1 - rate * self._decay)
        else:
            gradients.addcmul_(weights, self._decay)
        averages.lerp_(gradients, 1 - BETAS[0])
        squares.mul_(BETAS[1]).addcmul_(gradients, gradients, value=1 - BETAS[1])
        steps = self.steps[:, None]
        first, second = 1 - BETAS[0] ** steps, (1 - BETAS[1] ** steps).sqrt()
        weights.addcdiv_(averages * (-rate / first), squares.sqrt().div_(second).add_(SLACK))
