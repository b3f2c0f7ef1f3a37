"""Networks of several members as one: a leading member dimension through every layer.

Every layer is one batched product, convolutions over time too: of what each place sees. A grouped
convolution would be shorter, but its sums are taken in another order for every number of groups, so
that a member's rounding would depend on how many stand beside it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.networks.frame_mlp import WithLinearPath
from trainables.networks.temporal_resnet import OverTime, ResidualBlock

Weights = Mapping[str, Tensor]
"""Weights of all members by a network's own names, each (members, ...)."""


def structure(network: nn.Module) -> Hashable | None:
    """What two networks have alike that can be run as one; None for those that cannot be."""
    kind = type(network)
    if kind is nn.Linear:
        return "linear", network.in_features, network.out_features
    if kind is nn.Conv1d:
        known = network.groups == 1 and network.padding_mode == "zeros"
        sizes = (network.in_channels, network.out_channels, network.kernel_size, network.stride,
                 network.padding, network.dilation)  # fmt: skip
        return ("convolution", *sizes) if known else None
    if kind is nn.ReLU:
        return "relu"
    if kind is nn.Upsample:
        return ("upsample", network.scale_factor) if network.mode == "nearest" else None
    if kind in (nn.Sequential, WithLinearPath, OverTime, ResidualBlock):
        inside = [structure(child) for child in network.children()]
        return None if None in inside else (kind.__name__, *inside)
    return None


def run(network: nn.Module, x: Tensor, weights: Weights, prefix: str = "") -> Tensor:
    """What a network gives, of all members at once.

    Args:
        network: any member's, whose own weights are not looked at.
        x: (members, rows, in), or (members, windows, time, in) of convolutions over time.
        weights: of the members.
        prefix: of the network's weights among them.

    Raises:
        TypeError: it has no `structure`.
    """
    if isinstance(network, nn.Linear):
        return _product(x, weights[f"{prefix}weight"].mT, weights[f"{prefix}bias"])
    if isinstance(network, nn.Conv1d):
        return _convolution(network, x, weights[f"{prefix}weight"], weights[f"{prefix}bias"])
    if isinstance(network, nn.ReLU):
        return functional.relu(x)
    if isinstance(network, nn.Upsample):
        return x.repeat_interleave(int(network.scale_factor), 2)
    if isinstance(network, WithLinearPath):
        own = run(network.layers, x, weights, f"{prefix}layers.")
        return own + run(network.path, x, weights, f"{prefix}path.")
    if isinstance(network, ResidualBlock):
        hidden = run(network.wide, functional.relu(x), weights, f"{prefix}wide.")
        return x + run(network.narrow, functional.relu(hidden), weights, f"{prefix}narrow.")
    if isinstance(network, OverTime):
        return run(network.layers, x, weights, f"{prefix}layers.")
    if isinstance(network, nn.Sequential):
        for name, layer in network.named_children():
            x = run(layer, x, weights, f"{prefix}{name}.")
        return x
    raise TypeError(f"{type(network).__name__} does not run with others; see `structure`")


def _product(x: Tensor, matrices: Tensor, bias: Tensor) -> Tensor:
    """x (members, ..., in) by (members, in, out), plus (members, out)."""
    found = torch.baddbmm(bias[:, None], x.flatten(1, -2), matrices)
    return found.view(*x.shape[:-1], -1)


def _convolution(layer: nn.Conv1d, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x (members, windows, time, in) with weights (members, out, in, width)."""
    (width,), (stride,), (padding,), (dilation,) = (
        layer.kernel_size, layer.stride, layer.padding, layer.dilation,
    )  # fmt: skip
    padded = functional.pad(x, (0, 0, padding, padding))
    reach = padded.shape[2] - dilation * (width - 1)
    seen = [padded[:, :, i * dilation : i * dilation + reach : stride] for i in range(width)]
    whole = torch.cat(seen, -1) if width > 1 else seen[0]
    return _product(whole, weight.permute(0, 3, 2, 1).flatten(1, 2), bias)
