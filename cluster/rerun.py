"""`ratefront rerun`: a trial whose weights were removed is trained again, to the bit.

Same configuration, seed, motion and threads; what comes out is held against the record before it
takes its place, so a codec that is exported is the one that was scored.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cluster.generations import changes
from cluster.inputs import Inputs
from cluster.store import Store
from search_spaces.errors import BadInput
from search_spaces.limits import limits
from search_spaces.record import CODEC_FOLDER, COST_COLUMNS, GENERATOR_FOLDER, TRIALS_FOLDER
from search_spaces.spec import RunSpec, SweepSpec, parse_spec
from search_spaces.stopping import scored_on_the_way

if TYPE_CHECKING:
    from analysis.log import Log
    from trainables.trial import TrialTask

Row = Mapping[str, Any]
AGAIN = ".rerun"
"""Beside the trials' folders: where one is trained before it takes its place."""


def rerun(folder: Path, trial: str, console: Console) -> Path:
    """Trains a finished trial again and puts its codec where it was; returns its folder.

    Args:
        folder: a sweep directory that nobody is writing.
        trial: whose weights were removed.
        console: where to say what happens.

    Raises:
        BadInput: no such finished trial, its codec is there, what its numbers depend on changed,
            or other numbers came out than were recorded.
    """
    from trainables.plugins import load_plugins
    from trainables.prepared_data import prepare_data
    from trainables.trial import TrialTask

    folder = folder.absolute()
    with Store.open(folder) as store:
        log = store.read()
        proposed, recorded = _finished(log, trial)
        place = folder / TRIALS_FOLDER / trial / CODEC_FOLDER
        if place.is_dir() or (place.parent / GENERATOR_FOLDER).is_dir():
            raise BadInput(f"{place.parent}: its weights are there; nothing is to be run again")
        spec = parse_spec(log.sweep["spec"], str(folder))
        if spec.run.placement == "group" and spec.run.workers > 1:
            raise BadInput(
                f"{folder}: {spec.run.workers} workers trained each trial together, and one alone "
                "comes to other numbers; run the sweep with --set retain=all to keep weights"
            )
        load_plugins(spec.plugins)
        data = prepare_data(spec.data, [str(proposed["config"]["codec"])])
        if changed := changes(log, data.facts):
            raise BadInput(f"{folder}: {'; '.join(changed)}; rerun needs what the sweep began with")
        again = folder / AGAIN / trial
        shutil.rmtree(again.parent, ignore_errors=True)
        console.print(f"training {trial} again …", highlight=False)
        config, seed = proposed["config"], int(proposed["seed"])
        found = Inputs(folder)(config, seed)
        task = TrialTask(
            spec.name, config, seed, again, spec.run.threads, spec.size, found, spec.search.rungs,
            _scored(spec),
        )  # fmt: skip
        try:
            rows = _trained(task, data, spec.run)
            if differs := _differs(recorded, rows):
                raise BadInput(
                    f"{trial}: {differs}, so this is not the codec that was scored; run it with "
                    "the versions and the machine of the sweep"
                )
            (again / CODEC_FOLDER).rename(place)
            store.medium.send(trial)
        finally:
            shutil.rmtree(again.parent, ignore_errors=True)
        store.append("restored", trial=trial)
    console.print(f"as recorded, to the bit: {place}", highlight=False, soft_wrap=True)
    return place


def _trained(task: TrialTask, data: Any, run: RunSpec) -> list[Row]:
    """Rows of a trial that is trained as the sweep trained it, alone.

    A pack of one comes to the bit to what its member came to among others, and not to what `fit`
    does.
    """
    from cluster.jobs import device_of
    from cluster.packed.scorers import scorers_of
    from trainables.packed.trials import run_packed
    from trainables.runtime import PlainRuntime
    from trainables.trial import limit_threads, run_trial

    runtime = PlainRuntime(device_of(run.gpus_per_trial))
    if run.placement != "packed":
        return list(run_trial(task, data, runtime))
    limit_threads(task.threads - scorers_of(task.threads, run.gpus_per_trial))
    for error in run_packed({"": (task, data, runtime)}).values():
        raise error
    return [row for said in runtime.reports for row in said.get("points", ())]


def _finished(log: Log, trial: str) -> tuple[Mapping[str, Any], list[Row]]:
    proposed = next((e for e in log.of("proposed") if e["trial"] == trial), None)
    done = [str(e["trial"]) for e in log.of("done")]
    if proposed is None or trial not in done:
        said = f"{', '.join(done[:5])}{' and more' if len(done) > 5 else ''}" or "none"
        raise BadInput(f"no finished trial {trial!r} in {log.folder}; there are {said}")
    by_depth = {e["row"]["depth"]: e["row"] for e in log.of("point") if e["trial"] == trial}
    return proposed, [by_depth[depth] for depth in sorted(by_depth)]


def _scored(spec: SweepSpec) -> tuple[str, ...]:
    return scored_on_the_way((*spec.objectives, *(w.name for w in limits(spec.constraints))))


def _differs(recorded: Sequence[Row], now: Sequence[Row]) -> str:
    """The first number that is another than it was, in words; "" where none is."""
    rows = {row["depth"]: row for row in now}
    for was in recorded:
        row = rows.get(was["depth"], {})
        for name, value in was.items():
            if name in COST_COLUMNS or value is None:
                continue
            if row.get(name) != value:
                return f"{name} at depth {was['depth']} was {value} and is {row.get(name)} now"
    return ""
