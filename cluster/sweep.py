"""A sweep from specification to report: prepare, propose, run on Ray, write down, show.

Everything that a person's input can be wrong about is found before the output directory is made;
`sweep.yaml` is written before Ray or torch is imported.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cluster.books import Books
from cluster.searchers.proposer import Proposer, ReplayMismatch, make_searcher
from cluster.store import Store
from search_spaces.constraints import refusal
from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.families import family_of
from search_spaces.objectives import Objective, Scope, objectives
from search_spaces.rate import nearest_frame_rate, nominal_rate
from search_spaces.record import MEAN_POSE, RECORD_VERSION, REPORT_FILE, SPEC_FILE
from search_spaces.space import Config
from search_spaces.spec import (
    EMBEDDED,
    SweepSpec,
    check_spec,
    drop_objectives,
    parse_spec,
    read_yaml,
)

if TYPE_CHECKING:
    from trainables.motion.dataset import MotionData

VERSIONED = (
    "ratefront", "ray", "torch", "optuna", "vector-quantize-pytorch", "scikit-learn", "scipy",
    "numpy", "moocore",
)  # fmt: skip


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
        BadInput: anything about the spec, the data or the folder; no folder is left behind.
    """
    _load_plugins(spec)
    if (folder / SPEC_FILE).exists():
        Store.create(folder, "")  # says what is wrong
    spec, data, said = _prepared(spec, console)
    _some_configuration_works(spec, data.facts)
    with Store.create(folder.absolute(), spec.dump()) as store:
        bounds = _bounds(data)
        reference = reference_point(spec, data.facts, bounds)
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
            reference_point=reference,
            warnings=said,
            versions={**versions(), "record": RECORD_VERSION},
            spec=spec.model_dump(mode="json"),
        )
        store.append("data", facts=data.facts.model_dump(mode="json"))
        store.append("bounds", rows=bounds)
        return _run(spec, data, store, console)


def resume(folder: Path, console: Console) -> Outcome:
    """Finishes what is missing of a sweep.

    Raises:
        BadInput: no sweep there, another process owns it, or its data changed.
    """
    folder = folder.absolute()
    with Store.open(folder) as store:
        log = store.read()
        if any(log.of("finished")) and not log.unfinished:
            whole = (folder / REPORT_FILE).is_file()
            return Outcome(folder, 0, 0, len(list(log.of("point"))), already_finished=whole)
        spec = parse_spec(read_yaml(folder / SPEC_FILE), str(folder / SPEC_FILE))
        _load_plugins(spec)
        spec, data, _ = _prepared(spec, console)
        before = log.facts
        if before is None:
            raise BadInput(f"{folder} ended before its data was read; start it again elsewhere")
        for what in ("data_hash", "split_hash", "features", "root", "fps"):
            was, now = getattr(before, what), getattr(data.facts, what)
            if was != now:
                raise BadInput(
                    f"{folder}: {what} was {was} and is {now} now; resume needs the same data"
                )
        store.append("resumed", owner=os.getpid())
        return _run(spec, data, store, console, log.events)


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
        )
        with Progress(books, objectives(spec.objectives), reference, console):
            try:
                run_trials(books, job, run.concurrency, ray.cluster_resources())
            except ValueError as error:
                raise BadInput(str(error)) from None


def publish(folder: Path, console: Console) -> Path:
    """Tables, figures and the report, made anew from the store; prints the front."""
    from analysis.log import read_log
    from analysis.points import write_tables
    from analysis.report import build_report
    from cluster.summary import print_front

    tables = write_tables(folder)
    report = build_report(folder)
    print_front(tables, read_log(folder), console)
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


def reference_point(
    spec: SweepSpec, facts: DataFacts, bounds: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """The corner that hypervolume is measured from, fixed at the start of a sweep.

    For rates the largest nominal rate of the space; for anything else the mean pose of train,
    scored on validation.
    """
    mean = next(row for row in bounds if row["codec"] == MEAN_POSE)
    largest = largest_rate(spec, facts)
    corner = {}
    for objective in objectives(spec.objectives):
        if objective.metric.scope is Scope.RATE:
            corner[objective.name] = largest
            continue
        value = float(mean.get(objective.column("val"), math.nan))
        corner[objective.name] = value if math.isfinite(value) else _worst(objective)
    return corner


def _worst(objective: Objective) -> float:
    # A metric that the mean pose does not define (no wrists, say) gets its unit's natural corner.
    return 100.0 if objective.metric.unit == "pct" else 1.0


def largest_rate(spec: SweepSpec, facts: DataFacts) -> float:
    """The largest nominal rate that a configuration of the space has and that is not refused."""
    rate_keys: set[str] = {"codec"}
    for name in codec_names(spec):
        rate_keys |= family_of({"codec": name}).rate_keys
    rates = []
    for proposal in spec.space.projected(rate_keys):
        config: Config = spec.configuration(proposal)
        if refusal(config, facts) is None:
            rates.append(nominal_rate(config, facts).total)
    return max(rates, default=nearest_frame_rate(facts).total)


def codec_names(spec: SweepSpec) -> list[str]:
    """Codecs that a space may name."""
    if spec.space.cells:
        return sorted(
            {str(c.get("codec", spec.space.fixed.get("codec"))) for c in spec.space.cells}
        )
    named = [str(v) for p in spec.space.parameters if p.name == "codec" for v in p.choices or ()]
    return named or [str(spec.space.fixed["codec"])]


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = {}
    for name in VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
