"""One update of the weights: gradients clipped by their norm, then Adam.

What `clip_grad_norm_` and a fused `torch.optim.Adam` do, to the last bit, without asking at every
step what does not change: for small networks that took a quarter of a training step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class WeightUpdate:
    """Updates of the weights of one optimiser, whose state stays where it is."""

    def __init__(self, optimiser: torch.optim.Optimizer, norm: float) -> None:
        """Updates by a fused Adam or AdamW.

        Args:
            optimiser: of one group; nobody may load a state into it meanwhile.
            norm: that gradients are clipped to.
        """
        (self._group,) = optimiser.param_groups
        self._optimiser, self._norm = optimiser, norm
        self.weights: list[nn.Parameter] = self._group["params"]
        self._moments: tuple[list[Tensor], ...] = ()

    def forget(self) -> None:
        """Weights have no gradients."""
        for weight in self.weights:
            weight.grad = None

    def gradients(self) -> list[Tensor]:
        """Of all weights that have one."""
        return [weight.grad for weight in self.weights if weight.grad is not None]

    @torch.no_grad()
    def apply(self, rate: float) -> None:
        """Clips and updates with a learning rate."""
        group, gradients = self._group, self.gradients()
        group["lr"] = rate
        if not gradients:
            return
        total = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        torch._foreach_mul_(gradients, torch.clamp(self._norm / (total + 1e-6), max=1.0))
        whole = len(gradients) == len(self.weights)
        if not (whole and (self._moments or self._has_moments())):
            self._optimiser.step()
            return
        averages, squares, steps = self._moments
        torch._foreach_add_(steps, 1)
        decoupled = isinstance(self._optimiser, torch.optim.AdamW)
        adam: Any = torch._fused_adamw_ if decoupled else torch._fused_adam_
        adam(
            self.weights, gradients, averages, squares, [], steps,
            lr=rate, beta1=group["betas"][0], beta2=group["betas"][1], eps=group["eps"],
            weight_decay=group["weight_decay"], amsgrad=False, maximize=False,
            grad_scale=None, found_inf=None,
        )  # fmt: skip

    def _has_moments(self) -> bool:
        """Whether the optimiser has made its state of all weights, which is remembered then."""
        states = [self._optimiser.state.get(weight) for weight in self.weights]
        if not all(states):
            return False
        names = ("exp_avg", "exp_avg_sq", "step")
        self._moments = tuple([state[name] for state in states if state] for name in names)
        return True
