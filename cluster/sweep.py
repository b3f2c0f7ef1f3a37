"""A sweep from specification to report: prepare, propose, run on Ray, write down, show.

Everything that a person's input can be wrong about is found before the output directory is made;
`sweep.yaml` is written before Ray or torch is imported.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cluster.books import Books
from cluster.reference import metric_versions, reference_point, versions
from cluster.searchers.proposer import Proposer, ReplayMismatch, make_searcher
from cluster.store import Store
from search_spaces.constraints import refusal
from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.objectives import objectives
from search_spaces.record import RECORD_VERSION, REPORT_FILE, SPEC_FILE
from search_spaces.spec import (
    EMBEDDED,
    SweepSpec,
    check_spec,
    drop_objectives,
    parse_spec,
    read_yaml,
)

if TYPE_CHECKING:
    from analysis.log import Log
    from trainables.motion.dataset import MotionData

SAME_DATA = ("data_hash", "split_hash", "features", "root", "fps", "part_names")
"""Facts that must not change between a sweep and its resumption."""


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended."""

    folder: Path
    failed: int
    allowed_failures: int
    points: int
    already_finished: bool = False


def start(spec: SweepSpec, folder: Path, console: Console) -> Outcome:
    """Runs a new sweep into a new folder.

    Raises:
        BadInput: anything about the spec, the data, the folder or the cluster; what was made of
            the folder before a trial was proposed is taken away again.
    """
    _load_plugins(spec)
    if (folder / SPEC_FILE).exists():
        Store.create(folder, "")  # says what is wrong
    folder, existed = folder.absolute(), folder.exists()
    spec, data, said = _prepared(spec, console)
    _some_configuration_works(spec, data.facts)
    bounds = _bounds(data)
    with Store.create(folder, spec.dump()) as store:
        try:
            _begin(spec, data, bounds, said, store)
            return _run(spec, data, store, console)
        except BadInput:
            if not any(store.read().of("proposed")):
                _take_back(folder, existed)
            raise


def resume(folder: Path, console: Console) -> Outcome:
    """Finishes what is missing of a sweep, one that was cut off before its first trial included.

    Raises:
        BadInput: no sweep there, another process owns it, or something that its numbers depend on
            changed; the message names it.
    """
    folder = folder.absolute()
    with Store.open(folder) as store:
        log = store.read()
        if any(log.of("finished")) and not log.unfinished:
            whole = (folder / REPORT_FILE).is_file()
            return Outcome(folder, 0, 0, len(list(log.of("point"))), already_finished=whole)
        spec = parse_spec(read_yaml(folder / SPEC_FILE), str(folder / SPEC_FILE))
        _load_plugins(spec)
        spec, data, said = _prepared(spec, console)
        if log.bounds:
            _nothing_changed(log, data.facts)
        store.append("resumed", owner=os.getpid())
        if not log.bounds:
            _begin(spec, data, _bounds(data), said, store)
        return _run(spec, data, store, console, log.events)


def _begin(
    spec: SweepSpec,
    data: MotionData,
    bounds: list[dict[str, Any]],
    said: list[str],
    store: Store,
) -> None:
    """Writes down what every trial of the sweep is measured by."""
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
    )
    store.append("data", facts=data.facts.model_dump(mode="json"))
    store.append("bounds", rows=bounds)


def _nothing_changed(log: Log, now: DataFacts) -> None:
    """What the numbers of a sweep depend on is as it was.

    Raises:
        BadInput: names the first thing that is not, with both values.
    """
    remedy = "resume needs what the sweep began with; start a new sweep instead"
    before = log.facts
    for what in SAME_DATA:
        was, is_now = getattr(before, what), getattr(now, what)
        if was != is_now:
            raise BadInput(f"{log.folder}: {what} was {was} and is {is_now} now; {remedy}")
    measured = metric_versions()
    for name, was in log.sweep.get("metric_versions", {}).items():
        if measured.get(name) != was:
            raise BadInput(
                f"{log.folder}: metric {name} had version {was} and has {measured.get(name)} now; "
                f"{remedy}"
            )


def _take_back(folder: Path, existed: bool) -> None:
    """A refused start leaves no folder behind, or an empty one where there was one."""
    shutil.rmtree(folder, ignore_errors=True)
    if existed:
        folder.mkdir(exist_ok=True)


