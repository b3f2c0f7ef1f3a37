"""A sweep that starts from what earlier ones found (`--warm-start DIR_OR_URI`).

What is taken is written into the new sweep's own folder when it begins, so that it is resumed and
repeated from there, whatever becomes of the others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster.reference import metric_versions
from cluster.searchers.earlier import Earlier, EarlierSweep
from cluster.storage.mirror import shown
from cluster.storage.places import log_of_sweep
from cluster.wanted import Wanted
from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.families import is_generator
from search_spaces.limits import Limit
from search_spaces.objectives import Objective
from search_spaces.record import WARM_START_FILE
from search_spaces.space import Config, canonical
from search_spaces.spec import SweepSpec

if TYPE_CHECKING:
    from analysis.log import Log

Row = Mapping[str, Any]


def gather(
    spec: SweepSpec, goals: Sequence[Objective], facts: DataFacts
) -> tuple[EarlierSweep, ...]:
    """What the sweeps that a spec names found.

    Raises:
        BadInput: no sweep there, nothing finished in it, or it did not measure what is searched,
            in the same unit and by the same definition.
    """
    measured: list[Objective | Limit] = [*goals, *Wanted(spec, facts).measured]
    places = [log_of_sweep(place) for place in spec.search.warm_start]
    return tuple(_taken(place.absolute(), measured, facts) for place in places)


def _taken(folder: Path, measured: Sequence[Objective | Limit], facts: DataFacts) -> EarlierSweep:
    from analysis.log import read_log

    log, called = read_log(folder), shown(folder)
    proposed = {str(e["trial"]): e["config"] for e in log.of("proposed")}
    done = {str(e["trial"]) for e in log.of("done")}
    rows: dict[str, dict[int, Row]] = {}
    for event in log.of("point"):
        trial = str(event["trial"])
        if trial in done and not is_generator(proposed[trial]):
            rows.setdefault(trial, {})[int(event["row"]["depth"])] = event["row"]
    if not rows:
        raise BadInput(f"warm start: no trial of {called} finished; leave it out")
    _check(called, log, measured, [row for by_depth in rows.values() for row in by_depth.values()])
    seeds: dict[str, list[tuple[np.ndarray, list[Row]]]] = {}
    configs: dict[str, Config] = {}
    for trial, by_depth in rows.items():
        ordered = [by_depth[depth] for depth in sorted(by_depth)]
        values = np.array(
            [[m.sign * _number(row.get(m.column("val"))) for m in measured] for row in ordered]
        )
        if np.isfinite(values).all():
            name = canonical(proposed[trial])
            configs[name] = proposed[trial]
            seeds.setdefault(name, []).append((values, ordered))
    trials = tuple(
        Earlier(
            configs[name],
            np.mean([values for values, _ in found], axis=0).tolist(),
            [{k: float(v) for k, v in row.items() if k.startswith("rate_nominal_")}
             for row in found[0][1]],
        )
        for name, found in seeds.items()
    )  # fmt: skip
    was = log.facts
    same = was is not None and (was.data_hash, was.split_hash) == (
        facts.data_hash,
        facts.split_hash,
    )
    return EarlierSweep(called, same, trials)


def _check(
    folder: str, log: Log, measured: Sequence[Objective | Limit], rows: Sequence[Row]
) -> None:
    there = {column for row in rows for column in row}
    before, now = log.sweep.get("metric_versions", {}), metric_versions()
    for one in measured:
        if one.column("val") not in there:
            stem = one.metric.stem
            like = sorted(c.removeprefix("val_") for c in there if c.startswith(f"val_{stem}_"))
            has = f" (it has {', '.join(like)})" if like else ""
            raise BadInput(
                f"warm start: {folder} did not measure {one.name}{has}; name a sweep with the same "
                "objectives and units, or leave it out"
            )
        name = one.metric.objective()
        if before.get(name, 1) != now.get(name, 1):
            raise BadInput(
                f"warm start: {one.name} had version {before.get(name, 1)} in {folder} and has "
                f"{now.get(name, 1)} now; leave it out"
            )


def save(sweeps: Sequence[EarlierSweep], folder: Path) -> None:
    """Writes what is started from into a sweep's folder; nothing where there is nothing."""
    if sweeps:
        part = folder / f"{WARM_START_FILE}.part"
        part.write_text(json.dumps([asdict(sweep) for sweep in sweeps]))
        part.replace(folder / WARM_START_FILE)


def load(folder: Path) -> tuple[EarlierSweep, ...]:
    """What a sweep was started from."""
    place = folder / WARM_START_FILE
    if not place.is_file():
        return ()
    return tuple(
        EarlierSweep(one["sweep"], one["same_motion"], tuple(Earlier(**t) for t in one["trials"]))
        for one in json.loads(place.read_text())
    )


def described(sweep: EarlierSweep, sampler: str) -> str:
    """What is taken of a sweep, in one line."""
    motion = "the same motion" if sweep.same_motion else "other motion"
    how = "an offset of its own" if sampler == "rate_aware" else "values as they stand"
    return f"  warm start: {len(sweep.trials)} configurations of {sweep.sweep} ({motion}, {how})"


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
