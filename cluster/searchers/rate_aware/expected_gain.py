"""Logarithm of the expected volume that an uncertain point, or set of points, adds to a staircase.

For a normal value N(mu, sigma^2) at an exactly known rate the expectation is the finite sum over
steps of width times expected improvement, EI(b) = sigma h((b - mu) / sigma) with
h(z) = phi(z) + z Phi(z). A residual codec gives a point for every depth: of these the deepest that
fits a rate is the best one, so point q counts between its own rate and that of point q + 1. That is
exact where the value falls with depth, and a lower bound elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import erfcx, ndtr

_ROOT = np.sqrt(np.pi / 2)
_LOG_ROOT_2PI = 0.5 * np.log(2 * np.pi)


Terms = tuple[np.ndarray, ...]
"""Values; with slopes, those by the mean and those by the standard deviation, too."""


def log_h(z: np.ndarray, *, slopes: bool = True) -> Terms:
    """ln h(z), and with slopes Phi(z) / h(z) and phi(z) / h(z), accurate in both tails."""
    z = np.asarray(z, float)
    out = tuple(np.empty_like(z) for _ in range(3 if slopes else 1))
    high = z > -1.0
    if high.any():
        x = z[high]
        phi, cdf = np.exp(-0.5 * x * x - _LOG_ROOT_2PI), ndtr(x)
        h = phi + x * cdf
        out[0][high] = np.log(h)
        if slopes:
            out[1][high], out[2][high] = cdf / h, phi / h
    low = ~high
    if low.any():
        x = z[low]
        u = _ROOT * erfcx(-x / np.sqrt(2))  # Phi / phi
        g = 1 + x * u  # h / phi, which cancels far out
        if (far := x < -50.0).any():
            inverse = 1.0 / x[far] ** 2
            g[far] = inverse * (1 - inverse * (3 - inverse * (15 - 105 * inverse)))
        out[0][low] = (-0.5 * x * x - _LOG_ROOT_2PI) + np.log(g)
        if slopes:
            out[1][low], out[2][low] = u / g, 1.0 / g
    return out


def expected_gain(
    mean: np.ndarray, sd: np.ndarray, levels: np.ndarray, widths: np.ndarray
) -> np.ndarray:
    """Expected volume under each point: (points,), from (points, steps) widths."""
    z = (levels[None] - mean[:, None]) / sd[:, None]
    return np.sum(widths * sd[:, None] * np.exp(log_h(z, slopes=False)[0]), axis=1)


def log_expected_gain(
    mean: np.ndarray,
    sd: np.ndarray,
    levels: np.ndarray,
    widths: np.ndarray,
    owner: np.ndarray,
    owners: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln of the expected volume of each set of points, and its slopes.

    Args:
        mean: (points,) posterior means.
        sd: (points,) posterior standard deviations, positive.
        levels: (steps,) of the staircase.
        widths: (points, steps), from `Staircase.widths`.
        owner: (points,) number of the set that each point belongs to, ascending.
        owners: how many sets.

    Returns:
        (owners,) values, -inf where a set has no width; (points,) slopes by mean; (points,) by sd.
    """
    each, by_mean, by_sd = log_step_gain(mean, sd, levels, widths)
    value, shares = gathered(each, owner, owners)
    return value, shares * by_mean, shares * by_sd


def log_step_gain(
    mean: np.ndarray, sd: np.ndarray, levels: np.ndarray, widths: np.ndarray, *, slopes: bool = True
) -> Terms:
    """`log_expected_gain` of each point by itself: (points,) values, and slopes if asked for."""
    # A prefix counts on few steps, between its own rate and the next one's.
    point, step = np.nonzero(widths)
    log_value, *by = log_h((levels[step] - mean[point]) / sd[point], slopes=slopes)
    terms = np.log(widths[point, step]) + np.log(sd)[point] + log_value
    value, shares = gathered(terms, point, len(mean))
    if not slopes:
        return (value,)
    by_cdf, by_pdf = by
    by_mean = -np.bincount(point, shares * by_cdf, len(mean)) / sd
    by_sd = np.bincount(point, shares * by_pdf, len(mean)) / sd
    return value, by_mean, by_sd


