"""Codecs set against each other as JSON-able dicts: hypervolume, Bjøntegaard deltas, intervals.

Both sides of a difference are scored on the same draws of recordings, and paired by seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.bd_rate import BD, Delta, bd
from analysis.bootstrap import Interval, percentile_interval
from analysis.resampled import Resampled
from analysis.statistics import mean_and_error


def difference(
    first: str,
    second: str,
    volumes: Mapping[str, np.ndarray],
    per_seed: Mapping[str, Mapping[str, float]],
    per_codec: Mapping[str, Mapping[str, Any]],
    chosen: Resampled,
) -> dict[str, Any]:
    """Hypervolume of the first codec less that of the second, on the same draws and seeds."""
    gaps = volumes[first] - volumes[second]
    a, b = per_seed.get(first, {}), per_seed.get(second, {})
    both = [a[s] - b[s] for s in a if s in b]
    value = per_codec[first]["hypervolume"] - per_codec[second]["hypervolume"]
    return {
        "first": first,
        "second": second,
        "value": value,
        **ends(chosen.interval(gaps)),
        "first_ahead": float((gaps > 0).mean()) if len(gaps) else math.nan,
        "seeds": vars(mean_and_error(both)),
    }


def codec_deltas(anchor: str, test: str, chosen: Resampled) -> dict[str, Any]:
    """Bjøntegaard deltas of a codec's front against another's, on the same draws."""
    found = bd(chosen.values[chosen.front(anchor)], chosen.values[chosen.front(test)])
    return {"anchor": anchor, "test": test, **bd_dict(found, chosen, (anchor, test))}


def bd_dict(found: BD, chosen: Resampled, codecs: tuple[str, str]) -> dict[str, Any]:
    """Deltas with intervals from resampled fronts of two codecs of one sweep."""
    rates, distortions = np.empty(0), np.empty(0)
    if not chosen.reason and (found.rate.defined or found.distortion.defined):
        rates, distortions = chosen.deltas(*codecs)
    return {
        "rate": delta_dict(found.rate, rates, chosen.reason),
        "distortion": delta_dict(found.distortion, distortions, chosen.reason),
    }


def delta_dict(delta: Delta, resampled: np.ndarray, reason: str = "") -> dict[str, Any]:
    """A delta, its interval and what must be said beside it."""
    interval = percentile_interval(resampled) if len(resampled) else Interval(reason=reason)
    return {
        "value": delta.value,
        "overlap": delta.overlap,
        "over": [delta.low, delta.high],
        "reason": delta.reason,
        "note": delta.note,
        **ends(interval if delta.defined else Interval(reason=delta.reason)),
    }


def ends(interval: Interval) -> dict[str, Any]:
    """An interval's keys beside a value."""
    return {"low": interval.low, "high": interval.high, "interval_reason": interval.reason}


def jsonable(value: Any) -> Any:
    """A value as JSON holds it: numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(v) for v in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
