"""A proposal as it is run, and a configuration with what became of its seeds."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from search_spaces.inputs import Resolved
from search_spaces.limits import Limit
from search_spaces.objectives import Objective
from search_spaces.space import Config, canonical, config_hash


@dataclass(frozen=True)
class Proposal:
    """A trial to run; `source` is the codec that a generator is given, once it is there."""

    trial: str
    config: Config
    seed: int
    ask: int
    source: Resolved | None = None


@dataclass
class Ask:
    """A configuration and what became of its seeds.

    Attributes:
        config: complete.
        trials: by seed; those after the first `seeds` are repeats.
        points: trial -> objectives of its points by ascending depth; None where it has none.
        accepted: whether it is run.
        stopped: whether one of its trials was ended early.
        told: whether the searcher has heard of it.
        repeats: later proposals of the same configuration that wait for this one's values.
    """

    config: Config
    trials: list[str]
    points: dict[str, list[list[float]] | None] = field(default_factory=dict)
    accepted: bool = False
    stopped: bool = False
    told: bool = False
    repeats: list[int] = field(default_factory=list)

    @property
    def answer(self) -> list[list[float]]:
        """Means over the seeds that ended well, by ascending depth; none where none did."""
        kept = [p for p in self.points.values() if p is not None]
        return np.mean(kept, axis=0).tolist() if kept else []

    @property
    def complete(self) -> bool:
        """Whether every seed has ended."""
        return len(self.points) == len(self.trials)


def said(proposal: Proposal, believed: Collection[str] = ()) -> dict[str, Any]:
    """What the log says of a proposal; `believed` are configurations that a person named."""
    mark = {"believed": True} if canonical(proposal.config) in believed else {}
    return {
        "trial": proposal.trial,
        "config": proposal.config,
        "seed": proposal.seed,
        "config_hash": config_hash(proposal.config),
        "codec": proposal.config["codec"],
        "ask": proposal.ask,
        **mark,
    }


def signed(
    rows: Sequence[Mapping[str, Any]], objectives: Sequence[Objective | Limit]
) -> list[list[float]]:
    """Validation values of each point by ascending depth, all to be minimised; missing ones inf."""
    points = []
    for row in sorted(rows, key=lambda row: row["depth"]):
        found = [row.get(o.column("val")) for o in objectives]
        points.append(
            [
                math.inf if v is None or not math.isfinite(v) else o.sign * float(v)
                for o, v in zip(objectives, found, strict=True)
            ]
        )
    return points
