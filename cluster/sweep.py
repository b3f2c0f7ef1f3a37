"""A sweep from specification to report: prepare, propose, run on Ray, write down, show.

Everything that a person's input can be wrong about is found before the output directory is made;
`sweep.yaml` is written before Ray or torch is imported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from analysis.dashboards import Tracking, check_tracker, tracking
from cluster.books import Books
from cluster.generations import changes, next_generation
from cluster.inputs import staged, take_in
from cluster.opening import begin, open_books
from cluster.packed.allowed import check_packed
from cluster.preparing import prepared
from cluster.reference import plugins_of
from cluster.session import check_reachable
from cluster.storage.mirror import refresh, shown
from cluster.store import Store, check_new
from cluster.wanted import Wanted
from cluster.warm_start import described, load
from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.limits import limits
from search_spaces.objectives import objectives
from search_spaces.record import (
    LOG_FILE,
    REPORT_FILE,
    SPEC_FILE,
)
from search_spaces.spec import (
    SweepSpec,
    check_spec,
    parse_spec,
    read_yaml,
)
from search_spaces.stopping import scored_on_the_way

if TYPE_CHECKING:
    from analysis.log import Log
    from trainables.prepared_data import Data


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended."""

    folder: Path
    failed: int
    allowed_failures: int
    points: int
    already_finished: bool = False
    tracked: Tracking | None = None


def start(spec: SweepSpec, folder: Path, console: Console) -> Outcome:
    """Runs a new sweep into a new folder.

    Raises:
        BadInput: anything about the spec, the data, the folder or the cluster; what was made of
            the folder before a trial was proposed is taken away again.
    """
    _load_plugins(spec)
    check_tracker(spec.run.track)
    check_new(folder)
    check_reachable(spec.run.address)
    if advice := check_packed(spec):
        console.print(advice, style="yellow", highlight=False, soft_wrap=True)
    folder = folder.absolute()
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    spec, data, said = prepared(spec, console)
    with staged(spec, data.facts) as (spec, codec):
        check_spec(spec)
        Wanted(spec, data.facts).check()
        _some_configuration_works(spec, data.facts)
        bounds = _bounds(data)
        return _from_scratch(spec, data, bounds, said, folder, made, console, codec)


def _from_scratch(
    spec: SweepSpec,
    data: Data,
    bounds: list[dict[str, Any]],
    said: list[str],
    folder: Path,
    made: Sequence[Path],
    console: Console,
    codec: Path | None = None,
    **origin: Any,
) -> Outcome:
    with Store.create(folder, spec.dump()) as store:
        try:
            take_in(spec, codec, folder)
            begin(spec, data, bounds, said, store, **origin)
            return _run(spec, data, store, console)
        except (BadInput, OSError) as error:
            if any(store.read().of("proposed")):
                raise
            store.medium.abandon(made)
            if store.fault is None:
                raise
            # The store speaks of resuming what is not there any more.
            raise BadInput(
                f"{store.name}: {str(error).partition('; ')[0]}; no trial was started and nothing "
                "is left behind: mend that and give the command again"
            ) from None