def _run(
    spec: SweepSpec,
    data: MotionData,
    store: Store,
    console: Console,
    events: Sequence[Mapping[str, Any]] = (),
) -> Outcome:
    goals = objectives(spec.objectives)
    proposer = Proposer(spec, data.facts, goals, make_searcher(spec, len(goals)), store.append)
    try:
        missing = proposer.replay(events)
    except ReplayMismatch as error:
        raise BadInput(
            f"{store.folder}: {error}; resume with the versions named in its report"
        ) from None
    books = Books(store, proposer)
    books.take_up(events)
    if missing:
        console.print(f"{len(missing)} trial(s) were under way and go on")
    _on_ray(spec, data, store, books, console)
    counts = books.counts()
    if not books.settled:
        # Tune returns as usual when it is interrupted.
        store.append("interrupted", counts=dict(counts))
        raise KeyboardInterrupt
    store.append("finished", counts=dict(counts))
    return Outcome(store.folder, counts["failed"], spec.run.max_failures, len(books.rows))


def _on_ray(
    spec: SweepSpec, data: MotionData, store: Store, books: Books, console: Console
) -> None:
    from cluster.jobs import Job
    from cluster.progress import Progress
    from cluster.session import check_shared_folder, ray_session

    run = spec.run
    reference = store.read().sweep["reference_point"]
    console.print("starting Ray …" if not run.address else f"joining Ray at {run.address} …")
    session = ray_session(run.address, threads=run.threads, dashboard=run.placement == "group")
    with session as scratch:
        import ray

        from cluster.tune_adapter import run_trials

        if run.address:
            check_shared_folder(store.folder)
        job = Job(
            data=ray.put(data),
            sweep=spec.name,
            folder=str(store.folder),
            size=spec.size,
            placement=run.placement,
            workers=run.workers,
            threads=run.threads,
            gpus=run.gpus_per_trial,
            plugins=spec.plugins,
            scratch=str(scratch),
            timeout=run.trial_timeout,
            retries=run.retries,
        )
        with Progress(books, objectives(spec.objectives), reference, console):
            try:
                run_trials(books, job, run.concurrency, ray.cluster_resources())
            except ValueError as error:
                raise BadInput(str(error)) from None


def publish(folder: Path, console: Console) -> Path:
    """Tables, figures and the report, made anew from the store; prints the front.

    Raises:
        BadInput: no sweep there, or a plugin whose metric or codec it speaks of is gone.
    """
    from analysis.log import read_log
    from analysis.points import write_tables
    from analysis.report import build_report
    from cluster.summary import print_front
    from trainables.plugins import load_plugins

    log = read_log(folder)
    load_plugins(log.sweep["spec"].get("plugins", ()))
    tables = write_tables(folder)
    report = build_report(folder)
    print_front(tables, log, console)
    console.print(f"report: {report}", soft_wrap=True, highlight=False)
    return folder / REPORT_FILE


def _prepared(spec: SweepSpec, console: Console) -> tuple[SweepSpec, MotionData, list[str]]:
    """The spec with what the data decides, the data, and what was dropped of the objectives."""
    from trainables.motion.dataset import prepare

    console.print(f"reading motion: {spec.data.path}", highlight=False, soft_wrap=True)
    data = prepare(spec.data)
    facts = data.facts
    for said in facts.warnings:
        console.print(f"  note: {said}", highlight=False, style="dim", soft_wrap=True)
    kept, dropped = drop_objectives(spec, facts.part_names)
    for said in dropped:
        console.print(f"  note: {said}", highlight=False, style="dim", soft_wrap=True)
    if len(kept) < 2:
        raise BadInput(f"fewer than two objectives are left of {', '.join(spec.objectives)}")
    how = "within recordings, in time" if facts.split == "time" else "by recording"
    console.print(
        f"  {facts.train.frames} training, {facts.val.frames} validation, {facts.test.frames} test "
        f"frames at {facts.fps:g} fps, split {how}; parts {', '.join(facts.part_names)}; "
        f"root {facts.root}",
        highlight=False,
        soft_wrap=True,
    )
    path = spec.data.path if spec.data.path == EMBEDDED else str(Path(spec.data.path).absolute())
    data_spec = spec.data.model_copy(update={"path": path})
    return spec.model_copy(update={"objectives": kept, "data": data_spec}), data, dropped


def _load_plugins(spec: SweepSpec) -> None:
    """Loads a spec's plugins; what it says of their codecs and metrics can be checked only now."""
    from trainables.plugins import load_plugins

    load_plugins(spec.plugins)
    check_spec(spec)


def _some_configuration_works(spec: SweepSpec, facts: DataFacts) -> None:
    if not spec.space.cells:
        return
    reasons = [refusal(spec.configuration(c), facts) for c in spec.space.grid()]
    if reasons and all(reasons):
        raise BadInput(f"every cell is refused on this data; the first because {reasons[0]}")


def _bounds(data: MotionData) -> list[dict[str, Any]]:
    from trainables.bounds import bound_rows

    return bound_rows(data)
