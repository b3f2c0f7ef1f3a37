"""Two sweeps at equal rates: their best points, and whether these differ beyond chance.

At each of a few rates, each side's best point at or under it is chosen on validation; the two are
then compared recording by recording on test, which chose nothing. Two-sided sign-flip tests, with
Holm's correction over the rates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.bootstrap import averaged, clip_table
from analysis.labels import point_label
from analysis.resampled import Resampled, configurations
from analysis.study.paired import holm, sign_flip_p
from search_spaces.objectives import Objective

RATES_TESTED = 4


@dataclass(frozen=True)
class RateTest:
    """Two points at one rate.

    Attributes:
        rate: most bits per second of both.
        first, second: labels of the points.
        difference: second less first, mean over test recordings; not a number without any.
        p: two-sided, corrected for the number of rates; not a number without any.
        recordings: pairs.
    """

    rate: float
    first: str
    second: str
    difference: float
    p: float
    recordings: int


Sample = tuple[Resampled, pd.DataFrame, pd.DataFrame]


def tests_at_equal_rate(
    first: Sample, second: Sample, distortion: Objective, count: int = RATES_TESTED
) -> tuple[RateTest, ...]:
    """Tests at rates that both fronts span, spaced evenly on a logarithmic axis.

    Args:
        first: configurations of a sweep, its points and its clips.
        second: the same of the other.
        distortion: of both.
        count: of rates.
    """
    sides = (first, second)
    ends = []
    for chosen, _, _ in sides:
        rates = chosen.values[chosen.front(), 0]
        if not len(rates):
            return ()
        ends.append((float(rates[rates > 0].min(initial=math.inf)), float(rates.max())))
    low, high = max(e[0] for e in ends), min(e[1] for e in ends)
    if not 0 < low < high:
        return ()
    found = []
    for rate in np.geomspace(low, high, count):
        rows = [_best(chosen, rate) for chosen, _, _ in sides]
        tables = [_per_recording(s, row, distortion) for s, row in zip(sides, rows, strict=True)]
        pairs = pd.concat(tables, axis=1, join="inner").dropna().to_numpy(float)
        gaps = pairs[:, 1] - pairs[:, 0]
        labels = [
            point_label(s[0].means.iloc[row].to_dict()) for s, row in zip(sides, rows, strict=True)
        ]
        p = sign_flip_p(gaps) if len(gaps) > 1 else math.nan
        mean = float(gaps.mean()) if len(gaps) else math.nan
        found.append(RateTest(float(rate), labels[0], labels[1], mean, p, len(gaps)))
    return _corrected(found)


def _best(chosen: Resampled, rate: float) -> int:
    front = chosen.front()
    # geomspace may miss its own ends by a rounding
    under = front[chosen.values[front, 0] <= rate * (1 + 1e-9)]
    return int(under[np.argmin(chosen.values[under, 1])])


def _per_recording(sample: Sample, row: int, distortion: Objective) -> pd.Series:
    """Signed test score of a configuration per recording, averaged over seeds."""
    chosen, points, clips = sample
    groups, rows = configurations(points, chosen.means)
    own = rows[groups == row]
    names = [str(p) for p in points["point"].iloc[own]]
    table = clip_table(clips[clips["point"].isin(names)], distortion.name, "test")
    values = table.of(names)
    mean = averaged(values, np.zeros(len(values), dtype=int), 1)[0] if len(values) else []
    return pd.Series(distortion.sign * np.asarray(mean, dtype=float), index=table.recordings)


def _corrected(tests: Sequence[RateTest]) -> tuple[RateTest, ...]:
    known = [i for i, t in enumerate(tests) if math.isfinite(t.p)]
    ps = dict(zip(known, holm([tests[i].p for i in known]), strict=True)) if known else {}
    return tuple(
        RateTest(t.rate, t.first, t.second, t.difference, ps.get(i, math.nan), t.recordings)
        for i, t in enumerate(tests)
    )
