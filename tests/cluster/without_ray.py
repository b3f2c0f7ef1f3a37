"""`ratefront` with its trials in this process, in turn, and no page: what Ray must not change."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import analysis.report
from cluster import sweep
from cluster.books import Books
from cluster.cli import main
from search_spaces.spec import SweepSpec
from trainables.motion.dataset import MotionData
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial


def in_this_process(
    spec: SweepSpec, data: MotionData, store: Any, books: Books, console: object
) -> None:
    """Runs what the books propose."""
    while (proposal := books.next()) is not None:
        books.started(proposal.trial)
        folder = Path(store.folder) / "trials" / proposal.trial
        task = TrialTask(spec.name, proposal.config, proposal.seed, folder, 1, spec.size)
        runtime = PlainRuntime()
        run_trial(task, data, runtime)
        for report in runtime.reports:
            books.reported(proposal.trial, report)
        books.ended(proposal.trial)


def no_page(folder: Path | str, **_: object) -> Path:
    """The tables are enough."""
    return Path(folder)


if __name__ == "__main__":
    sweep._on_ray = in_this_process
    analysis.report.build_report = no_page
    sys.exit(main())
