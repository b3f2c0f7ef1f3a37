"""A whole sweep in this process, without Ray: store, books, proposer and real trials, in turn.

Run as a program it sweeps invented motion: `python in_process.py FOLDER`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.points import Tables, write_tables
from cluster.books import Books
from cluster.inputs import Inputs
from cluster.opening import begin
from cluster.searchers.proposer import Proposer, make_searcher
from cluster.store import Store
from cluster.sweep import _bounds
from search_spaces.objectives import objectives
from search_spaces.presets import load_spec
from search_spaces.record import TRIALS_FOLDER
from search_spaces.spec import SweepSpec
from tests.cluster.searchers.sweeping import Told
from tests.trainables.tiny import make_clips, spec
from trainables.motion.dataset import MotionData, prepare
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial

TIMES = ("train_seconds", "evaluate_seconds", "rung_seconds")


class BookedRuntime(PlainRuntime):
    """What a trial reports goes to the books, as Tune's callback would take it there."""

    def __init__(self, books: Books, trial: str) -> None:
        super().__init__()
        self._books = books
        self._trial = trial

    def report(self, metrics: Mapping[str, Any]) -> None:
        self._books.reported(self._trial, metrics)


def tiny_preset(trials: int = 6) -> SweepSpec:
    """The wide space at debug size, shrunk; most proposals come from a model."""
    return load_spec(
        "rate_distortion",
        size="debug",
        settings=(
            "codebook_size=8,16,32", "quantizer_depth=1,2", "latent_dim=8", "max_steps=12",
            "hidden_dim=16", "batch_frames=96",
        ),
        overrides={"search": {"trials": trials, "startup": 3}},
    )  # fmt: skip


def sweep_in_process(
    spec: SweepSpec, data: MotionData, folder: Path, told: list[Any] | None = None
) -> Tables:
    """One trial at a time, from the first proposal to the tables; `told`: what the search heard."""
    goals = objectives(spec.objectives)
    with Store.create(folder, spec.dump()) as store:
        begin(spec, data, _bounds(data), [], store)
        reference = store.read().sweep["reference_point"]
        searcher = Told(make_searcher(spec, goals, data.facts, reference))
        searcher.told = searcher.told if told is None else told
        finds = Inputs(folder)
        books = Books(store, Proposer(spec, data.facts, goals, searcher, store.append, finds))
        while (proposal := books.next()) is not None:
            books.started(proposal.trial)
            place = folder / TRIALS_FOLDER / proposal.trial
            task = TrialTask(
                spec.name, proposal.config, proposal.seed, place, 1, spec.size, proposal.source
            )
            run_trial(task, data, BookedRuntime(books, proposal.trial))
            books.ended(proposal.trial)
        store.append("finished", counts=dict(books.counts()))
    return write_tables(folder)


if __name__ == "__main__":
    sweep_in_process(tiny_preset(), prepare(spec(), make_clips(6, 45)), Path(sys.argv[1]))
