"""Our books as Ray Tune sees them: a Searcher that proposes and a Callback that listens.

With `tune_scheduler` the only file that knows both. Tune pickles both into its own state, from
which nothing is ever resumed, so both pickle to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.search import Searcher
from ray.util.metrics import Gauge

from cluster.books import Books
from cluster.jobs import TIMEOUT_NAME, Job, concurrency, need_of, run_job, tune_resources
from cluster.lost_actors import LostNodes, survive_lost_actors
from cluster.metrics import Meters
from cluster.placement_groups import release_placement_groups
from cluster.places.software import NodeError
from cluster.resources import present_nodes
from cluster.tune_scheduler import BookedStopping
from cluster.waiting import Waiting
from search_spaces.errors import BadInput
from search_spaces.record import TRIALS_FOLDER


class ProposingSearcher(Searcher):
    """Tune asks, the books answer; results reach the books through the callback."""

    def __init__(self, books: Books) -> None:
        """Wraps the books of one sweep."""
        super().__init__(metric=None, mode=None)
        self._books = books

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial's request."""
        proposal = self._books.next()
        if proposal is None:
            return Searcher.FINISHED if self._books.proposer.exhausted else None
        request = {"trial": proposal.trial, "config": proposal.config, "seed": proposal.seed}
        return {**request, **({"input": asdict(proposal.source)} if proposal.source else {})}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: the callback, which knows the trial's error, has told the books."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the store is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a resumed sweep replays its log."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class WorkerRelease(tune.Callback):
    """However a trial of a worker group ends, what it reserved is free for the next one."""

    def __init__(self, folder: Path) -> None:
        """Listens for the sweep in `folder`."""
        self._trials = folder / TRIALS_FOLDER

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        """It returned, or was stopped."""
        release_placement_groups(self._trials / _name(trial))

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """It raised, or its process died."""
        release_placement_groups(self._trials / _name(trial))

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """The same, and it will be tried again."""
        release_placement_groups(self._trials / _name(trial))


class Metering(tune.Callback):
    """Keeps the sweep's numbers for Prometheus up to date."""

    def __init__(self, meters: Meters) -> None:
        """Of one sweep."""
        self._meters = meters

    def on_step_end(self, iteration: int, trials: list[Trial], **_: Any) -> None:
        """Tune has looked at all trials once more."""
        self._meters.update()

    def __getstate__(self) -> dict[str, Any]:
        return {}


class BookKeeping(tune.Callback):
    """Every report and end of a trial goes to the books first."""

    def __init__(self, books: Books, job: Job) -> None:
        """Listens for one sweep."""
        self._books = books
        self._job = job
        self._fault: BadInput | None = None

    def on_step_begin(self, iteration: int, trials: list[Trial], **_: Any) -> None:
        """Ends the sweep where the log takes no more, or a node differs: Tune takes what fails in a
        result's callback for a failure of the trial, and would go on."""
        self._books.check()
        if self._fault is not None:
            raise self._fault

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """The trial has its resources."""
        self._books.started(_name(trial))

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **_: Any
    ) -> None:
        """A report, which the scheduler brings first while the trial is not to end."""
        self._books.reported(_name(trial), result)

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        """The trial returned, or was stopped."""
        self._books.ended(_name(trial))

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """The trial raised, or its process died."""
        name = _name(trial)
        note = Path(self._job.folder) / TRIALS_FOLDER / name / TIMEOUT_NAME
        hung = note.is_file() and note.stat().st_size > 0
        limit = f"no end after {self._job.timeout:g} s (trial_timeout); {TIMEOUT_NAME} says where"
        cause = limit if hung else _cause(trial)
        if (at := cause.find(f"{NodeError.__name__}: ")) >= 0:
            # It would fail one trial after the other; what is under way is resumed elsewhere.
            self._fault = BadInput(cause[at:].partition(": ")[2])
            return
        self._books.ended(name, cause)

    def __getstate__(self) -> dict[str, Any]:
        return {}


def _name(trial: Trial) -> str:
    return str(trial.config["trial"])


def _cause(trial: Trial) -> str:
    """The last line that says something: the exception, not the frames it went through."""
    text = ""
    if trial.error_file and Path(trial.error_file).is_file():
        text = Path(trial.error_file).read_text(errors="replace")
    elif trial.get_error() is not None:
        text = str(trial.get_error())
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in lines if "Error" in line or "Exception" in line or "died" in line]
    cause = (said or lines or ["the trial's process died without a word"])[-1]
    return cause.split("Some common causes")[0].strip()[:500]


def run_trials(
    books: Books,
    job: Job,
    asked: int,
    resources: Mapping[str, float],
    say: Callable[[str], object] = print,
) -> None:
    """Runs every trial that the books propose, to its end; `say` takes a line of a long wait."""
    survive_lost_actors()
    meters = Meters(books, job, Gauge)
    callbacks: list[tune.Callback] = [BookKeeping(books, job), LostNodes(), Metering(meters)]
    callbacks.append(Waiting(need_of(job), lambda: present_nodes(ray.nodes()), say))
    if job.placement == "group":
        callbacks.append(WorkerRelease(Path(job.folder)))
    if job.placement == "packed":
        from cluster.packed.hosts import places, running_hosts

        number, most = places(job, resources, asked)
        with running_hosts(job, number, most) as hosts:
            _run(books, replace(job, hosts=hosts), number * most, callbacks)
        return
    at_a_time = concurrency(job, resources, asked)
    _run(books, job, at_a_time, callbacks)


def _run(books: Books, job: Job, at_a_time: int, callbacks: list[tune.Callback]) -> None:
    trainable = tune.with_resources(tune.with_parameters(run_job, shared=job), tune_resources(job))
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=ProposingSearcher(books),
            scheduler=BookedStopping(books),
            num_samples=-1,
            # Tune starts so many processes together, too, and hands one whose trial has ended to a
            # trial that waits for none; with fewer it would end those that are only starting.
            max_concurrent_trials=at_a_time,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=f"{job.scratch}/tune",
            callbacks=callbacks,
            failure_config=tune.FailureConfig(max_failures=job.retries),
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    except tune.TuneError:
        # What a callback raised at a trial's end is wrapped with its frames by Tune.
        books.check()
        raise
