"""`ratefront replay`: what other searchers would have cost on a sweep that was run."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from cluster.application import Folder, app, console
from search_spaces.errors import BadInput


@app.command()
def replay(
    folder: Folder,
    searcher: Annotated[
        list[str] | None, typer.Option(help="Sampler to try; may be given again. All of ours.")
    ] = None,
    scheduler: Annotated[
        list[str] | None, typer.Option(help="none, halving or model; may be given again.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Trials at a time.")] = 4,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Replay a recorded sweep in simulated time: what would other searchers have cost?

    Example: ratefront replay sweeps/first --searcher tpe --searcher rate_aware --scheduler halving
    """
    from analysis.log import read_log
    from cluster.replay import study
    from trainables.plugins import load_plugins

    log = read_log(folder)
    load_plugins(log.sweep["spec"].get("plugins", ()))
    recorded = study.Replay(log)
    first = recorded.spec.search.seed
    standings = []
    asked = [(a, b) for a in searcher or ["random", "tpe"] for b in scheduler or ["none"]]
    if len(set(asked)) < len(asked):
        raise BadInput("--searcher and --scheduler name each only once")
    for name, rule in asked:
        recorded.arm(name, rule, first)  # every fault before any run
    for name, rule in asked:
        standings.append(recorded.standing(name, rule, range(first, first + seeds), workers))
    if as_json:
        print(json.dumps(study.as_json(recorded, standings, workers, seeds)))
        return
    table = Table(
        "searcher", "stopping", *(f"{float(f):.0%}" for f in standings[0].reached), "end",
        "finished", "stopped", "moved",
        title=f"{folder}: share of its {recorded.table.seconds:.0f} device seconds until a "
        f"fraction of its hypervolume is reached; {workers} workers, {seeds} seeds",
        title_justify="left",
    )  # fmt: skip
    for each in standings:
        table.add_row(
            each.searcher, each.scheduler, *(_said(m) for m in each.reached.values()),
            _said(each.hypervolume), f"{each.finished:.1f}", f"{each.stopped:.1f}",
            f"{each.moved:.1f}",
        )  # fmt: skip
    console.print(table)
    console.print(
        "median [95 % interval of the median over seeds]; – never. end: hypervolume of what "
        "finished, over the recorded one. A proposal that the sweep never ran is moved to the "
        "nearest recorded configuration of its codec that finished and is not taken yet; moved "
        "says how many. The searchers' own time is not counted.",
        highlight=False,
    )


def _said(found: object) -> str:
    from cluster.replay.study import Middle

    if not isinstance(found, Middle):
        raise TypeError(found)
    median, low, high = (
        "–" if v is None else f"{v:.2f}" for v in (found.median, found.low, found.high)
    )
    return f"{median} [{low}, {high}]"