def resume(folder: Path, console: Console, *, accept_changes: bool = False) -> Outcome:
    """Finishes what is missing of a sweep, one that was cut off before its first trial included.

    Args:
        folder: the sweep directory.
        console: where to say what happens.
        accept_changes: where something that the numbers depend on changed, run the whole sweep
            anew, as a new generation in a folder beside this one, which stays as it is.

    Raises:
        BadInput: no sweep there, another process owns it, or something that its numbers depend on
            changed and that is not accepted; the message names it.
    """
    folder = folder.absolute()
    store, log = Store.reopen(folder)
    with store:
        if merged := log.sweep.get("merged"):
            raise BadInput(
                f"{folder} was merged of {', '.join(str(m['folder']) for m in merged)}; resume "
                "those and merge again"
            )
        finished = any(log.of("finished")) and not log.unfinished
        if finished and not accept_changes:
            return _finished(log)
        spec = _as_begun(folder / SPEC_FILE)
        _load_plugins(spec, signed=bool(plugins_of(log)) or not log.bounds)
        check_tracker(spec.run.track)
        check_reachable(spec.run.address)
        spec, data, said = prepared(spec, console)
        # A log without bounds holds no trial: nothing was measured yet.
        changed = changes(log, data.facts) if log.bounds else []
        if changed and not accept_changes:
            raise BadInput(
                f"{folder}: {'; '.join(changed)}; resume needs what the sweep began with: "
                "--accept-changes starts a new generation in a folder beside it"
            )
        if not changed:
            if finished:
                return _finished(log)
            store.append("resumed", owner=os.getpid())
            if not log.bounds:
                begin(spec, data, _bounds(data), said, store)
            return _run(spec, data, store, console, log.events)
    following = next_generation(folder)
    console.print(
        f"new generation of {shown(folder)} in {shown(following)}: {'; '.join(changed)}",
        soft_wrap=True,
        highlight=False,
    )
    origin = {"parent": shown(folder), "changed": changed}
    with staged(spec, data.facts) as (spec, codec):
        _some_configuration_works(spec, data.facts)
        bounds = _bounds(data)
        return _from_scratch(
            spec, data, bounds, said, following, [following], console, codec, **origin
        )


def _as_begun(place: Path) -> SweepSpec:
    """The spec of a sweep; one from before retention keeps everything, as it did."""
    document = read_yaml(place)
    run = document.get("run") or {}
    if isinstance(run, dict):  # what it is else is told by who reads it
        document["run"] = {"retain": "all", **run}
    return parse_spec(document, str(place))


def _finished(log: Log) -> Outcome:
    """Nothing is left to run; the report may be missing, or older than the log's end."""
    page = log.folder / REPORT_FILE
    whole = page.is_file() and page.stat().st_mtime >= (log.folder / LOG_FILE).stat().st_mtime
    spec = log.sweep.get("spec", {})
    return Outcome(
        log.folder,
        failed=len({e["trial"] for e in log.of("failed")}),
        allowed_failures=int(spec.get("run", {}).get("max_failures") or 0),
        points=len({(e["trial"], e["row"]["depth"]) for e in log.of("point")}),
        already_finished=whole,
    )


def _run(
    spec: SweepSpec,
    data: Data,
    store: Store,
    console: Console,
    events: Sequence[Mapping[str, Any]] = (),
) -> Outcome:
    reference = store.sweep["reference_point"]
    earlier = load(store.folder)
    for taken in earlier:
        line = described(taken, spec.search.sampler)
        console.print(line, highlight=False, soft_wrap=True)
    books, missing = open_books(spec, data.facts, store, reference, earlier, events)
    if missing:
        console.print(f"{len(missing)} trial(s) were under way and go on")
    warn = partial(console.print, style="yellow", highlight=False, soft_wrap=True)
    with tracking(spec.run.track, store.folder, warn) as tracked:
        _on_ray(spec, data, store, books, console)
        counts = books.counts()
        if not books.settled:
            # Tune returns as usual when it is interrupted.
            store.append("interrupted", counts=dict(counts))
            raise KeyboardInterrupt
        store.append("finished", counts=dict(counts))
    if books.enough:
        console.print(f"ended by itself: {books.enough}", highlight=False, soft_wrap=True)
    failed, allowed = counts["failed"], spec.run.max_failures or 0
    return Outcome(store.folder, failed, allowed, len(books.rows), tracked=tracked)


