"""Whether two sweeps over one list of trials found the same front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import moocore
import numpy as np

RATE, ERROR = "rate_nominal_bps", "val_rmse_full_cm"
RESAMPLES = 1000

Trials = Sequence[Sequence[Mapping[str, Any]]]


def hypervolume(trials: Trials, reference: np.ndarray) -> float:
    """Of all operating points of some trials, in log2 of the rate and centimetres."""
    return float(moocore.hypervolume(_points(trials), ref=reference))


def paired_ratio(
    ours: Trials, theirs: Trials, rng: np.random.Generator
) -> tuple[float, tuple[float, float]]:
    """Our hypervolume over theirs, and its 95 % interval over trials, the same on both sides.

    Args:
        ours: rows of each trial.
        theirs: of the same trials, in the same order.
        rng: of the resamples.
    """
    both = np.concatenate([_points(ours), _points(theirs)])
    reference = both.max(0) * 1.01 + 1e-9
    found = hypervolume(ours, reference) / hypervolume(theirs, reference)
    ratios = []
    for _ in range(RESAMPLES):
        chosen = rng.integers(len(ours), size=len(ours))
        one, other = [ours[i] for i in chosen], [theirs[i] for i in chosen]
        ratios.append(hypervolume(one, reference) / hypervolume(other, reference))
    low, high = np.quantile(ratios, [0.025, 0.975])
    return found, (float(low), float(high))


def _points(trials: Trials) -> np.ndarray:
    return np.array([[np.log2(row[RATE]), row[ERROR]] for rows in trials for row in rows])
