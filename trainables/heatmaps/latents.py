"""How far latents are from their codes: Q-loss as published, and relative to their size.

Q-loss is in squared units of latents that a convolution scales as it likes: halving them quarters
it and changes nothing else. The relative error does not.
"""

from __future__ import annotations

from typing import Literal

import torch

WEIGHTS = {"code": 1.25, "paper": 2.0, "mse": 1.0}
"""Of the mean squared distance: 1 + 0.25 in the code, 1 + 1 in equation 4, and none."""


def q_loss(
    latents: torch.Tensor,
    codes: torch.Tensor,
    weighting: Literal["code", "paper", "mse"] = "code",
) -> float:
    """Weighted mean squared distance of latents from their codes, any shape, both alike."""
    return WEIGHTS[weighting] * float((latents - codes).double().square().mean())


def q_error(latents: torch.Tensor, codes: torch.Tensor) -> float:
    """Squared distance over squared latents; NaN where all latents are 0."""
    size = latents.double().square().sum()
    return float((latents - codes).double().square().sum() / size)
