"""Statistics of the fronts of one sweep as one JSON-able dict, for pages and tables.

`front_statistics(points, clips)` is the door. Selection is on validation; what stands under `test`
is the score of what validation chose. Every number that is not defined is null, with a `reason`
beside it; every point that is left out is counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis.attainment import attainment
from analysis.bootstrap import RESAMPLES, SEED, clip_table, draw
from analysis.differences import codec_deltas, difference, ends, jsonable
from analysis.fronts import objective_values
from analysis.importance import importance
from analysis.indicators import Box, contributions, hypervolume, indicators
from analysis.knee import knee
from analysis.labels import point_label
from analysis.resampled import Resampled, resample
from analysis.statistics import SEEDS, is_rate, is_score, mean_and_error, seed_means
from search_spaces.errors import BadInput
from search_spaces.objectives import Direction, Objective, Scope, find_metric, objectives
from search_spaces.record import STATUSES

FORM = 1
"""Version of the dict."""

KNEE_RESAMPLES = 300
"""Resamples in which the knee is looked for."""

FEW_SEEDS = 3
"""Points of a front with fewer seeds are marked: one lucky seed is enough to get there."""


def front_statistics(
    points: pd.DataFrame,
    clips: pd.DataFrame,
    *,
    rate: str | Objective = "rate_nominal_bps",
    distortions: Sequence[str | Objective] | None = None,
    reference: Mapping[str, float] | None = None,
    trials: pd.DataFrame | None = None,
    split: str = "val",
    resamples: int = RESAMPLES,
    with_importance: bool = True,
    seed: int = SEED,
) -> dict[str, Any]:
    """Everything that can be said about the fronts of a sweep.

    Args:
        points: rows as in `points.csv`, of every seed.
        clips: rows as in `clips.parquet`; without any, intervals are null.
        rate: the rate of all fronts.
        distortions: one front each; the minimised metrics of the full pose, of parts and of the
            wrists where left out.
        reference: the sweep's stored reference point. What it lacks is taken from the worst finite
            point, which `reference.made` says: such hypervolumes compare within the sweep only.
        trials: rows as in `trials.csv`, to count how they ended.
        split: which measurements to judge by.
        resamples: how often recordings are resampled; 0 for no intervals.
        with_importance: whether to fit forests for the importance of hyperparameters.
        seed: of the draws.

    Returns:
        `form`, `rate`, `split`, `codecs`, `counts`, `draws`, `reference`, `distortions` (name to
        what `_of_distortion` gives), `importance` (name to its dict).
    """
    rate = _objective(rate)
    wanted = _distortions(points, rate, distortions, split)
    means = seed_means(points).reset_index(drop=True)
    drawn, recordings = None, None
    if resamples and wanted and len(clips):
        table = clip_table(clips, _most_clips(clips, wanted), split)
        if len(table.recordings):
            rng = np.random.default_rng(seed)
            drawn = draw(table.recordings, table.signers, rng, resamples)
            recordings = table.recordings
    corner, made = _reference(means, [rate, *wanted], reference or {}, split)
    found: dict[str, Any] = {}
    for distortion in wanted:
        chosen = resample(points, clips, rate, distortion, split=split, draws=drawn,
                          recordings=recordings)  # fmt: skip
        place = np.array([corner[rate.name], corner[distortion.name]])
        found[distortion.name] = _of_distortion(points, chosen, rate, distortion, place, split)
    result: dict[str, Any] = {
        "form": FORM,
        "rate": rate.name,
        "split": split,
        "codecs": sorted({str(c) for c in points["codec"].dropna()}) if len(points) else [],
        "counts": _counts(points, means, [rate, *wanted], trials, split),
        "draws": {
            "unit": drawn.unit if drawn else None,
            "units": drawn.units if drawn else 0,
            "resamples": len(drawn.weights) if drawn else 0,
            "note": drawn.note if drawn else "nothing was resampled",
        },
        "reference": {
            "point": {n: _objective(n).sign * v for n, v in corner.items()},
            "made": sorted(made),
        },
        "distortions": found,
        "importance": {},
    }
    if with_importance:
        for distortion in wanted[:1]:
            place = np.array([corner[rate.name], corner[distortion.name]])
            table_of = importance(points, rate, distortion, place, split=split)
            result["importance"][distortion.name] = table_of.as_dict()
    return jsonable(result)


def _of_distortion(
    points: pd.DataFrame,
    chosen: Resampled,
    rate: Objective,
    distortion: Objective,
    corner: np.ndarray,
    split: str,
) -> dict[str, Any]:
    """One front and all about it.

    Keys: `unit`, `reason` (why there are no intervals), `front` (points by rising rate, each with
    its contribution, seeds, whether these are few, and how often resampling leaves it on the
    front), `knee`, `hypervolume` (with its interval, per seed, and of the chosen points on test),
    `indicators` (of each codec against the whole front), `differences` (hypervolume, pairs of
    codecs), `bd` (pairs of codecs), `attainment` (surfaces over seeds), `not_finite`, `clipped`.
    """
    box = Box.below(corner, chosen.values)
    codecs = sorted(set(chosen.codec))
    whole = chosen.values[chosen.front()]
    volumes = {c: chosen.hypervolumes(corner, c) for c in codecs}
    per_seed = _per_seed(points, rate, distortion, corner, split)
    volume = hypervolume(chosen.values, corner)
    per_codec = {}
    for codec in codecs:
        found = indicators(chosen.values[chosen.members(codec)], whole, box)
        per_codec[codec] = {
            **vars(found),
            **ends(chosen.interval(volumes[codec])),
            "seeds": vars(mean_and_error(per_seed.get(codec, {}).values())),
        }
    return {
        "unit": distortion.metric.unit,
        "reason": chosen.reason,
        "missing": chosen.missing,
        "front": front_rows(chosen, corner, distortion),
        "codec_fronts": {c: front_rows(chosen, corner, distortion, c) for c in codecs},
        "knee": _knee(chosen, distortion),
        "hypervolume": {
            "value": volume.value,
            "share": volume.value / box.volume,
            **ends(chosen.interval(chosen.hypervolumes(corner))),
            "seeds": vars(mean_and_error(per_seed[""].values())),
            "per_seed": per_seed[""],
            "test": _on_test(chosen, rate, distortion, corner),
        },
        "clipped": volume.clipped,
        "not_finite": volume.dropped,
        "indicators": per_codec,
        "differences": [
            difference(a, b, volumes, per_seed, per_codec, chosen)
            for a, b in combinations(codecs, 2)
        ],
        "bd": [codec_deltas(a, b, chosen) for a, b in combinations(codecs, 2)],
        "attainment": _attainment(points, rate, distortion, corner, split),
    }


def front_rows(
    chosen: Resampled, corner: np.ndarray, distortion: Objective, codec: str | None = None
) -> list[dict[str, Any]]:
    """Points of a front by rising rate, of all codecs or one, each as a dict.

    `contribution` is what the front's hypervolume would lose without the point; `stays` the share
    of the resamples in which it is on the front.
    """
    rows = chosen.front(codec)
    lost = contributions(chosen.values[rows], corner)
    stays = chosen.stays(codec)
    found = []
    for i, row in enumerate(rows):
        mean = chosen.means.iloc[row]
        seeds = int(mean[SEEDS]) if SEEDS in chosen.means.columns else 1
        found.append({
            "row": int(row),
            "point": str(mean["point"]),
            "label": point_label(mean.to_dict()),
            "codec": str(mean["codec"]),
            "config_hash": mean.get("config_hash"),
            "depth": mean.get("depth"),
            "rate": float(chosen.values[row, 0]),
            "value": float(distortion.sign * chosen.values[row, 1]),
            "contribution": float(lost[i]),
            "seeds": seeds,
            "few_seeds": seeds < FEW_SEEDS,
            "stays": float(stays[row]),
        })  # fmt: skip
    return found


def _knee(chosen: Resampled, distortion: Objective) -> dict[str, Any]:
    found = knee(chosen.values)
    if found.index is None:
        return {"point": None, "reason": found.reason}

    again = []
    for number in range(min(KNEE_RESAMPLES, chosen.scores.shape[1])):
        curve = chosen.curve(number)
        index = knee(curve).index
        again.append(math.nan if index is None else float(curve[index, 0]))

    mean = chosen.means.iloc[found.index]
    return {
        "row": found.index,
        "point": str(mean["point"]),
        "label": point_label(mean.to_dict()),
        "rate": float(chosen.values[found.index, 0]),
        "value": float(distortion.sign * chosen.values[found.index, 1]),
        "depth": found.depth,
        "reason": "",
        **ends(chosen.interval(np.array(again))),
    }


def _per_seed(
    points: pd.DataFrame, rate: Objective, distortion: Objective, corner: np.ndarray, split: str
) -> dict[str, dict[str, float]]:
    """Codec ("" for all) to seed to the hypervolume of that seed's points."""
    values = objective_values(points, [rate, distortion], split)
    found: dict[str, dict[str, float]] = {"": {}}
    if "seed" not in points.columns:
        return found
    seeds, codecs = points["seed"].to_numpy(), points["codec"].astype(str).to_numpy(dtype=object)
    for seed in sorted(set(seeds)):
        own = seeds == seed
        found[""][str(seed)] = hypervolume(values[own], corner).value
        for codec in sorted(set(codecs[own])):
            volume = hypervolume(values[own & (codecs == codec)], corner).value
            found.setdefault(codec, {})[str(seed)] = volume
    return found


