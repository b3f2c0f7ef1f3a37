"""Opening a sweep: what is written down before its first trial, and the books that keep it.

New sweeps and resumed ones open the same books; those of a resumed one take up what its log holds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster.allowance import Allowance
from cluster.books import Books
from cluster.enough import Enough
from cluster.inputs import Inputs
from cluster.reference import metric_versions, reference_point, versions
from cluster.retention import Retention
from cluster.schedulers.decisions import make_rule
from cluster.searchers.earlier import EarlierSweep
from cluster.searchers.proposer import Proposal, Proposer, ReplayMismatch, make_searcher
from cluster.store import Store
from cluster.warm_start import gather, save
from search_spaces.data_facts import DataFacts
from search_spaces.data_terms import read_terms
from search_spaces.errors import BadInput
from search_spaces.objectives import objectives
from search_spaces.record import PREPARATION_FOLDER, RECORD_VERSION
from search_spaces.spec import SweepSpec

if TYPE_CHECKING:
    from trainables.prepared_data import Data


def begin(
    spec: SweepSpec,
    data: Data,
    bounds: list[dict[str, Any]],
    said: list[str],
    store: Store,
    **origin: Any,
) -> None:
    """Writes down what every trial of the sweep is measured by, and what sweep it follows.

    Args:
        spec: resolved.
        data: that trials see.
        bounds: rows of the trivial codecs.
        said: warnings.
        store: new, or without a trial.
        origin: of a new generation: `parent` and `changed`.
    """
    store.append(
        "sweep",
        record_version=RECORD_VERSION,
        sweep=spec.name,
        name=spec.name,
        preset=spec.preset,
        title=spec.title,
        source=spec.source,
        size=spec.size,
        seed=spec.search.seed,
        seeds=spec.search.seeds,
        objectives=spec.objectives,
        reference_point=reference_point(spec, data.facts, bounds),
        warnings=said,
        versions={**versions(), "record": RECORD_VERSION},
        metric_versions=metric_versions(),
        spec=spec.model_dump(mode="json"),
        **origin,
    )
    from trainables.prepared_data import keep_preparation

    keep_preparation(data, store.folder / PREPARATION_FOLDER)
    terms = read_terms(spec.data.path).model_dump(mode="json")
    save(gather(spec, objectives(spec.objectives), data.facts), store.folder)
    store.medium.send()
    store.append("data", facts=data.facts.model_dump(mode="json"), terms=terms)
    store.append("bounds", rows=bounds)


def open_books(
    spec: SweepSpec,
    facts: DataFacts,
    store: Store,
    reference: Mapping[str, float],
    earlier: Sequence[EarlierSweep] = (),
    events: Sequence[Mapping[str, Any]] = (),
) -> tuple[Books, list[Proposal]]:
    """The books of a sweep, with searcher, stopping rule, retention and allowance behind them.

    Args:
        spec: resolved.
        facts: of its data.
        store: where it is all written down.
        reference: corner of hypervolume by objective.
        earlier: sweeps that the search starts from.
        events: of an earlier process; empty for a new sweep.

    Returns:
        The books, and the trials that were under way.

    Raises:
        BadInput: the searcher proposes something else than `events` hold.
    """
    goals, search = objectives(spec.objectives), spec.search
    searcher = make_searcher(spec, goals, facts, reference, earlier)
    rule = make_rule(search.stopping, searcher, seed=search.seed, rungs=search.rungs)
    finds = Inputs(store.folder)
    proposer = Proposer(spec, facts, goals, searcher, store.append, finds, rule)
    try:
        missing = proposer.replay(events)
    except ReplayMismatch as error:
        raise BadInput(
            f"{store.folder}: {error}; resume with the versions named in its report"
        ) from None
    retention = Retention(spec, goals, store.folder, store.append, store.medium.remove_weights)
    began = float(events[0]["time"]) if events else time.time()
    books = Books(
        store, proposer, Enough(search, goals, reference, proposer.limits), retention,
        Allowance(spec.run, began),
    )  # fmt: skip
    books.take_up(events)
    return books, missing
