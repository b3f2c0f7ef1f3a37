"""Traces small enough to be kept beside the code: one table per task, and one row per cell.

Of a run's reports those are kept that move one of the two fronts by which it is scored, the one of
everything reported and the one of trials' ends: volumes over time follow from them exactly. Which
configurations they were stands in the full traces that `run` leaves.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.cells import FAILED, Cell, points_of, read_cell, scored
from benchmarks.search.scoring import volume
from benchmarks.search.summary import Runs
from cluster.searchers.rate_aware.staircase import lower_hull
from search_spaces.errors import BadInput

PUBLISHED = Path(__file__).parents[2] / "docs" / "evidence" / "search"
CELLS = "cells.json"
KEPT = (
    "task", "arm", "seed", "workers", "reference", "volume", "horizon", "asked", "finished",
    "stopped", "asking_seconds", "slowest_ask", "wall_seconds", "versions", "machine",
)  # fmt: skip


def publish(traces: Path, folder: Path) -> list[Path]:
    """Writes the tables of a folder of traces; what was published before is laid under it.

    Raises:
        BadInput: no traces there.
    """
    import pandas as pd

    found = [read_cell(p) for p in sorted(traces.glob("*.json.gz"))]
    failed = {
        p.name.removesuffix(FAILED): p.read_text().splitlines()[0]
        for p in sorted(traces.glob(f"*{FAILED}"))
    }
    if not found and not failed:
        raise BadInput(f"{traces}: no traces; make some with `python -m benchmarks.search run`")
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / CELLS
    before = json.loads(place.read_text()) if place.is_file() else {"cells": [], "failed": {}}
    about = {_key(c): c for c in before["cells"]} | {
        _key(c): {k: c[k] for k in KEPT} for c in found
    }
    written = [place]
    for task in sorted({c["task"] for c in found}):
        rows = [row for c in found if c["task"] == task for row in moving(c)]
        table = pd.DataFrame(rows)
        path = folder / f"{task}.parquet"
        if path.is_file():
            old = pd.read_parquet(path)
            fresh = set(zip(table.arm, table.seed, strict=True))
            kept = [k not in fresh for k in zip(old.arm, old.seed, strict=True)]
            table = pd.concat([old[kept], table], ignore_index=True)
        table = table.sort_values(["arm", "seed", "order"], ignore_index=True)
        table.to_parquet(path, index=False, compression="zstd")
        written.append(path)
    still = {k: v for k, v in (before["failed"] | failed).items() if k not in about}
    cells = sorted(about.values(), key=lambda c: (c["task"], c["arm"], c["seed"], c["workers"]))
    lines = ",\n".join(json.dumps(cell) for cell in cells)
    place.write_text(f'{{"cells": [\n{lines}\n],\n"failed": {json.dumps(still)}}}\n')
    return written


def moving(cell: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Reports of a run that move a front: one row per point."""
    reference = tuple(cell["reference"])
    fronts = {True: np.zeros((0, 2)), False: np.zeros((0, 2))}
    reached = {True: 0.0, False: 0.0}
    rows: list[dict[str, Any]] = []
    for order, (time, last, points) in enumerate(points_of(cell)):
        finite = points[np.isfinite(points).all(axis=1)][:, :2]
        moved = False
        for ends in (True, False) if last else (False,):
            front = np.vstack([fronts[ends], finite])
            now = volume(front, reference)
            if now > reached[ends]:
                reached[ends], moved = now, True
                fronts[ends] = np.column_stack(lower_hull(front))
        if moved:
            rows += [
                {"arm": cell["arm"], "seed": cell["seed"], "order": order, "time": time,
                 "end": last, "known": float(k), "measured": float(m)}
                for k, m in finite
            ]  # fmt: skip
    return rows


def read_published(folder: Path) -> tuple[Runs, dict[str, str]]:
    """Scores of published cells, and the errors of those that failed; nothing where none are."""
    import pandas as pd

    place = folder / CELLS
    if not place.is_file():
        return {}, {}
    said = json.loads(place.read_text())
    runs: dict[str, dict[str, dict[int, Any]]] = defaultdict(lambda: defaultdict(dict))
    tables: dict[str, Any] = {}
    for about in said["cells"]:
        task, arm, seed = about["task"], about["arm"], about["seed"]
        if task not in tables:
            table = pd.read_parquet(folder / f"{task}.parquet")
            tables[task] = dict(iter(table.groupby(["arm", "seed"])))
        rows = tables[task].get((arm, seed))
        events = []
        for _, points in rows.groupby("order") if rows is not None else ():
            first = points.iloc[0]
            events.append(
                {"event": "done" if first["end"] else "report", "time": float(first["time"]),
                 "points": points[["known", "measured"]].to_numpy().tolist()}
            )  # fmt: skip
        runs[task][arm][seed] = scored({**about, "events": events})
    return runs, said["failed"]


def published_names(folder: Path) -> set[str]:
    """Names of the cells whose traces are published, without those that failed."""
    place = folder / CELLS
    if not place.is_file():
        return set()
    return {_key(cell) for cell in json.loads(place.read_text())["cells"]}


def _key(cell: Mapping[str, Any]) -> str:
    return Cell(cell["task"], cell["arm"], cell["seed"], cell["workers"]).name
