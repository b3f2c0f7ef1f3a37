"""A host without Ray: tiny trials whose reports stand under leases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.jobs import Job
from cluster.packed.hosting import Hosting
from cluster.packed.leases import Lease
from cluster.trial_log import add_to_trial_log
from search_spaces.families import complete
from search_spaces.space import trial_id
from tests.trainables.packed.made import SMALL
from trainables.motion.dataset import MotionData
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class SayingRuntime(PlainRuntime):
    """What a trial reports is said to its lease."""

    def __init__(self, checkpoints: Path, say: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__(checkpoints=checkpoints)
        self._say = say

    def report(self, metrics: Mapping[str, Any]) -> None:
        self._say(metrics)

    def stepped(self) -> None:
        self.at_notice()


@dataclass
class Opened:
    """A trial that leaves its artefacts in a folder."""

    task: TrialTask
    runtime: PlainRuntime
    ended: int = 0

    def end(self) -> None:
        self.ended += 1

    def failed(self, error: Exception) -> None:
        assert self.task.folder is not None
        add_to_trial_log(self.task.folder, error=error)


def request(seed: int, **changes: Any) -> dict[str, Any]:
    """As Tune is given one."""
    config = complete({"codec": "rqvae", **SMALL, **changes})
    return {"trial": trial_id(config, seed), "config": config, "seed": seed}


def job(**changes: object) -> Job:
    """Of a packed sweep with a core for each host."""
    given = {
        "data": None, "sweep": "s", "folder": "", "size": "", "placement": "packed", "workers": 1,
        "threads": 1, "gpus": 0.0, "plugins": (), "scratch": "", **changes,
    }  # fmt: skip
    return Job(**given)  # type: ignore[arg-type]


def hosting(data: MotionData, folder: Path, places: int = 3, **options: Any) -> Hosting:
    """A host of trials that leave their artefacts in a folder."""

    def opened(lease: Lease) -> Opened:
        place = folder / lease.trial
        asked = lease.request
        task = TrialTask("sweep", asked["config"], asked["seed"], place, objectives=())
        return Opened(task, SayingRuntime(place / "state", lease.say))

    return Hosting(data, opened, places, **options)


def hear_all(host: Hosting, *leases: Lease) -> None:
    """Turns until trials are over, whose processes hand every report on at once."""
    while not all(lease.over and not lease.unheard for lease in leases):
        host.turn()
        for lease in leases:
            host.leases.ask(lease.number, len(lease.said))
