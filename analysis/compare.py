"""Sweeps set against each other: fronts, BD-rate, paired tests, and a verdict in words.

Where the recordings are the same, both sides are scored on the same draws and their difference is
paired; where they are not, each side is drawn for itself and the verdict says so; where the numbers
mean different things, nothing is subtracted (`analysis.comparability`). Points are chosen on
validation, and the tests at equal rate are made on the recordings of test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.bd_rate import bd
from analysis.bd_resampled import resampled_deltas
from analysis.bootstrap import SEED, Draws, clip_table, draw, percentile_interval
from analysis.comparability import Comparability, Footing, comparability
from analysis.deciding import distortion_of, in_words
from analysis.differences import delta_dict, ends, jsonable
from analysis.equal_rate import RateTest, tests_at_equal_rate
from analysis.front_statistics import FEW_SEEDS, front_rows
from analysis.fronts import RATES
from analysis.indicators import hypervolume
from analysis.knee import knee
from analysis.labels import number, objective_label, unit_label
from analysis.log import Log, read_log
from analysis.points import clips_frame, points_frame
from analysis.resampled import Resampled, resample
from search_spaces.errors import BadInput
from search_spaces.objectives import Objective
from search_spaces.record import MEAN_POSE


@dataclass(frozen=True)
class Side:
    """One sweep of a comparison.

    Attributes:
        name: what it is called here: its folder's name, as short as tells it apart.
        log, points, clips: of the sweep.
        chosen: its configurations over the rate and the distortion, resampled.
    """

    name: str
    log: Log
    points: pd.DataFrame
    clips: pd.DataFrame
    chosen: Resampled


@dataclass(frozen=True)
class Comparison:
    """Sweeps set against each other.

    Attributes:
        sides: the sweeps, in the order given.
        rate, distortion: what their fronts are over.
        corner: float (2,), one reference point for all: the worst of those stored.
        common: on what footing they stand.
        pairs: for each two, what `_pair` gives; empty where they stand apart.
        tests: for each two, tests at equal rates; empty unless they are paired.
        verdict: sentences.
    """

    sides: tuple[Side, ...]
    rate: Objective
    distortion: Objective
    corner: np.ndarray
    common: Comparability
    pairs: tuple[dict[str, Any], ...]
    tests: dict[tuple[str, str], tuple[RateTest, ...]]
    verdict: tuple[str, ...]


def compare(
    folders: Sequence[Path | str],
    *,
    objective: str | None = None,
    which: str | None = None,
    seed: int = SEED,
) -> Comparison:
    """Compares finished or running sweeps.

    Args:
        folders: sweep directories, at least two.
        objective: the distortion; full-pose RMSE in the first sweep's unit where left out.
        which: a key of `RATES`; the rate that the first sweep searched where left out.
        seed: of the draws.

    Raises:
        BadInput: fewer than two folders, one that is no sweep, or one without points.
    """
    places = [Path(f).absolute() for f in folders]
    if len(places) < 2 or len(set(places)) < len(places):
        raise BadInput("compare needs two or more different sweep directories")
    names = _names(places)
    logs = [read_log(p) for p in places]
    frames = [points_frame(log) for log in logs]
    for name, frame in zip(names, frames, strict=True):
        if frame.empty:
            raise BadInput(f"{name} has no operating point yet; wait for its first trial to end")
    if which is not None and which not in RATES:
        raise BadInput(f"no rate {which!r}; there are {', '.join(RATES)}")
    rate = logs[0].rate if which is None else Objective(RATES[which])
    distortion = distortion_of(frames[0], objective)
    common = _common(list(zip(names, logs, strict=True)), frames, rate, distortion)
    for name, frame in zip(names, frames, strict=True):
        if common.footing is not Footing.APART and rate.column("val") not in frame.columns:
            raise BadInput(f"{name} has no {rate.name}; compare with --rate nominal")
    sides = _sides(names, logs, frames, rate, distortion, common.footing, seed)
    corner = _corner(sides, rate, distortion)
    pairs: list[dict[str, Any]] = []
    tests: dict[tuple[str, str], tuple[RateTest, ...]] = {}
    if common.footing is not Footing.APART:
        for a, b in combinations(sides, 2):
            pairs.append(_pair(a, b, corner, common.footing))
            if common.footing is Footing.PAIRED:
                tests[a.name, b.name] = tests_at_equal_rate(
                    (a.chosen, a.points, a.clips), (b.chosen, b.points, b.clips), distortion
                )
    verdict = _verdict(sides, pairs, tests, common, rate, distortion, corner)
    return Comparison(tuple(sides), rate, distortion, corner, common, tuple(pairs), tests,
                      tuple(verdict))  # fmt: skip


def _names(places: Sequence[Path]) -> list[str]:
    """Folders' names, with as many parents as tell them apart."""
    depth = 1
    while True:
        names = ["/".join(p.parts[-depth:]) for p in places]
        if len(set(names)) == len(names):
            return names
        depth += 1