def _on_ray(spec: SweepSpec, data: Data, store: Store, books: Books, console: Console) -> None:
    from cluster.jobs import Job
    from cluster.places.software import check_software
    from cluster.progress import Progress
    from cluster.session import check_shared, ray_session
    from trainables.plugins import shipped

    run = spec.run
    wanted = (*spec.objectives, *(limit.name for limit in limits(spec.constraints)))
    reference = store.sweep["reference_point"]
    console.print("starting Ray …" if not run.address else f"joining Ray at {run.address} …")
    session = ray_session(run.address, threads=run.threads, dashboard=run.placement == "group")
    with session as scratch:
        import ray

        from cluster.tune_adapter import run_trials

        preflight = None
        if run.address:
            preflight = check_software()
            check_shared(store.medium)
        job = Job(
            data=ray.put(data),
            sweep=spec.name,
            folder=str(store.medium.workplace(scratch)),
            location=store.medium.location,
            epoch=store.medium.epoch,
            size=spec.size,
            placement=run.placement,
            members=run.members,
            workers=run.workers,
            threads=run.threads,
            gpus=run.gpus_per_trial,
            plugins=shipped(spec.plugins),
            scratch=str(scratch),
            timeout=run.trial_timeout,
            retries=run.retries,
            rungs=spec.search.rungs,
            objectives=scored_on_the_way(wanted),
            joined=bool(run.address),
            node_labels=tuple(sorted(run.node_labels.items())),
            grows_to=run.grows_to,
            preflight=preflight,
        )
        say = partial(console.print, style="yellow", highlight=False, soft_wrap=True)
        with Progress(books, objectives(spec.objectives), reference, console):
            run_trials(books, job, run.concurrency, ray.cluster_resources(), say)


def publish(
    folder: Path, console: Console, tracked: Tracking | None = None, *, clips: bool = True
) -> Path:
    """Tables, figures and the report, made anew from the store; prints the front.

    Motion stands on the page unless `clips` is False or the sweep was run with `--no-clips`.

    Raises:
        BadInput: no sweep there, or a plugin whose metric or codec it speaks of is gone.
    """
    from analysis.eggesture.gestures_page import build_gestures
    from analysis.eggesture.page import build_codebooks
    from analysis.log import read_log
    from analysis.report import build_report, written
    from analysis.study.jerk_page import build_jerk
    from analysis.study.page import build_study, is_study
    from analysis.vqgan.page import build_heatmaps
    from cluster.summary import print_answer, print_front
    from trainables.plugins import load_plugins

    refresh(folder)
    log = read_log(folder)
    load_plugins(log.sweep["spec"].get("plugins", ()))
    findings = written(log)
    report = build_report(folder, clips=clips, findings=findings)
    print_front(findings.tables, log, console)
    print_answer(log, console)
    console.print(f"report: {report}", soft_wrap=True, highlight=False)
    beside: dict[str, Callable[[Log], Path | None]] = {
        "study": build_study, "jerk": build_jerk, "codebooks": build_codebooks,
        "heatmaps": build_heatmaps, "gestures": build_gestures,
    }  # fmt: skip
    if not is_study(log):
        del beside["study"]
    for name, build in beside.items():
        if (page := build(log)) is not None:
            console.print(f"{name}: {page}", soft_wrap=True, highlight=False)
    if tracked is not None:
        tracked.finish()
    return folder / REPORT_FILE


def _load_plugins(spec: SweepSpec, *, signed: bool = True) -> None:
    """Loads a spec's plugins; what it says of their codecs and metrics can be checked only now."""
    from trainables.plugins import load_plugins, sign_plugins

    load_plugins(spec.plugins)
    sign_plugins(signed)
    check_spec(spec)


def _some_configuration_works(spec: SweepSpec, facts: DataFacts) -> None:
    if not spec.space.cells:
        return
    wanted = Wanted(spec, facts)
    reasons = [wanted.refusal(spec.configuration(c)) for c in spec.space.grid()]
    if reasons and all(reasons):
        raise BadInput(
            f"every cell is refused on this data; the first because {reasons[0]}; choose others "
            "with --set"
        )


def _bounds(data: Data) -> list[dict[str, Any]]:
    from trainables.prepared_data import bounds_of

    return bounds_of(data)
