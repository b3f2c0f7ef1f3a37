"""What k-means asks of the place where its points lie: memory of this machine, or of a GPU.

Everything that costs points x centres stands behind this protocol. What costs no more than points
or centres is done once, in NumPy, by the callers.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Points(Protocol):
    """Points (n, d) float32 with an assignment to centres (k, d) float32.

    Attributes:
        count: points, n.
        labels: (n,) int32, the nearest centre of each point as far as is known.
        exact: whether `labels` are surely the nearest centres of the last call.
    """

    count: int
    labels: np.ndarray
    exact: bool

    def rows(self, index: np.ndarray) -> np.ndarray:
        """The points of these numbers, (m, d) float32."""

    def assign(self, centres: np.ndarray) -> None:
        """Finds the nearest centre of every point; the distances to it and to the second, too."""

    def follow(self, centres: np.ndarray, drift: np.ndarray, certain: bool) -> None:
        """Finds them again after each centre moved by `drift` (k,).

        Unless it has to be `certain`, it may leave out points that can hardly have changed. It can
        be certain only where `exact` was so before.
        """

    def first(self) -> np.ndarray:
        """Squared distance (n,) float32 of each point to the centre of its label."""

    def second(self) -> np.ndarray:
        """Squared distance (n,) float32 to the second nearest; right after `assign` only."""

    def sums(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Sums (k, d) float64 of the points of each label, and how many (k,) they are."""

    def nearer(self, new: np.ndarray, squared: np.ndarray) -> np.ndarray:
        """The lesser of `squared` (n,) and the squared distance to the nearest of `new` (m, d)."""

    def gains(self, candidates: np.ndarray, squared: np.ndarray) -> np.ndarray:
        """By how much the sum of `squared` would fall with each candidate (m, d) added, (m,)."""