def _common(
    named: Sequence[tuple[str, Log]],
    frames: Sequence[pd.DataFrame],
    rate: Objective,
    distortion: Objective,
) -> Comparability:
    """Footing, apart too where a sweep measured the distortion in another unit or not at all."""
    found = comparability(named, rate, distortion)
    lacking = []
    for (name, _), frame in zip(named, frames, strict=True):
        if distortion.column("val") not in frame.columns:
            other = distortion_of(frame)
            lacking.append(f"{name} has no {distortion.name}, it is scored in {other.metric.unit}.")
    if not lacking:
        return found
    return Comparability(Footing.APART, (*lacking, *found.blocking), found.differing)


def _sides(
    names: Sequence[str],
    logs: Sequence[Log],
    frames: Sequence[pd.DataFrame],
    rate: Objective,
    distortion: Objective,
    footing: Footing,
    seed: int,
) -> list[Side]:
    rng = np.random.default_rng(seed)
    drawn: Draws | None = None
    recordings: tuple[str, ...] | None = None
    sides = []
    for name, log, frame in zip(names, logs, frames, strict=True):
        clips = clips_frame(log)
        own = distortion if distortion.column("val") in frame.columns else distortion_of(frame)
        own_rate = rate if rate.column("val") in frame.columns else log.rate
        if footing is Footing.PAIRED and drawn is None:
            table = clip_table(clips, own.name)
            if table.recordings:
                drawn = draw(table.recordings, table.signers, rng)
                recordings = table.recordings
        chosen = resample(frame, clips, own_rate, own, rng=rng, draws=drawn, recordings=recordings)
        sides.append(Side(name, log, frame, clips, chosen))
    return sides


def _corner(sides: Sequence[Side], rate: Objective, distortion: Objective) -> np.ndarray:
    """The worst of the stored reference points; of the points, where none is stored."""
    corner = []
    for place, objective in enumerate((rate, distortion)):
        stored = [
            objective.sign * float(v)
            for s in sides
            if (v := (s.log.sweep.get("reference_point") or {}).get(objective.name)) is not None
        ]
        seen = np.concatenate([s.chosen.values[:, place] for s in sides])
        seen = seen[np.isfinite(seen)]
        if not stored and not len(seen):
            raise BadInput(
                f"no sweep has a finite {objective.name}; give --objective another distortion"
            )
        corner.append(max(stored) if stored else float(seen.max()) * 1.01 + 1e-12)
    return np.array(corner)


def _pair(a: Side, b: Side, corner: np.ndarray, footing: Footing) -> dict[str, Any]:
    """Second sweep against the first: deltas and hypervolume, with intervals.

    Keys: `anchor`, `test`, `bd` (`rate`, `distortion`), `hypervolume` (`anchor`, `test`, `value` of
    the test less the anchor, its interval, `test_ahead`).
    """
    curves = [s.chosen.values[s.chosen.front()] for s in (a, b)]
    found = bd(curves[0], curves[1])
    reason = a.chosen.reason or b.chosen.reason
    rates, falls = np.empty(0), np.empty(0)
    gaps = np.empty(0)
    if not reason:
        at = [s.chosen.values[s.chosen.kept, 0] for s in (a, b)]
        rates, falls = resampled_deltas((at[0], at[1]), (a.chosen.scores, b.chosen.scores))
        gaps = b.chosen.hypervolumes(corner) - a.chosen.hypervolumes(corner)
    volumes = [hypervolume(s.chosen.values, corner) for s in (a, b)]
    return {
        "anchor": a.name,
        "test": b.name,
        "footing": str(footing),
        "bd": {
            "rate": delta_dict(found.rate, rates, reason),
            "distortion": delta_dict(found.distortion, falls, reason),
        },
        "hypervolume": {
            "anchor": volumes[0].value,
            "test": volumes[1].value,
            "clipped": [v.clipped for v in volumes],
            "value": volumes[1].value - volumes[0].value,
            **ends(percentile_interval(gaps)),
            "test_ahead": float((gaps > 0).mean()) if len(gaps) else math.nan,
        },
    }


def _verdict(
    sides: Sequence[Side],
    pairs: Sequence[dict[str, Any]],
    tests: dict[tuple[str, str], tuple[RateTest, ...]],
    common: Comparability,
    rate: Objective,
    distortion: Objective,
    corner: np.ndarray,
) -> list[str]:
    said = []
    if common.footing is Footing.APART:
        said.append("These sweeps cannot be compared by their numbers: "
                    + " ".join(common.blocking))  # fmt: skip
        said += [_alone(s) for s in sides]
        return said
    if common.footing is Footing.UNPAIRED:
        said.append(
            "The recordings differ, so a difference is one of codecs and motion together: "
            + " ".join(common.differing)
        )
    for pair in pairs:
        said += _words(pair, tests.get((pair["anchor"], pair["test"]), ()), rate, distortion)
    notes: dict[str, list[str]] = {}
    for s in sides:
        notes.setdefault(
            s.chosen.reason or (s.chosen.draws.note if s.chosen.draws else ""), []
        ).append(s.name)
    # One that holds for all needs no names.
    said += [
        f"{note[0].upper()}{note[1:]}." if len(of) == len(sides) else f"{', '.join(of)}: {note}."
        for note, of in sorted(notes.items())
        if note
    ]
    few = [
        s.name
        for s in sides
        if any(r["few_seeds"] for r in front_rows(s.chosen, corner, distortion))
    ]
    if few:
        said.append(f"Fewer than {FEW_SEEDS} seeds stand behind points of the front of "
                    f"{', '.join(few)}: another seed may change them.")  # fmt: skip
    return said