def _attainment(
    points: pd.DataFrame, rate: Objective, distortion: Objective, corner: np.ndarray, split: str
) -> dict[str, Any]:
    values = objective_values(points, [rate, distortion], split)
    seeds = points["seed"].to_numpy() if "seed" in points.columns else np.zeros(len(points))
    found = attainment(values, seeds, corner)
    return {
        "surfaces": {
            f"{level:g}": [[float(r), float(distortion.sign * d)] for r, d in corners]
            for level, corners in found.surfaces.items()
        },
        "needed": {f"{level:g}": n for level, n in found.needed.items()},
        "seeds": found.runs,
        "deviation": found.deviation,
        "reason": found.reason,
    }


def _on_test(
    chosen: Resampled, rate: Objective, distortion: Objective, corner: np.ndarray
) -> float:
    """Hypervolume under test scores of the front that validation chose."""
    columns = [rate.column("test"), distortion.column("test")]
    if any(c not in chosen.means.columns for c in columns):
        return math.nan
    rows = chosen.means.iloc[chosen.front()]
    return hypervolume(objective_values(rows, [rate, distortion], "test"), corner).value


def _reference(
    means: pd.DataFrame, names: Sequence[Objective], stored: Mapping[str, float], split: str
) -> tuple[dict[str, float], set[str]]:
    """Signed reference value of each objective, and the names of those that were made here."""
    corner, made = {}, set()
    for objective in names:
        given = float(stored.get(objective.name, math.nan))
        if math.isfinite(given):
            corner[objective.name] = objective.sign * given
            continue
        values = objective_values(means, [objective], split)[:, 0]
        finite = values[np.isfinite(values)]
        # A point on the corner itself would count as clipped.
        worst = float(finite.max()) if len(finite) else 1.0
        corner[objective.name] = worst + 0.01 * abs(worst) + 1e-12
        made.add(objective.name)
    return corner, made


