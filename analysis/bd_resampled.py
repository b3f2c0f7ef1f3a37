"""Bjøntegaard deltas of many resampled pairs of fronts at once.

The same definition as `analysis.bd_rate` with PCHIP, whose library takes one pair at a time: here
all resamples are interpolated together, which makes an interval cost milliseconds instead of a
second. Tested to give the library's numbers. PCHIP: Fritsch & Butland 1984, with the three-point
formula at the ends that scipy takes.
"""

from __future__ import annotations

import numpy as np

from analysis.bd_rate import LEAST_POINTS


def resampled_deltas(
    rates: tuple[np.ndarray, np.ndarray], scores: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """BD-rate in % and BD-distortion of the fronts of an anchor and a test, per resample.

    Args:
        rates: of the anchor's points and of the test's, each float (points,), rising.
        scores: their distortions, each float (points, resamples), lower is better; what is not
            finite is passed over.

    Returns:
        Two float (resamples,), not a number where `analysis.bd_rate.bd` has none.
    """
    anchor, test = (_fronts(r, s) for r, s in zip(rates, scores, strict=True))
    count = scores[0].shape[1]
    enough = _enough(anchor[0], count) & _enough(test[0], count)
    logs = _averages([(b, -d, np.log10(r)) for b, r, d in (anchor, test)], count)
    falls = _averages([(b, np.log10(r), d) for b, r, d in (anchor, test)], count)
    with np.errstate(over="ignore", invalid="ignore"):
        percent = 100 * (10.0**logs - 1)
    return np.where(enough, percent, np.nan), np.where(enough, falls, np.nan)


def strict_front(rates: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Which points each resample's front has, once per place: bool (points, resamples).

    Args:
        rates: float (points,), rising.
        scores: float (points, resamples), lower is better.
    """
    bounded = np.where(np.isfinite(scores), scores, np.inf)
    starts = np.flatnonzero(np.r_[True, rates[1:] != rates[:-1]])
    least = np.minimum.reduceat(bounded, starts, axis=0)
    best = np.minimum.accumulate(least, axis=0)
    falls = np.vstack([np.isfinite(least[:1]), best[1:] < best[:-1]])
    block = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(rates)]))
    mask = falls[block] & (bounded == least[block]) & np.isfinite(bounded)
    for start, stop in zip(starts, np.r_[starts[1:], len(rates)], strict=True):
        if stop - start > 1:  # of equal points one is enough
            mask[start:stop] &= np.cumsum(mask[start:stop], axis=0) == 1
    return mask


def _fronts(rates: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Resample, rate and distortion of every point of every front, in order."""
    usable = rates > 0
    rates, scores = rates[usable], scores[usable]
    if not len(rates):
        return np.empty(0, dtype=int), np.empty(0), np.empty(0)
    resample, place = np.nonzero(strict_front(rates, scores).T)
    return resample, rates[place], scores[place, resample]


def _enough(resample: np.ndarray, count: int) -> np.ndarray:
    return np.asarray(np.bincount(resample, minlength=count) >= LEAST_POINTS)


def _averages(curves: list[tuple[np.ndarray, np.ndarray, np.ndarray]], count: int) -> np.ndarray:
    """Mean of the second curve less the first over what both span: float (resamples,)."""
    low, high = np.full(count, -np.inf), np.full(count, np.inf)
    for resample, x, _ in curves:
        least, most = np.full(count, np.inf), np.full(count, -np.inf)
        np.minimum.at(least, resample, x)
        np.maximum.at(most, resample, x)
        low, high = np.maximum(low, least), np.minimum(high, most)
    shared = np.isfinite(low) & np.isfinite(high) & (high > low)
    first, second = (_integrals(*c, low, high, count) for c in curves)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(shared, (second - first) / (high - low), np.nan)


def _integrals(
    resample: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    count: int,
) -> np.ndarray:
    """Integral of each resample's PCHIP interpolant from `low` to `high`: float (resamples,)."""
    # Curves stand one after the other; a segment joins two points of the same one.
    inner = np.flatnonzero(resample[1:] == resample[:-1])
    if not len(inner):
        return np.zeros(count)
    width = np.diff(x)
    slope = np.divide(np.diff(y), width, out=np.zeros_like(width), where=width != 0)
    tangent = _tangents(resample, width, slope)
    whose, h = resample[inner], width[inner]
    y0, y1, d0, d1 = y[inner], y[inner + 1], tangent[inner], tangent[inner + 1]
    ends = [
        np.clip((np.clip(edge[whose], x[inner], x[inner + 1]) - x[inner]) / h, 0, 1)
        for edge in (low, high)
    ]
    areas = [
        h * (y0 * (t - t**3 + t**4 / 2) + h * d0 * (t**2 / 2 - 2 * t**3 / 3 + t**4 / 4)
             + y1 * (t**3 - t**4 / 2) + h * d1 * (t**4 / 4 - t**3 / 3))
        for t in ends
    ]  # fmt: skip
    return np.bincount(whose, weights=areas[1] - areas[0], minlength=count)


def _tangents(resample: np.ndarray, width: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Slopes of the interpolants at their points, of curves with three points or more."""
    tangent = np.zeros(len(resample))
    first = np.flatnonzero(np.r_[True, resample[1:] != resample[:-1]])
    last = np.r_[first[1:], len(resample)] - 1
    long = last - first >= 2
    middle = np.ones(len(resample), dtype=bool)
    middle[first] = middle[last] = False
    at = np.flatnonzero(middle)
    before, after, m0, m1 = width[at - 1], width[at], slope[at - 1], slope[at]
    w0, w1 = 2 * after + before, after + 2 * before
    with np.errstate(divide="ignore", invalid="ignore"):
        harmonic = (w0 + w1) / (w0 / m0 + w1 / m1)
    tangent[at] = np.where(m0 * m1 > 0, harmonic, 0.0)
    for place, near, far in ((first[long], 0, 1), (last[long], -1, -2)):
        tangent[place] = _edge(
            width[place + near], width[place + far], slope[place + near], slope[place + far]
        )
    return tangent


def _edge(h0: np.ndarray, h1: np.ndarray, m0: np.ndarray, m1: np.ndarray) -> np.ndarray:
    found = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    found = np.where(np.sign(found) != np.sign(m0), 0.0, found)
    steep = (np.sign(m0) != np.sign(m1)) & (np.abs(found) > 3 * np.abs(m0))
    return np.where(steep, 3 * m0, found)
