"""`ratefront merge`: sweeps of several sites become one, trial by trial, by identity.

A trial's name holds its configuration and seed, so on the same data, judged by the same metrics,
trials of one name are the same trial wherever they ran. What was measured otherwise is refused.
The directories that are merged stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from analysis.log import Event, Log, read_log, record_version
from cluster.generations import SAME_DATA
from cluster.reference import plugins_of
from search_spaces.errors import BadInput
from search_spaces.objectives import Direction, objectives
from search_spaces.record import (
    COST_COLUMNS,
    INPUTS_FOLDER,
    LOG_FILE,
    PREPARATION_FOLDER,
    SPEC_FILE,
    STATUSES,
    TRIALS_FOLDER,
)

SAME = 1e-9
"""Relative difference up to which two sites' scores of one trial count as equal."""
_CLOSE = 1e-5
"""The same of what motion was prepared with, which is single precision."""


@dataclass(frozen=True)
class Merged:
    """What came of it.

    Attributes:
        folder: the new sweep directory.
        taken: trials from each of the directories, in their order.
        twice: trials that more than one of them had ended.
        unfinished: trials that were under way or never ended, left out.
        warnings: what a reader must know.
    """

    folder: Path
    taken: tuple[int, ...]
    twice: int
    unfinished: int
    warnings: tuple[str, ...]


