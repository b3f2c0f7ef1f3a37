"""What a trial keeps between its rungs, so that it can go on after its process died.

One file that appears whole: states of networks, the curve so far, and what was reported. Rows are
kept as JSON, so that the file holds tensors, numbers and text alone.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainables.plain_rows import plain, unplain
from trainables.runtime import Runtime

Rows = Sequence[Mapping[str, Any]]


def keep(
    runtime: Runtime, name: str, state: Mapping[str, Any], curve: Rows, told: Rows = ()
) -> None:
    """Writes a state under a name; nothing where the place keeps none.

    Args:
        runtime: says where.
        name: of the file, one for each kind of trial.
        state: tensors, numbers and text.
        curve: rows so far.
        told: reports so far; `rung` in one of them are rows of its own.
    """
    folder = runtime.checkpoint_folder()
    if folder is None:
        return
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    rows = {
        "curve": json.dumps(plain(curve)),
        "told": json.dumps([_with_points(r, plain) for r in plain(told)]),
    }
    part = folder / f"{name}.part-{os.getpid()}"
    torch.save({**state, **rows}, part)
    part.replace(folder / name)


def kept(runtime: Runtime, name: str) -> dict[str, Any] | None:
    """What `keep` wrote, with `curve` and `told` as rows; None where there is nothing."""
    folder = runtime.checkpoint_folder()
    if folder is None or not (folder / name).is_file():
        return None
    import torch

    state: dict[str, Any] = torch.load(
        folder / name, weights_only=True, map_location=runtime.device
    )
    state["curve"] = [unplain(row) for row in json.loads(state["curve"])]
    # A state of an earlier release has no reports to say again.
    told = [unplain(row) for row in json.loads(state.get("told", "[]"))]
    state["told"] = [_with_points(row, lambda points: [*map(unplain, points)]) for row in told]
    return state


def spent_before(state: Mapping[str, Any] | None, curve: Rows) -> float:
    """Seconds of training before this process.

    Args:
        state: as `kept` gives it.
        curve: rows so far; a state of an earlier release says no more.
    """
    known = curve[-1]["train_seconds"] if curve else 0.0
    return float((state or {}).get("spent", known))


def forget(runtime: Runtime) -> None:
    """A finished trial needs no half-trained state."""
    folder = runtime.checkpoint_folder()
    if folder is not None and runtime.rank == 0:
        shutil.rmtree(folder, ignore_errors=True)


def _with_points(row: Mapping[str, Any], written: Callable[[Any], Any]) -> dict[str, Any]:
    return {**row, "rung": written(row["rung"])} if "rung" in row else dict(row)
