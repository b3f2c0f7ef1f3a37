"""First weights of the temporal ResNet: principal components of training motion, and back.

The encoder begins as a projection, stage by stage: of frames on their principal components, of two
neighbours' components on theirs, and so on to a token. The decoder begins as the least-squares way
back, layer by layer, since two upsampled neighbours see the tokens beside them and a projection has
no exact inverse in it. Residual blocks begin as the identity. All of it is what a ReLU network
holds exactly: where a ReLU follows, each component is two channels of opposite sign. What codes
then see at first is the motion itself, as in `rqvae` with `network_start: principal`. Channels that
are not needed keep their weights and wait for the layer behind them to take them up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from trainables.networks.temporal_resnet import OverTime, ResidualBlock

_LEAST_SPREAD = 1e-3  # of scaled features, which have 1 or so
_RIDGE = 1e-3  # of the mean square of what a layer of the decoder reads
_MIDDLE, _PAIR = 1, (1, 2)  # taps of three on the frame itself; of four on the two of a pair


@torch.no_grad()
def start_principal(encoder: OverTime, decoder: OverTime, windows: np.ndarray) -> bool:
    """Sets the first weights of both from scaled training windows.

    Args:
        encoder: of `temporal_encoder`.
        decoder: of `temporal_decoder`, its mirror image.
        windows: (windows, frames, dimensions), frames a multiple of the compression.

    Returns:
        Whether they were set; motion that stands still, or is not finite, has no components.
    """
    windows = np.asarray(windows, np.float64)
    if not np.isfinite(windows).all() or windows.std() < _LEAST_SPREAD:
        return False
    for block in (*encoder.layers, *decoder.layers):
        if isinstance(block, ResidualBlock):
            nn.init.zeros_(block.narrow.weight)
            if block.narrow.bias is not None:
                nn.init.zeros_(block.narrow.bias)
    stages = _start_encoder(_convolutions(encoder), windows)
    _start_decoder(_convolutions(decoder), stages, windows)
    return True


@dataclass(eq=False)
class _Signal:
    """What a layer gives: (windows, time, channels), and where in the network it stands.

    Attributes:
        values: with their signs.
        halves: channels that hold a value from 0 up, and those that hold its negative; the second
            is None where no ReLU came between.
    """

    values: np.ndarray
    positive: int
    negative: int | None

    @property
    def width(self) -> int:
        return int(self.values.shape[2])


def _convolutions(network: OverTime) -> list[nn.Conv1d]:
    return [layer for layer in network.layers if isinstance(layer, nn.Conv1d)]


def _start_encoder(layers: list[nn.Conv1d], windows: np.ndarray) -> list[np.ndarray]:
    """Sets the layers; returns the components after each of them but the last, and the latents."""
    first, *strided, last = layers
    rank = min(first.out_channels // 2, windows.shape[2])
    rows = _principal(windows, rank)
    _set(first, _Signal(windows, 0, None), rows[:, :, None], (_MIDDLE,), 0)
    _set(first, _Signal(windows, 0, None), -rows[:, :, None], (_MIDDLE,), rank)
    signal = _Signal(windows @ rows.T, 0, rank)
    stages = [signal.values]
    for layer in strided:
        count, time, width = signal.values.shape
        pairs = signal.values.reshape(count, time // 2, 2 * width)
        rows = _principal(pairs, min(layer.out_channels, 2 * width))
        taps = rows.reshape(len(rows), 2, width).transpose(0, 2, 1)
        _set(layer, signal, taps, _PAIR, 0)
        signal = _Signal(pairs @ rows.T, 0, None)
        stages.append(signal.values)
    kept = min(last.out_channels, signal.width)
    nn.init.zeros_(last.weight)  # latents that are not needed hold nothing that codes would count
    if last.bias is not None:
        nn.init.zeros_(last.bias)
    _set(last, signal, np.eye(kept, signal.width)[:, :, None], (_MIDDLE,), 0)
    return [*stages, signal.values[..., :kept]]


def _start_decoder(layers: list[nn.Conv1d], stages: list[np.ndarray], windows: np.ndarray) -> None:
    """Sets the layers, each to come nearest to what the encoder had at its place."""
    first, *upward, last = layers
    *before, latents = stages
    half = first.out_channels // 2
    kept = min(half, latents.shape[2])
    same = np.eye(kept, latents.shape[2])[:, :, None]
    given = _Signal(latents, 0, None)
    _set(first, given, same, (_MIDDLE,), 0)
    _set(first, given, -same, (_MIDDLE,), half)
    signal = _Signal(latents[..., :kept], 0, half)
    for number, layer in enumerate(upward):
        signal.values = np.repeat(signal.values, 2, axis=1)
        wanted = before[-2 - number]
        before_relu = number == len(upward) - 1
        taps, found = _nearest(signal.values, wanted[..., :half] if before_relu else wanted)
        _set(layer, signal, taps, (0, 1, 2), 0)
        if before_relu:
            _set(layer, signal, -taps, (0, 1, 2), half)
        signal = _Signal(found, 0, half if before_relu else None)
    taps, _ = _nearest(signal.values, windows)
    _set(last, signal, taps, (0, 1, 2), 0)


def _principal(values: np.ndarray, rank: int) -> np.ndarray:
    """(rank, channels) principal components of (windows, time, channels), largest first."""
    rows = values.reshape(-1, values.shape[2])
    columns = np.linalg.eigh(rows.T @ rows / len(rows))[1][:, ::-1][:, :rank]
    largest = np.abs(columns).argmax(axis=0)
    signs = np.sign(columns[largest, np.arange(columns.shape[1])])
    return np.asarray((columns * np.where(signs == 0, 1.0, signs)).T)


def _nearest(values: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Taps (out, in, 3) over time that bring values nearest to what is wanted, and what they give.

    Args:
        values: (windows, time, in).
        wanted: (windows, time, out).
    """
    time = values.shape[1]
    padded = np.pad(values, ((0, 0), (1, 1), (0, 0)))
    seen = np.concatenate([padded[:, k : k + time] for k in range(3)], axis=2)
    rows = seen.reshape(-1, seen.shape[2])
    products = rows.T @ rows
    products += _RIDGE * np.trace(products) / len(products) * np.eye(len(products))
    solved = np.linalg.solve(products, rows.T @ wanted.reshape(-1, wanted.shape[2]))
    taps = solved.reshape(3, values.shape[2], -1).transpose(2, 1, 0)
    return taps, (rows @ solved).reshape(wanted.shape)


def _set(
    layer: nn.Conv1d, signal: _Signal, taps: np.ndarray, places: tuple[int, ...], first: int
) -> None:
    """Output channels from `first` on: taps (out, in, places) on a signal and nothing else."""
    weight = layer.weight.new_zeros(len(taps), layer.in_channels, *layer.kernel_size)
    values = torch.from_numpy(np.ascontiguousarray(taps)).to(weight)
    for tap, place in enumerate(places):
        weight[:, signal.positive : signal.positive + signal.width, place] = values[:, :, tap]
        if signal.negative is not None:
            channels = slice(signal.negative, signal.negative + signal.width)
            weight[:, channels, place] = -values[:, :, tap]
    layer.weight[first : first + len(taps)] = weight
    if layer.bias is not None:
        layer.bias[first : first + len(taps)] = 0