@dataclass
class _Site:
    folder: Path
    log: Log
    trials: dict[str, list[Event]] = field(default_factory=dict)
    ends: dict[str, Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for event in self.log.events:
            if "trial" in event:
                self.trials.setdefault(str(event["trial"]), []).append(event)
        self.ends = {str(e["trial"]): e for e in self.log.of(*STATUSES)}


def merge(folders: Sequence[Path], out: Path) -> Merged:
    """Unions the stores of several sweeps.

    Of a trial that several of them ended the best end counts (done, stopped, refused, failed), of
    equal ones the first directory's.

    Args:
        folders: sweep directories, running ones too: what ended there is taken.
        out: a new folder.

    Raises:
        BadInput: fewer than two directories, one that is no sweep, data or metrics that differ, or
            a folder that exists.
    """
    places = [*dict.fromkeys(f.resolve() for f in folders)]
    if len(places) < 2:
        raise BadInput("merge needs two or more different sweep directories")
    if out.exists():
        raise BadInput(f"{out} exists; give --out a new folder")
    sites = [_Site(place, read_log(place)) for place in places]
    for other in sites[1:]:
        _refuse_differing(sites[0], other)
    chosen, warnings = _choose(sites)
    warnings = [*_told(sites), *warnings]
    taken = tuple(sum(site is owner for owner in chosen.values()) for site in sites)
    of_each = ", ".join(f"{n} from {s.folder.name}" for n, s in zip(taken, sites, strict=True))
    on_page = [f"Merged of {len(sites)} sweeps; trials: {of_each}.", *warnings]
    with _in_one_step(out) as part:
        _copy(sites, chosen, part)
        _write_log(sites, chosen, on_page, out.name, part / LOG_FILE)
    ended = [set(site.ends) for site in sites]
    everything = set().union(*(site.trials for site in sites))
    twice = sum(sum(trial in each for each in ended) > 1 for trial in chosen)
    return Merged(out, taken, twice, len(everything - set(chosen)), tuple(warnings))


def _refuse_differing(one: _Site, other: _Site) -> None:
    """Numbers that were measured on other motion or by other definitions are not of one sweep."""
    where = f"{one.folder} and {other.folder} cannot be merged"
    for site in (one, other):
        if site.log.facts is None:
            raise BadInput(f"{site.folder} ended before it had data; leave it out")
    for what in SAME_DATA:
        here, there = getattr(one.log.facts, what), getattr(other.log.facts, what)
        if here != there:
            raise BadInput(f"{where}: {what} is {here} in the one and {there} in the other")
    here, there = (s.log.sweep.get("metric_versions") or {} for s in (one, other))
    for name in sorted(set(here) & set(there)):
        if here[name] != there[name]:
            raise BadInput(
                f"{where}: metric {name} has version {here[name]} in the one and {there[name]} in "
                "the other; run the older again by 'ratefront resume DIR --accept-changes'"
            )
    here, there = (plugins_of(s.log) for s in (one, other))
    for name in sorted(set(here) & set(there)):
        if here[name] != there[name]:
            raise BadInput(
                f"{where}: {name} is {here[name]} in the one and {there[name]} in the other; run "
                "the older again by 'ratefront resume DIR --accept-changes'"
            )
    here, there = (record_version(s.log.sweep) for s in (one, other))
    if here != there:
        raise BadInput(
            f"{where}: the record has version {here} in the one and {there} in the other"
        )
    if (said := _prepared_otherwise(one.folder, other.folder)) is not None:
        raise BadInput(f"{where}: {said}, so codecs of the one do not fit the other's motion")


def _prepared_otherwise(one: Path, other: Path) -> str | None:
    """What two sweeps prepared differently; bits may differ between processors, numbers may not."""
    from safetensors.numpy import load_file

    for path in sorted((one / PREPARATION_FOLDER).glob("*.safetensors")):
        beside = other / PREPARATION_FOLDER / path.name
        if not beside.is_file():
            continue
        here, there = load_file(path), load_file(beside)
        if set(here) != set(there):
            return f"{path.name} holds other arrays"
        for name, values in here.items():
            alike = values.shape == there[name].shape and np.allclose(
                values.astype(float), there[name].astype(float), _CLOSE, _CLOSE, equal_nan=True
            )
            if not alike:
                return f"{name} of {path.name} differs"
    return None


def _choose(sites: Sequence[_Site]) -> tuple[dict[str, _Site], list[str]]:
    """Whose trial counts, in the order of the directories, and where two sites' scores differ."""
    chosen: dict[str, _Site] = {}
    differing: list[tuple[float, str]] = []
    for site in sites:
        for trial, end in site.ends.items():
            before = chosen.get(trial)
            if before is None:
                chosen[trial] = site
                continue
            was = before.ends[trial]["event"]
            if was == end["event"] == "done":
                gap, said = _gap(before, site, trial)
                differing += [(gap, said)] if gap > SAME else []
            elif STATUSES.index(end["event"]) < STATUSES.index(was):
                chosen[trial] = site
    warnings = []
    if differing:
        gap, said = max(differing)
        trials = "1 trial has" if len(differing) == 1 else f"{len(differing)} trials have"
        warnings.append(
            f"{trials} other scores at another site, by {100 * gap:.2g} % at most ({said}); the "
            "first directory's count."
        )
    return chosen, warnings


def _gap(one: _Site, other: _Site, trial: str) -> tuple[float, str]:
    """The largest relative difference of a trial's scores between two sites, and which it is."""
    rows = [
        {str(e["row"]["point"]): e["row"] for e in site.trials[trial] if e["event"] == "point"}
        for site in (one, other)
    ]
    if set(rows[0]) != set(rows[1]):
        return math.inf, f"{trial}: other points"
    worst = (0.0, "")
    for point, row in rows[0].items():
        for name, here in row.items():
            there = rows[1][point].get(name)
            numbers = all(isinstance(v, int | float) for v in (here, there))
            if name in COST_COLUMNS or not numbers:
                continue
            gap = abs(here - there) / max(abs(here), abs(there), 1e-12)
            if gap > worst[0]:
                worst = (gap, f"{name} of {point}: {here:.6g} and {there:.6g}")
    return worst


def _told(sites: Sequence[_Site]) -> list[str]:
    """What the sweeps warned of, and in what they differ that may change numbers a little."""
    found = [str(w) for site in sites for w in site.log.sweep.get("warnings", ())]
    said = [site.log.sweep.get("versions") or {} for site in sites]
    for name in sorted(set().union(*said)):
        known = dict.fromkeys(str(v[name]) for v in said if name in v)
        if len(known) > 1:
            found.append(f"Merged of sweeps with {name} {' and '.join(known)}.")
    sizes = dict.fromkeys(str(site.log.sweep.get("size", "")) for site in sites)
    if len(sizes) > 1:
        found.append(f"Merged of sweeps of size {' and '.join(sizes)}: training budgets differ.")
    return [*dict.fromkeys(found)]


def _write_log(
    sites: Sequence[_Site],
    chosen: Mapping[str, _Site],
    warnings: Sequence[str],
    name: str,
    target: Path,
) -> None:
    first = sites[0].log
    names = [*dict.fromkeys(o.name for site in sites for o in site.log.objectives)]
    opened = first.sweep | {
        "name": name,
        "objectives": names,
        "reference_point": _corner(sites, names),
        "warnings": list(warnings),
        "merged": [
            {
                "folder": site.folder.name,
                "log_sha256": hashlib.sha256((site.folder / LOG_FILE).read_bytes()).hexdigest(),
                "trials": sum(owner is site for owner in chosen.values()),
                "versions": site.log.sweep.get("versions") or {},
            }
            for site in sites
        ],
    }
    events: list[Event] = [opened, *_last(first, "data"), *_last(first, "bounds")]
    for site in sites:
        # Sites' clocks and pauses are their own: `resumed` says that none runs in between.
        own = [e for e in site.log.events if chosen.get(str(e.get("trial"))) is site]
        events += [{"event": "resumed", "time": own[0]["time"]}, *own] if own else []
    counts = {s: sum(chosen[t].ends[t]["event"] == s for t in chosen) for s in STATUSES}
    events.append({"event": "finished", "time": events[-1].get("time"), "counts": counts})
    with target.open("w", encoding="utf-8") as log:
        log.writelines(json.dumps(e, separators=(",", ":")) + "\n" for e in events)
        log.flush()
        os.fsync(log.fileno())


def _last(log: Log, kind: str) -> list[Event]:
    return [*log.of(kind)][-1:]


def _corner(sites: Sequence[_Site], names: Sequence[str]) -> dict[str, float]:
    """The worst of the sites' reference points, so that no site's points fall out of its box."""
    corner = {}
    for objective in objectives(names):
        given = [
            float(site.log.sweep["reference_point"][objective.name])
            for site in sites
            if objective.name in (site.log.sweep.get("reference_point") or {})
        ]
        if given:
            worst = min if objective.metric.direction is Direction.MAX else max
            corner[objective.name] = worst(given)
    return corner


def _copy(sites: Sequence[_Site], chosen: Mapping[str, _Site], part: Path) -> None:
    first = sites[0].folder
    shutil.copy2(first / SPEC_FILE, part / SPEC_FILE)
    (part / TRIALS_FOLDER).mkdir()
    if (first / PREPARATION_FOLDER).is_dir():
        shutil.copytree(first / PREPARATION_FOLDER, part / PREPARATION_FOLDER)
    for site in sites:
        # Named by their hashes: those of one name are the same.
        for kept in sorted((site.folder / INPUTS_FOLDER).glob("*/")):
            if not (part / INPUTS_FOLDER / kept.name).exists():
                shutil.copytree(kept, part / INPUTS_FOLDER / kept.name, copy_function=_linked)
    for trial, site in chosen.items():
        source = site.folder / TRIALS_FOLDER / trial
        if source.is_dir():
            shutil.copytree(source, part / TRIALS_FOLDER / trial, copy_function=_linked)


def _linked(source: str, target: str) -> str:
    """A trial's files never change, so on one disk both sweeps share them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


@contextmanager
def _in_one_step(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when all of it is there, and is gone where that fails."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        yield part
        part.rename(out)
    except OSError as error:
        raise BadInput(
            f"{out}: cannot be written ({error.strerror}); give --out a folder that can be"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
