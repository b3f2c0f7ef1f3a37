"""Weights of classes by how rare they are, for a classifier of codes that are not used alike.

EGGesture (ACM MM 2024), equation 10 and Table 3. As printed, the loss sums over all classes without
saying which one is right, and 1 / p is unbounded; here it is the weighted cross-entropy of the
right class, weights are clipped, and their mean over the classes' own shares is 1, so that the
loss keeps its scale.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def class_weights(shares: Tensor, reweighting: str, clip: float) -> Tensor:
    """Weights (classes,) of classes with shares (classes,) that sum to 1.

    Args:
        shares: how often each class is right.
        reweighting: g of x = 1 / (classes * share), 1 where use is even: none, log (of 1 + x),
            sqrt, linear, square, or exp.
        clip: the largest g, before the weights are normalised.

    Raises:
        ValueError: no such reweighting.
    """
    x = 1.0 / (len(shares) * shares).clamp(min=1e-12)
    grown = {
        "none": torch.ones_like(x),
        "log": torch.log1p(x),
        "sqrt": x.sqrt(),
        "linear": x,
        "square": x.clamp(max=1e9) ** 2,
        "exp": x.clamp(max=math.log(clip) + 1.0).exp(),  # what is above is clipped all the same
    }
    if reweighting not in grown:
        raise ValueError(f"reweighting must be one of {', '.join(grown)}, got {reweighting!r}")
    weights = grown[reweighting].clamp(max=clip)
    return weights / (weights * shares).sum()


def weighted_loss(logits: Tensor, right: Tensor, weights: Tensor) -> Tensor:
    """-mean of w[right] log softmax(logits)[right]: (n, classes), (n,), (classes,) -> ()."""
    return (functional.cross_entropy(logits, right, reduction="none") * weights[right]).mean()
