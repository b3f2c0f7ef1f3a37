"""`ratefront status DIR`: how a sweep stands, read from its log alone, wherever it runs.

The log is all that is read, so looking never disturbs a sweep, and works for one that ended.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from analysis.costs import costs
from analysis.findings import Findings
from analysis.fronts import full_pose_of
from analysis.labels import codec_label, duration, number, objective_label, point_label, unit_label
from analysis.log import WAITING, Event, Log, read_log
from analysis.points import Tables, front_objectives, points_frame, trials_frame
from search_spaces.record import LOG_FILE, STATUSES

MOST_ROWS = 12
"""Rows of the front and of trials under way that are shown."""
RECENT = 3600.0
"""Seconds that the present rate of trials is taken over."""
LOOK_SECONDS = 2.0


def show(folder: Path, console: Console, *, watch: bool = False) -> None:
    """Prints how a sweep stands; with `watch` until it ends, or an interrupt.

    Args:
        folder: the sweep directory.
        console: where to show it.
        watch: whether to go on looking.

    Raises:
        BadInput: no sweep there, or its log cannot be read.
    """
    # Who watches may look before the first event is written.
    log = read_log(folder, begun=not watch)
    if not watch:
        console.print(standing(log, time.time()))
        return
    seen = -1
    with Live(console=console, refresh_per_second=2, transient=False) as live:
        while True:
            size = (folder / LOG_FILE).stat().st_size
            if size != seen:
                log, seen = read_log(folder, begun=False), size
            live.update(standing(log, time.time()) if log.sweep else WAITING, refresh=True)
            if log.over:
                return
            time.sleep(LOOK_SECONDS)


def standing(log: Log, now: float) -> RenderableType:
    """Everything, one block under the other.

    Args:
        log: of the sweep.
        now: second of the clock, as the log has it.
    """
    tables = Tables(trials_frame(log), points_frame(log), pd.DataFrame(), {})
    findings = Findings(log, tables)
    blocks: list[RenderableType] = [_facts(log, findings, now)]
    blocks += [made for block in (_front, _under_way, _ends) if (made := block(log, findings, now))]
    return Group(*blocks)


def _facts(log: Log, findings: Findings, now: float) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    counts, under_way = findings.counts, len(_running(log))
    search: dict[str, Any] = (log.sweep.get("spec") or {}).get("search") or {}
    listed = search.get("sampler") in ("grid", "cells")
    budget = 0 if listed else int(search.get("trials") or 0)
    said = ", ".join(f"{n} {s}" for s, n in counts.items() if n)
    table.add_row(escape(log.name), _state(log, now))
    table.add_row("trials", f"{said or 'none ended'}; {under_way} under way"
                  + (f"; {budget} in the budget" if budget else ""))  # fmt: skip
    table.add_row("throughput", _throughput(log, now))
    if said := str(costs(log)):
        table.add_row("cost", said)
    if gpus := _gpus(log):
        table.add_row("GPUs", f"{gpus * under_way:g} in use, {gpus:g} a trial")
    if findings.hypervolume is not None:
        share = findings.box_share
        of_box = f", {number(share)} % of its box" if share is not None else ""
        table.add_row("hypervolume", number(findings.hypervolume.value) + of_box)
    return table


def _state(log: Log, now: float) -> str:
    ran = f"{duration(log.elapsed)} of running time"
    if log.over:
        why = f": {log.looked_enough}" if log.looked_enough else ""
        return f"{log.last['event']}{escape(why)}, {ran}"
    quiet = max(0.0, now - float(log.last.get("time", now)))
    return f"under way, last heard of {duration(quiet)} ago, {ran}"


def _throughput(log: Log, now: float) -> str:
    ended = [float(e["time"]) for e in log.of("done", "stopped", "failed") if "time" in e]
    if not ended or not log.elapsed:
        return "no trial has ended yet"
    whole = f"{3600 * len(ended) / log.elapsed:.3g} trials an hour"
    recent = sum(t > now - RECENT for t in ended)
    return whole if log.over or log.elapsed < RECENT else f"{whole}, {recent} in the last"


def _gpus(log: Log) -> float:
    run: dict[str, Any] = (log.sweep.get("spec") or {}).get("run") or {}
    group = run.get("placement") == "group"
    return float(run.get("gpus_per_trial") or 0.0) * (int(run.get("workers") or 1) if group else 1)


def _front(log: Log, findings: Findings, now: float) -> Table | None:
    """The front over the sweep's rate and its first distortion, the lowest rates first."""
    points = findings.tables.points
    named = [o.name for o in front_objectives(log, points)] if len(points) else []
    if not named:
        return None
    full = full_pose_of(points.columns)
    distortion = next((d for d in (findings.leading, full) if d in named), named[0])
    rows = findings.front_of(distortion)
    rate = log.rate.column("val")
    unit = unit_label(distortion)
    table = Table(title=f"front of {len(rows)}", title_justify="left")
    table.add_column("codec", no_wrap=True)
    for words in (f"{unit_label(log.rate.name)}", f"{objective_label(distortion)} {unit}", "seeds"):
        table.add_column(words, justify="right")
    step = max(1, -(-len(rows) // MOST_ROWS))
    for row in rows.iloc[::step].to_dict("records"):
        table.add_row(point_label(row), number(row[rate]), number(row[f"val_{distortion}"]),
                      f"{row.get('seeds', 1):.0f}")  # fmt: skip
    if step > 1:
        table.caption = f"every {step}th point"
    return table


def _running(log: Log) -> dict[str, Event]:
    """Trials that began and have no end, with what they said last."""
    found: dict[str, Event] = {}
    for event in log.of("started", "progress", *STATUSES):
        trial = str(event["trial"])
        if event["event"] in STATUSES:
            found.pop(trial, None)
        elif event["event"] == "started":
            found[trial] = {"began": float(event.get("time", 0.0)), "share": 0.0}
        elif trial in found:
            found[trial]["share"] = float((event.get("row") or {}).get("share") or 0.0)
    return found


def _under_way(log: Log, findings: Findings, now: float) -> Table | None:
    running = _running(log)
    if not running or log.over:
        return None
    codecs = {str(e["trial"]): str(e.get("codec", "")) for e in log.of("proposed")}
    table = Table(title=f"under way: {len(running)}", title_justify="left")
    for words in ("trial", "codec", "for", "trained"):
        table.add_column(words, justify="left" if words in ("trial", "codec") else "right")
    for trial, said in [*running.items()][:MOST_ROWS]:
        table.add_row(escape(trial), codec_label(codecs.get(trial, "")),
                      duration(now - said["began"]), f"{100 * said['share']:.0f} %")  # fmt: skip
    return table


def _ends(log: Log, findings: Findings, now: float) -> Table | None:
    """Refusals and failures by cause."""
    causes = Counter({(e.status, e.reason): e.count for e in findings.endings})
    if not causes:
        return None
    table = Table(title="ended otherwise than done", title_justify="left")
    for words in ("", "", "why"):
        table.add_column(words, justify="right" if not words else "left")
    for (status, reason), count in causes.most_common(MOST_ROWS):
        table.add_row(str(count), status, escape(reason[:200]))
    return table
