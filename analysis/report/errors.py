"""Errors of single points: per joint with intervals and tail, spectra, drift of bone lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.findings import Findings
from analysis.report.payload import plain
from analysis.shown_clips import read_arrays
from search_spaces.record import ERRORS_FILE

RESAMPLES = 400
SEED = 20_240_607
SPLIT = "val"


def errors_payload(findings: Findings, rows: Sequence[int]) -> dict[str, Any] | None:
    """What the page draws of the errors of the points that it shows closely.

    Returns:
        `joints`, `unit`, `frequencies`, `parts`, `recordings` (how many) and `points`: row ->
        `mean`, `low`, `high`, `p95` per joint, `velocity`, `jerk` per part and frequency, beside
        `original`, and `drift` (bone -> mean change of its length). Older sweeps leave the means
        alone. None where no trial left any.
    """
    facts = findings.log.facts
    unit = facts.yardstick.column_unit if facts else "cm"
    rng = np.random.default_rng(SEED)
    result: dict[str, Any] = {"unit": unit.split("_")[0], "points": {}, "recordings": 0}
    read: dict[str, dict[str, np.ndarray] | None] = {}
    for row in rows:
        point = findings.means.iloc[row]
        trial, depth = str(point["trial"]), int(point["depth"])
        if trial not in read:
            read[trial] = read_arrays(findings.log.folder, trial, ERRORS_FILE)
        arrays = read[trial]
        key = f"{SPLIT}/depth{depth}"
        if not arrays or f"{key}/joint_error_{unit}" not in arrays or "joints" not in arrays:
            continue
        names = [str(j) for j in arrays["joints"]]
        if result.setdefault("joints", names) != names:
            continue
        result["points"][str(row)] = _of_point(arrays, key, unit, rng)
        _once(result, arrays)
    return result if result["points"] else None


def _of_point(
    arrays: Mapping[str, np.ndarray], key: str, unit: str, rng: np.random.Generator
) -> dict[str, Any]:
    found: dict[str, Any] = {"mean": _plain(arrays[f"{key}/joint_error_{unit}"])}
    each = arrays.get(f"{key}/recording_joint_error_{unit}")
    if each is not None and len(each) > 1:
        found["low"], found["high"] = map(_plain, _interval(each.astype(float), rng))
    if f"{key}/joint_p95_{unit}" in arrays:
        found["p95"] = _plain(arrays[f"{key}/joint_p95_{unit}"])
    for name in ("velocity", "jerk"):
        if f"{key}/{name}_spectrum" in arrays:
            found[name] = [_plain(r) for r in arrays[f"{key}/{name}_spectrum"]]
    if f"{key}/bone_drift_{unit}" in arrays:
        found["drift"] = _plain(arrays[f"{key}/bone_drift_{unit}"])
    return found


def _once(result: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """What all points share."""
    if "frequencies" in result or "frequencies_hz" not in arrays:
        return
    result["frequencies"] = _plain(arrays["frequencies_hz"])
    result["parts"] = [str(p) for p in arrays["spectrum_parts"]]
    result["bones"] = [str(b) for b in arrays["bones"]]
    result["recordings"] = len(arrays[f"{SPLIT}/recordings"])
    result["original"] = {
        name: [_plain(r) for r in arrays[f"{SPLIT}/original/{name}_spectrum"]]
        for name in ("velocity", "jerk")
    }


def _interval(each: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """95 % of the mean over recordings that are resampled; (2, joints)."""
    drawn = rng.integers(len(each), size=(RESAMPLES, len(each)))
    known = np.isfinite(each)
    sums, counts = np.where(known, each, 0.0)[drawn].sum(axis=1), known[drawn].sum(axis=1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    found = np.full((2, each.shape[1]), np.nan)
    seen = np.isfinite(means).any(axis=0)
    found[:, seen] = np.nanpercentile(means[:, seen], [2.5, 97.5], axis=0)
    return found


def _plain(values: np.ndarray) -> list[Any]:
    """Four digits: more cannot be seen."""
    return [plain(float(f"{v:.4g}")) for v in values.tolist()]