def gathered(each: np.ndarray, owner: np.ndarray, owners: int) -> tuple[np.ndarray, np.ndarray]:
    """ln of the sum over each set of points, (owners,), and each point's share of its set.

    `owner` ascends.
    """
    top = np.full(owners, -np.inf)
    if len(owner):
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        top[owner[first]] = np.maximum.reduceat(each, first)
    shift = np.where(np.isfinite(top), top, 0.0)
    shares = np.exp(each - shift[owner])
    total = np.bincount(owner, shares, owners)
    with np.errstate(divide="ignore"):
        value = np.log(total) + shift
    return value, shares / np.where(total > 0, total, 1.0)[owner]


def log_interval(
    mean: np.ndarray, sd: np.ndarray, low: np.ndarray, high: np.ndarray, *, slopes: bool = True
) -> Terms:
    """ln of the expected length of [low, high] above a normal value, and its slopes.

    That is EI(high) - EI(low); all arguments broadcast, and sd may be 0 throughout (an exact
    value). `low` may be -inf. -inf where the interval is empty or an exact value lies above it.
    """
    if not np.any(sd):
        with np.errstate(divide="ignore", invalid="ignore"):
            length = np.maximum(high - np.maximum(low, mean), 0.0)
            value = np.log(np.where(np.isnan(length), 0.0, length))
        return (value, np.zeros_like(value), np.zeros_like(value)) if slopes else (value,)
    empty = ~(high > low)
    none = np.isneginf(low) | empty
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        up = log_h(np.where(empty, 0.0, (high - mean) / sd), slopes=slopes)
        down = log_h(np.where(none, -1.0, (low - mean) / sd), slopes=slopes)
    return _between(up, down, none, empty, sd)


class Intervals:
    """Intervals that share edges, so that of each edge h is computed once."""

    def __init__(self, edges: np.ndarray) -> None:
        """From (intervals, 2) lower ends, -inf where there is none, and finite higher ones."""
        self._edges, self.place = np.unique(edges, axis=0, return_inverse=True)
        values, place = np.unique(self._edges, return_inverse=True)
        self._values = np.where(np.isneginf(values), 0.0, values)[:, None]
        self._low, self._high = place.reshape(self._edges.shape).T
        self._none = np.isneginf(self._edges[:, :1])
        self._empty = ~(self._edges[:, 1:] > self._edges[:, :1])

    def log_expected(self, mean: np.ndarray, sd: np.ndarray, *, slopes: bool = True) -> Terms:
        """`log_interval` over the different ones, at `place` of which each interval stands.

        Args:
            mean: (points,) posterior means, or exact values.
            sd: (points,) standard deviations, positive or all 0.
            slopes: whether they are wanted.

        Returns:
            (different intervals, points) values, and slopes if asked for.
        """
        if not np.any(sd):
            return log_interval(mean, sd, self._edges[:, :1], self._edges[:, 1:], slopes=slopes)
        found = log_h((self._values - mean) / sd, slopes=slopes)
        up, down = ([f[at] for f in found] for at in (self._high, self._low))
        return _between(up, down, self._none, self._empty, sd)


def _between(
    up: Sequence[np.ndarray],
    down: Sequence[np.ndarray],
    none: np.ndarray,
    empty: np.ndarray,
    sd: np.ndarray,
) -> Terms:
    """From h at both ends of intervals, with or without slopes; `none` have no lower end."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # The share of EI(high) that lies below `low`, and what is left of it.
        less = np.where(none, -np.inf, np.minimum(down[0] - up[0], 0.0))
        left = np.maximum(-np.expm1(less), 1e-300)
        value = np.where(empty, -np.inf, np.log(sd) + up[0] + np.log(left))
        if len(up) == 1:
            return (value,)
        below = np.exp(less)
        left = np.where(empty, np.inf, left * sd)
        by_mean = (below * down[1] - up[1]) / left
        by_sd = (up[2] - below * down[2]) / left
    return value, by_mean, by_sd