def _counts(
    points: pd.DataFrame,
    means: pd.DataFrame,
    names: Sequence[Objective],
    trials: pd.DataFrame | None,
    split: str,
) -> dict[str, Any]:
    ends: Any = trials["status"].value_counts() if trials is not None and len(trials) else {}
    few = int((means[SEEDS] < FEW_SEEDS).sum()) if SEEDS in means.columns else len(means)
    lost = {o.name: int((~np.isfinite(objective_values(points, [o], split))).sum()) for o in names}
    return {
        "points": len(points),
        "configurations": len(means),
        "few_seeds": few,
        "not_finite": lost,
        "trials": {s: int(ends.get(s, 0)) for s in STATUSES},
    }


def _distortions(
    points: pd.DataFrame, rate: Objective, given: Sequence[str | Objective] | None, split: str
) -> list[Objective]:
    if rate.column(split) not in points.columns:
        return []
    if given is not None:
        wanted = [_objective(g) for g in given]
        return [o for o in wanted if o.column(split) in points.columns]
    names = [str(c).removeprefix(f"{split}_") for c in points.columns
             if str(c).startswith(f"{split}_") and is_score(str(c))]  # fmt: skip
    found: list[Objective] = []
    for name in names:
        try:
            metric = find_metric(name)[0]
        except BadInput:
            continue
        posed = metric.scope in (Scope.POSE, Scope.TOTAL) and not is_rate(name)
        if posed and metric.direction is Direction.MIN:
            found += objectives([name])
    return sorted(found, key=lambda o: (o.scope != "full", o.metric.stem != "rmse"))


def _most_clips(clips: pd.DataFrame, wanted: Sequence[Objective]) -> str:
    """Objective with the most recordings: its recordings are drawn for all."""
    own = clips[clips["metric"].isin([o.name for o in wanted])]
    counts = own.groupby("metric")["recording"].nunique()
    return max((o.name for o in wanted), key=lambda n: int(counts.get(n, 0)))


def _objective(name: str | Objective) -> Objective:
    return name if isinstance(name, Objective) else Objective(name)
