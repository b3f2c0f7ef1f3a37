"""What a sweep cost, by trial and by who ran it, from what the ends of its trials say.

A trial costs its seconds times the price of its devices in an hour; both stand in its end, so that
merged sweeps keep each site's prices. Of a device that trains several at once each has its share
(`held_seconds`). Waiting, and what was lost with a node, is not counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.log import Log

HELD = "held_seconds"
"""In a trial's end: its share of a device that it had with others; without it, all its seconds."""


@dataclass(frozen=True)
class Costs:
    """In the currency of the prices.

    Attributes:
        trials: trial -> cost; trials without a price are left out.
        users: user -> cost.
    """

    trials: dict[str, float]
    users: dict[str, float]

    @property
    def whole(self) -> float:
        """Of the sweep."""
        return sum(self.trials.values())

    def __str__(self) -> str:
        """In words: the whole, per trial, and per user where there are several."""
        if not self.trials:
            return ""
        said = f"{self.whole:.2f}, {self.whole / len(self.trials):.4f} a trial"
        each = [f"{user} {cost:.2f}" for user, cost in sorted(self.users.items())]
        return said + f" ({', '.join(each)})" * (len(each) > 1)


def costs(log: Log) -> Costs:
    """Of the trials that ended."""
    trials: dict[str, float] = {}
    users: dict[str, float] = defaultdict(float)
    for end in log.of("done", "stopped", "failed"):
        if not end.get("hourly"):
            continue
        cost = float(end["hourly"]) * held_seconds(end) / 3600
        trials[str(end["trial"])] = cost
        users[str(end.get("user") or "unknown")] += cost
    return Costs(trials, dict(users))


def held_seconds(end: Mapping[str, Any]) -> float:
    """Seconds that a trial had its devices for itself, or its share of them, by its end."""
    return float(end.get(HELD, end.get("seconds")) or 0.0)