def _alone(side: Side) -> str:
    """What a sweep says of itself, without a unit: its rates, and its knee beside the mean pose."""
    values, rows = side.chosen.values, side.chosen.front()
    if not len(rows):
        return f"{side.name}: no finite point."
    bend = knee(values)
    words = f"{side.name}: {len(rows)} points on its front, from "
    words += f"{number(values[rows[0], 0])} to {number(values[rows[-1], 0])} bits/s"
    if bend.index is None:
        return f"{words}; {bend.reason}."
    words += f", its knee at {number(values[bend.index, 0])} bits/s"
    column = distortion_of(side.points).column("val")
    mean = next((b.get(column) for b in side.log.bounds if b.get("codec") == MEAN_POSE), None)
    at_knee = float(side.chosen.means[column][bend.index])
    if mean:
        words += f" with {number(100 * at_knee / float(mean))} % of the mean pose's error"
    return f"{words}."


def _words(
    pair: dict[str, Any], tests: Sequence[RateTest], rate: Objective, distortion: Objective
) -> list[str]:
    """A pair's verdict: bits at equal distortion, else hypervolume; then tests at equal rate."""
    a, b, delta = pair["anchor"], pair["test"], pair["bd"]["rate"]
    what, unit = in_words(distortion), unit_label(distortion.name)
    said = []
    if math.isfinite(delta["value"]):
        more = "more" if delta["value"] > 0 else "fewer"
        over = " to ".join(number(v) for v in delta["over"])
        words = f"{b} needs {number(abs(delta['value']))} % {more} bits than {a} at equal {what}"
        words += f", over {over} {unit}"
        if math.isfinite(delta["low"]):
            words += f" (95 % interval {_signed(delta['low'])} to {_signed(delta['high'])} %)"
            if delta["low"] <= 0 <= delta["high"]:
                words += ", which is no difference that these recordings can tell"
        else:
            words += f" (no interval: {delta['interval_reason']})"
        said.append(words + (f"; {delta['note']}." if delta["note"] else "."))
    else:
        said.append(f"BD-rate of {b} against {a}: n/a, {delta['reason']}.")
    volume = pair["hypervolume"]
    side, other = (b, a) if volume["value"] > 0 else (a, b)
    if volume["value"] == 0:
        said.append(f"{a} and {b} have the same hypervolume.")
    else:
        largest = max(volume["anchor"], volume["test"])
        share = 100 * abs(volume["value"]) / largest
        words = f"{side} has the larger hypervolume, by {number(share)} %"
        if math.isfinite(volume["low"]):
            share = volume["test_ahead"] if side == b else 1 - volume["test_ahead"]
            words += f", and keeps it over {other} in {100 * share:.0f} % of resamples"
        said.append(words + ".")
    if tests:
        said.append(_tested(b, tests))
    return said


def _tested(name: str, tests: Sequence[RateTest]) -> str:
    """Tests at equal rate in words, of the second sweep of a pair."""
    ahead, count = sum(t.difference < 0 for t in tests), tests[0].recordings
    beyond = sum(t.p < 0.05 for t in tests)
    share = {0: "none", len(tests): "all"}.get(ahead, str(ahead))
    words = f"On test, {name} is ahead at {share} of {len(tests)} equal rates; "
    if _too_few(tests):
        return words + f"{count} recordings are too few to tell that from chance."
    which = "no difference is" if not beyond else f"{beyond} {'is' if beyond == 1 else 'are'}"
    return words + f"{which} beyond chance (sign-flip test over {count} recordings, Holm)."


def _too_few(tests: Sequence[RateTest]) -> bool:
    """Whether even a difference on every recording would be put down to chance."""
    return len(tests) * 2.0 ** (1 - tests[0].recordings) >= 0.05


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{number(abs(value))}"


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """A comparison as JSON-able values; what is not defined is not a number and becomes null."""
    found = jsonable({
        "rate": comparison.rate.name,
        "distortion": comparison.distortion.name,
        "reference": comparison.corner.tolist(),
        "footing": str(comparison.common.footing),
        "blocking": comparison.common.blocking,
        "differing": comparison.common.differing,
        "sides": [
            {"name": s.name, "folder": str(s.log.folder),
             "front": front_rows(s.chosen, comparison.corner, comparison.distortion)}
            for s in comparison.sides
        ],
        "pairs": comparison.pairs,
        "tests": [
            {"anchor": a, "test": b, "at": [vars(t) for t in rows]}
            for (a, b), rows in comparison.tests.items()
        ],
        "verdict": comparison.verdict,
    })  # fmt: skip
    return dict(found)


def title(comparison: Comparison) -> str:
    """What is compared, in words."""
    return (
        f"{objective_label(comparison.distortion.name)} over "
        f"{objective_label(comparison.rate.name).lower()}"
    )
