"""Whether sweeps may be set beside each other, and what may still be said where they may not.

Three answers. *Paired*: the same recordings were scored by the same metric, so differences are
taken recording by recording. *Unpaired*: the metric is the same and the recordings are others, so a
difference is one of codecs and motion together. *Apart*: the numbers mean different things, and
each sweep speaks for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from analysis.log import Log
from analysis.media import of_heatmaps
from search_spaces.data_facts import DataFacts
from search_spaces.objectives import Objective


class Footing(StrEnum):
    """On what footing sweeps can be compared."""

    PAIRED = "paired"
    UNPAIRED = "unpaired"
    APART = "apart"


@dataclass(frozen=True)
class Comparability:
    """What two or more sweeps have in common.

    Attributes:
        footing: how they may be compared.
        blocking: what makes their numbers mean different things, one sentence each.
        differing: what else differs, one sentence each.
    """

    footing: Footing
    blocking: tuple[str, ...]
    differing: tuple[str, ...]


DRAWN = ("heatmap", "pair", "channels", "picture", "window", "sigma", "intensity", "views")
"""Keys of a configuration of heatmaps that say what its scores are of."""
_Of = Callable[[DataFacts], object]
_BLOCKING: tuple[tuple[str, _Of], ...] = (
    ("coded parts", lambda f: ", ".join(f.part_names)),
    ("root", lambda f: f.root),
    ("number of scored joints", lambda f: sum(p.scored_joints for p in f.parts)),
)
_DIFFERING: tuple[tuple[str, _Of], ...] = (
    ("data", lambda f: f"{f.name} ({f.data_hash[:8] or 'no hash'})"),
    ("split", lambda f: f.split_hash[:8] or "no hash"),
    ("frame rate", lambda f: f"{f.fps:g} fps"),
    ("features", lambda f: f.features),
    ("mirrored copies", lambda f: "yes" if f.mirrored else "no"),
)


def comparability(
    sweeps: Sequence[tuple[str, Log]], rate: Objective, distortion: Objective
) -> Comparability:
    """How sweeps may be compared over a rate and a distortion.

    Args:
        sweeps: name and log of each.
        rate: of the fronts.
        distortion: of the fronts; its name carries the unit.
    """
    blocking: list[str] = []
    differing: list[str] = []
    for objective in (rate, distortion):
        said = {n: _version(log, objective) for n, log in sweeps}
        if len(set(said.values())) > 1:
            blocking.append(_sentence(f"definition of {objective.name}", said))
    facts = {n: log.facts for n, log in sweeps}
    missing = [n for n, f in facts.items() if f is None]
    if missing:
        blocking.append(f"{', '.join(missing)} ended before it had data.")
    known = {n: f for n, f in facts.items() if f is not None}
    shown = {n: _pictures(log) for n, log in sweeps}
    if len(set(shown.values())) > 1:
        blocking.append(_sentence("pictures", {n: p or "none" for n, p in shown.items()}))
    for rules, found in ((_BLOCKING, blocking), (_DIFFERING, differing)):
        for what, of in rules:
            said = {n: str(of(f)) for n, f in known.items()}
            if len(set(said.values())) > 1:
                found.append(_sentence(what, said))
    if blocking:
        return Comparability(Footing.APART, tuple(blocking), tuple(differing))
    splits = {f.split_hash for f in known.values()}
    same = len(splits) == 1 and "" not in splits and len({f.data_hash for f in known.values()}) == 1
    footing = Footing.PAIRED if same else Footing.UNPAIRED
    return Comparability(footing, (), tuple(differing))


def _pictures(log: Log) -> str:
    """What codecs of heatmaps are shown and scored against; "" where they code none."""
    if not of_heatmaps(log):
        return ""
    configs = [e.get("config") or {} for e in log.of("proposed")]
    every = {" ".join(str(c[k]) for k in DRAWN if k in c) for c in configs}
    return ", ".join(sorted(every - {""}))


def _version(log: Log, objective: Objective) -> str:
    """Version of a metric's definition in a sweep; the first, where it was not yet recorded."""
    said = log.sweep.get("metric_versions") or {}
    metric = objective.metric
    return f"version {said.get(metric.objective(), said.get(metric.stem, 1))}"


def _sentence(what: str, said: dict[str, str]) -> str:
    """What differs, as `Not the same frame rate: 30 fps in a, 25 fps in b.`."""
    each = ", ".join(f"{value} in {name}" for name, value in said.items())
    return f"Not the same {what}: {each}."
