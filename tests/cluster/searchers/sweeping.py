"""A sweep without Ray: a proposer, an invented trial, and the log that both leave."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cluster.searchers.proposer import Proposal, Proposer, make_searcher
from cluster.searchers.searcher import Searcher
from search_spaces.data_facts import DataFacts, PartFacts, SplitFacts
from search_spaces.objectives import objectives
from search_spaces.presets import load_spec
from search_spaces.space import Config, Space, canonical
from search_spaces.spec import SearchSpec, SweepSpec

Event = dict[str, Any]
REFERENCE = {"rate_nominal_bps": 5000.0, "rmse_full_cm": 25.0}


def some_facts(train_frames: int = 5000) -> DataFacts:
    """A data set of one part, of which the first rooms need to know only its size."""

    def split(frames: int) -> SplitFacts:
        return SplitFacts(frames=frames, seconds=frames / 30, recordings=("a",), lengths=(frames,))

    part = PartFacts(name="body", joints=4, dimensions=12, scored_joints=4)
    return DataFacts(
        name="invented", fps=30.0, source_fps=(30.0,), parts=(part,), joints=4,
        train=split(train_frames), val=split(500), test=split(500),
    )  # fmt: skip


def some_spec(**search: Any) -> SweepSpec:
    """The wide space at debug size, by a sampler that proposes what cannot work, too."""
    search = {"sampler": "tpe", "startup": 4, **search}
    return load_spec("rate_distortion", size="debug", overrides={"search": search})


def spec_of(space: Space, **search: Any) -> SweepSpec:
    """A sweep over a space of one's own."""
    spec = some_spec()
    checked = SearchSpec.model_validate({**spec.search.model_dump(), **search})
    return spec.model_copy(update={"space": space, "search": checked})


def invented_row(config: Config, seed: int, depth: int = 1) -> Event:
    """An operating point whose scores follow from its configuration."""
    levels = float(config.get("quantizer_depth", 1)) / float(config.get("compression", 1))
    rate = 30 * math.log2(float(config["codebook_size"])) * levels
    lucky = 1 + 0.01 * seed + 0.1 * math.sin(len(canonical(config)))
    return {
        "depth": depth,
        "levels": depth,
        "rate_nominal_bps": rate,
        "val_rmse_full_cm": lucky * 20 / (1 + rate / 100),
        "test_rmse_full_cm": 3.0,
    }


class Told:
    """A searcher that remembers what passed through it."""

    def __init__(self, inner: Searcher) -> None:
        self.inner = inner
        self.asked: list[Config] = []
        self.told: list[tuple[int, Sequence[float] | None, bool]] = []
        self.points: list[Sequence[Sequence[float]]] = []

    def ask(self) -> Config | None:
        config = self.inner.ask()
        if config is not None:
            self.asked.append(dict(config))
        return config

    def tell(
        self,
        ask: int,
        values: Sequence[float] | None,
        *,
        points: Sequence[Sequence[float]] = (),
        refused: bool = False,
    ) -> None:
        self.told.append((ask, values, refused))
        self.points.append(points)
        self.inner.tell(ask, values, points=points, refused=refused)


class Bench:
    """One sweep on the bench: its proposer, its searcher and its log."""

    def __init__(self, spec: SweepSpec, facts: DataFacts | None = None) -> None:
        goals = objectives(spec.objectives)
        self.log: list[Event] = []
        facts = facts or some_facts()
        self.searcher = Told(make_searcher(spec, goals, facts, REFERENCE))
        self.proposer = Proposer(spec, facts, goals, self.searcher, self.record)

    def record(self, event: str, **fields: Any) -> None:
        self.log.append(copy.deepcopy({"event": event, **fields}))

    def finish(self, proposal: Proposal, rows: Iterable[Event] | None = None) -> None:
        """A trial ends well: its points, its end, and then the searcher hears of it."""
        kept = list(rows or [invented_row(proposal.config, proposal.seed)])
        for row in kept:
            self.record("point", trial=proposal.trial, row=row)
        self.record("done", trial=proposal.trial)
        self.proposer.done(proposal.trial, kept)

    def fail(self, proposal: Proposal, how: str = "failed") -> None:
        """A trial fails, or is stopped."""
        self.record(how, trial=proposal.trial)
        self.proposer.ended(proposal.trial)

    def run(
        self,
        at_a_time: int = 1,
        end: Callable[[Bench, Proposal], None] | None = None,
        most: int = 10_000,
    ) -> list[Proposal]:
        """Runs up to `most` trials, `at_a_time` of them at once; the last of those ends first."""
        ran: list[Proposal] = []
        running: list[Proposal] = []
        while True:
            while len(running) < at_a_time and len(ran) < most:
                proposal = self.proposer.next()
                if proposal is None:
                    break
                ran.append(proposal)
                running.append(proposal)
            if not running:
                return ran
            (end or Bench.finish)(self, running.pop())
