"""A sweep with a stopping rule, without Ray and with invented trials, that can be killed.

As in a real one with long validation, rungs look at motion that is easier than the whole.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from cluster.books import Books
from cluster.schedulers.decisions import make_rule
from cluster.searchers.proposer import Proposal, Proposer, make_searcher
from cluster.store import Store
from search_spaces.objectives import objectives
from search_spaces.space import Config
from tests.cluster.searchers.sweeping import REFERENCE, invented_row, some_facts, some_spec

RUNGS = (1 / 27, 1 / 9, 1 / 3)
ENDS = ("done", "stopped", "failed")
EASIER = 0.87


class Cut(Exception):
    """The process is killed."""


class Sweep:
    """Proposer, books and invented trials, one at a time; killed before its `cut`-th event."""

    def __init__(self, folder: Path, *, cut: int = 10**9, **search: Any) -> None:
        self.spec = some_spec(**{"trials": 14, "startup": 4, **search})
        new = not folder.exists()
        self.store = Store.create(folder, "") if new else Store.open(folder)
        self.left = cut
        goals = objectives(self.spec.objectives)
        self.searcher = make_searcher(self.spec, goals, some_facts(), REFERENCE)
        rule = make_rule(
            self.spec.search.stopping, self.searcher, seed=self.spec.search.seed, rungs=RUNGS
        )
        append = self.store.append

        def record(event: str, **fields: Any) -> Any:
            if self.left == 0:
                raise Cut
            self.left -= 1
            return append(event, **fields)

        self.store.append = record  # type: ignore[method-assign]
        if new:
            record(
                "sweep", name="x", spec=self.spec.model_dump(mode="json"),
                objectives=self.spec.objectives, reference_point=REFERENCE,
            )  # fmt: skip
            record("data", facts=some_facts().model_dump(mode="json"))
        proposer = Proposer(self.spec, some_facts(), goals, self.searcher, record, rule=rule)
        events = self.store.read().events
        if not new:
            record("resumed")
        proposer.replay(events)
        self.books = Books(self.store, proposer)
        self.books.take_up(events)

    def run(self, nan: str = "") -> None:
        while (proposal := self.books.next()) is not None:
            self.books.started(proposal.trial)
            if self.trial(proposal, nan):
                rows = rung_rows(proposal.config, 1.0)
                end = {"rung": rung_rows(proposal.config, 1.0, EASIER), "rung_seconds": 0.01}
                self.books.reported(proposal.trial, {"share": 1.0, "points": rows, **end})
            self.books.ended(proposal.trial)

    def trial(self, proposal: Proposal, nan: str) -> bool:
        """Whether it reached its end; kept rungs are told again by a trial that goes on."""
        if proposal.config["codec"] == "kmeans":
            return True
        for share in RUNGS:
            rung = rung_rows(proposal.config, share, EASIER)
            if proposal.config["codec"] == nan:
                rung[-1]["val_rmse_full_cm"] = math.nan
            row = {"share": share, "train_seconds": 9.0 * share, "rung_seconds": 0.01}
            if not self.books.reported(proposal.trial, {**row, "rung": rung}):
                return False
        return True

    def log(self, *kinds: str) -> list[dict[str, Any]]:
        found = self.store.read()
        return [{k: v for k, v in e.items() if k not in ("time", "seconds")}
                for e in (found.of(*kinds) if kinds else found.events)]  # fmt: skip


def rung_rows(config: Config, share: float, seen: float = 1.0) -> list[dict[str, Any]]:
    levels = int(config.get("quantizer_depth", 1))
    rows = []
    for depth in range(1, levels + 1):
        row = invented_row({**config, "quantizer_depth": depth}, 0, depth)
        row["val_rmse_full_cm"] *= seen * (1 + 0.2 * (share**-0.5 - 1))
        rows.append({**row, "levels": levels, "train_seconds": 9.0, "evaluate_seconds": 1.0})
    return rows
