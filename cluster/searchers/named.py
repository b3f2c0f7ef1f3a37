"""Searchers by their names in a spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.searchers.earlier import EarlierSweep
from cluster.searchers.nominal_rate import SAMPLER, rate_aware_searcher
from cluster.searchers.optuna_searcher import OptunaSearcher
from cluster.searchers.searcher import ListSearcher, Searcher
from cluster.wanted import Wanted
from search_spaces.believed_points import believed_points
from search_spaces.data_facts import DataFacts
from search_spaces.objectives import Objective
from search_spaces.spec import SweepSpec


def make_searcher(
    spec: SweepSpec,
    goals: Sequence[Objective],
    facts: DataFacts,
    reference: Mapping[str, float],
    earlier: Sequence[EarlierSweep] = (),
) -> Searcher:
    """The searcher that a spec names.

    Args:
        spec: of the sweep.
        goals: its objectives.
        facts: of its data.
        reference: corner of hypervolume by objective.
        earlier: sweeps to learn from.

    Raises:
        BadInput: it cannot search these objectives.
    """
    search = spec.search
    if search.sampler == SAMPLER:
        return rate_aware_searcher(spec, goals, facts, reference, earlier)
    if search.sampler in ("grid", "cells"):
        return ListSearcher(spec.space)
    searcher = OptunaSearcher(
        spec.space, search.sampler, seed=search.seed, startup=search.startup,
        objectives=len(goals), limits=Wanted(spec, facts).measured,
        points=believed_points(spec.space),
    )  # fmt: skip
    for trial in (t for sweep in earlier for t in sweep.trials):
        searcher.add(trial)
    return searcher
