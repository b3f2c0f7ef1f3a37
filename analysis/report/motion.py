"""Clips of the page's player: original and reconstruction of the points that fit into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.findings import Findings, leading_front
from analysis.fronts import RATES
from analysis.report.arrays import evenly, packed_motion
from analysis.report.payload import plain
from analysis.shown_clips import ORIGINAL, ShownClips, read_shown
from search_spaces.objectives import Objective

BUDGET = 5_500_000
"""Characters of motion on a page; a page of 1,000 trials then stays under 15 MB."""
EXTENT_STEPS = 1_500
"""Steps between the middle and the farthest joint: about a millimetre for a person."""
MOST_POINTS = 60
"""Points whose errors, codebooks and clips stand on the page."""


def looked_at(findings: Findings) -> list[int]:
    """Rows of `means` that are shown closely: those of fronts first, then each codec's own."""
    means = findings.means
    if means.empty:
        return []
    rates = [Objective(n) for n in RATES.values() if Objective(n).column("val") in means.columns]
    fronts = [leading_front(findings).index]
    fronts += [findings.front_of(findings.leading, r).index for r in rates if len(fronts[0])]
    fronts += [findings.front_of(o.name).index for o in findings.distortions]
    order: dict[int, None] = {}
    for front in fronts:
        order |= dict.fromkeys(_spread(front))
    for codec, own in means.groupby("codec", sort=True):
        scores = own.get(f"val_{findings.judged_by[str(codec)]}", own["depth"])
        ranked = scores.astype(float).sort_values(kind="stable").index
        order |= dict.fromkeys(int(ranked[i]) for i in evenly(len(ranked), 6))
    rest = [i for i in range(len(means)) if i not in order]
    order |= dict.fromkeys(rest[int(i)] for i in evenly(len(rest), MOST_POINTS))
    return [*order][:MOST_POINTS]


def _spread(rows: pd.Index) -> list[int]:
    return [int(rows[i]) for i in evenly(len(rows), MOST_POINTS // 2)]


def motion_payload(
    findings: Findings, rows: Sequence[int], budget: int = BUDGET
) -> dict[str, Any] | None:
    """Clips of so many of the points as fit, in the order given; None where no trial left any.

    Returns:
        `joints`, `parents`, `parts`, `fps`, `step`, `unit`, `clips` (recording -> frames, `start`,
        packed `original`), `points` (row -> recording -> `why`, `error`, packed `motion`), and
        `left_out`, the number of points that had no room.
    """
    bones: ShownClips | None = None
    found: dict[str, Any] = {}
    clips: dict[str, dict[str, Any]] = {}
    shapes: dict[str, tuple[int, tuple[int, ...]]] = {}
    step, spent, left_out, lacking = 1.0, 0, 0, 0
    errors = _errors(findings, rows)
    for row in rows:
        point = findings.means.iloc[row]
        shown = read_shown(findings.log.folder, str(point["trial"]))
        if shown is None or not shown.recordings:
            lacking += 1
            continue
        if bones is None:
            bones = shown
            still = [c for k, c in shown.clips.items() if k.endswith(ORIGINAL)]
            extent = max(float(np.nanmax(np.abs(c), initial=0.0)) for c in still)
            step = max(extent, 1e-6) / EXTENT_STEPS
        elif shown.joints != bones.joints:
            lacking += 1
            continue
        own: dict[str, dict[str, Any]] = {}
        new: dict[str, dict[str, Any]] = {}
        for recording in shown.recordings:
            original, rebuilt = shown.clip(recording), shown.clip(recording, int(point["depth"]))
            if original is None or rebuilt is None:
                continue
            shape = (shown.starts[recording], original.shape)
            if shapes.setdefault(recording, shape) != shape:
                continue  # another window: it cannot be laid over the others
            if recording not in clips:
                new[recording] = {"frames": len(original), "start": shown.starts[recording],
                                  "original": packed_motion(original, step)}  # fmt: skip
            own[recording] = {
                "why": list(shown.why[recording]),
                "error": plain(errors.get((str(point["point"]), recording))),
                "motion": packed_motion(rebuilt, step),
            }
        cost = sum(len(c["motion"]) for c in own.values())
        cost += sum(len(c["original"]) for c in new.values())
        if spent + cost > budget:
            left_out += 1
            continue
        spent += cost
        clips |= new
        found[str(row)] = own
    if bones is None:
        return None
    unit = findings.log.facts.unit if findings.log.facts else "m"
    return {
        "joints": list(bones.joints),
        "parents": [int(p) for p in bones.parents],
        "parts": {k: [int(j) for j in v] for k, v in bones.parts.items()},
        "fps": plain(bones.fps),
        "step": step,
        "unit": {"m": "cm"}.get(unit, unit),
        "factor": 100 if unit == "m" else 1,
        "clips": clips,
        "points": found,
        "left_out": left_out,
        "lacking": lacking,
    }


def _errors(findings: Findings, rows: Sequence[int]) -> Mapping[tuple[str, str], float]:
    """(point, recording) -> the distortion by which its codec is judged, on validation."""
    clips = findings.tables.clips
    if clips.empty:
        return {}
    looked = findings.means.iloc[list(rows)]
    judged = dict(zip(looked["point"].astype(str), looked["codec"].astype(str), strict=True))
    judged = {point: findings.judged_by[codec] for point, codec in judged.items()}
    own = clips[(clips["split"] == "val") & clips["metric"].isin(set(judged.values()))]
    own = own[own["metric"].astype(str) == own["point"].astype(str).map(judged)]
    keys = zip(own["point"].astype(str), own["recording"].astype(str), strict=True)
    return dict(zip(keys, own["value"].astype(float), strict=True))
