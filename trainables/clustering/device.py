"""Points on a torch device: every pass over all pairs is done whole, since a GPU is quick at that.

A pass of 626,664 points x 4,096 centres x 55 features is 0.3 Tflop, less than bounds would cost to
keep. Sums are float64 and added in no fixed order, so centres may differ in the last bit between
runs on a GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

_PAIRS = 1 << 26
"""Distances held at a time: 256 MiB of float32."""


class DevicePoints:
    """See `trainables.clustering.points.Points`."""

    def __init__(self, points: np.ndarray, device: str) -> None:
        """Copies `points` (n, d), which should be centred, to a torch device."""
        self.count = len(points)
        self.labels = np.zeros(self.count, np.int32)
        self.exact = False
        self._device = torch.device(device)
        self._rows = self._here(points)
        self._norms = self._rows.square().sum(1)
        self._labels = torch.zeros(self.count, dtype=torch.int64, device=self._device)
        self._first = torch.zeros(self.count, device=self._device)
        self._second = torch.zeros(self.count, device=self._device)

    def rows(self, index: np.ndarray) -> np.ndarray:
        """See `Points`."""
        return np.asarray(self._rows[torch.from_numpy(index).to(self._device)].cpu().numpy())

    def assign(self, centres: np.ndarray) -> None:
        """See `Points`."""
        for part, products in self._products(centres):
            best, column = products.max(1)
            self._labels[part] = column
            self._first[part] = (self._norms[part] - 2 * best).clamp_min(0)
            products.scatter_(1, column[:, None], -torch.inf)
            self._second[part] = (self._norms[part] - 2 * products.amax(1)).clamp_min(0)
        self.labels = self._labels.to(torch.int32).cpu().numpy()
        self.exact = True

    def follow(self, centres: np.ndarray, drift: np.ndarray, certain: bool) -> None:
        """See `Points`; leaves nothing out."""
        self.assign(centres)

    def first(self) -> np.ndarray:
        """See `Points`."""
        return np.asarray(self._first.cpu().numpy())

    def second(self) -> np.ndarray:
        """See `Points`."""
        return np.asarray(self._second.cpu().numpy())

    def sums(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Points`."""
        sums = torch.zeros(k, self._rows.shape[1], dtype=torch.float64, device=self._device)
        step = max(1, _PAIRS // self._rows.shape[1])
        for at in range(0, self.count, step):
            part = slice(at, at + step)
            sums.index_add_(0, self._labels[part], self._rows[part].double())
        return np.asarray(sums.cpu().numpy()), np.bincount(self.labels, minlength=k)

    def nearer(self, new: np.ndarray, squared: np.ndarray) -> np.ndarray:
        """See `Points`."""
        found = self._here(squared)
        for part, products in self._products(new):
            distance = (self._norms[part] - 2 * products.amax(1)).clamp_min(0)
            found[part] = torch.minimum(found[part], distance)
        return np.asarray(found.cpu().numpy())

    def gains(self, candidates: np.ndarray, squared: np.ndarray) -> np.ndarray:
        """See `Points`."""
        limits = 0.5 * (self._norms - self._here(squared))
        total = torch.zeros(len(candidates), dtype=torch.float64, device=self._device)
        for part, products in self._products(candidates):
            total += 2 * (products - limits[part, None]).clamp_min(0).sum(0)
        return np.asarray(total.cpu().numpy())

    def _products(self, centres: np.ndarray) -> Any:
        """Rows in blocks, and x.c - |c|²/2 of each with every centre."""
        columns = self._here(centres)
        half = -0.5 * columns.square().sum(1)
        step = max(1, _PAIRS // len(centres))
        for at in range(0, self.count, step):
            part = slice(at, min(at + step, self.count))
            yield part, torch.addmm(half, self._rows[part], columns.T)

    def _here(self, array: np.ndarray) -> torch.Tensor:
        return torch.tensor(array, dtype=torch.float32, device=self._device)
