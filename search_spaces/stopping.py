"""What early stopping needs of a sweep: values that are there before a trial's end."""

from __future__ import annotations

from collections.abc import Iterable

from search_spaces.errors import BadInput
from search_spaces.objectives import (
    RATE_HEADER,
    RATE_LZMA,
    RATE_MODEL,
    RATE_STREAM,
    RATE_ZLIB,
    find_metric,
)

MODEL = "model"
LATE = frozenset(m.stem for m in (RATE_MODEL, RATE_STREAM, RATE_HEADER, RATE_ZLIB, RATE_LZMA))
"""Rates that need a model of all training tokens, or files: they are only there at the end."""


def scored_on_the_way(names: Iterable[str]) -> tuple[str, ...]:
    """Objectives without split that a trial can be scored by before its end.

    >>> scored_on_the_way(["rate_nominal_bps", "rate_stream_bps", "rmse_full_cm"])
    ('rate_nominal_bps', 'rmse_full_cm')
    """
    return tuple(name for name in names if find_metric(name)[0].stem not in LATE)


def check_stopping(stopping: str, sampler: str, seeds: int, names: Iterable[str]) -> None:
    """Refuses what cannot be decided.

    Args:
        stopping: none, halving or model.
        sampler: who proposes.
        seeds: repeats of each configuration.
        names: objectives and limited metrics.

    Raises:
        BadInput: the sampler has no model, or a value is only there at a trial's end.
    """
    if stopping == "none":
        return
    if stopping == MODEL and sampler != "rate_aware":
        raise BadInput(
            f"stopping=model asks the model of sampler rate_aware, and {sampler} has none; "
            "--set sampler=rate_aware, or --set stopping=halving"
        )
    if stopping == MODEL and seeds > 1:
        raise BadInput(
            f"stopping=model follows one curve of each configuration, not {seeds} seeds; "
            "--set seeds=1, or --set stopping=halving"
        )
    names = tuple(names)
    late = [name for name in names if name not in scored_on_the_way(names)]
    if late:
        raise BadInput(
            f"stopping={stopping} needs {late[0]} before a trial's end, and it is only there at "
            "the end; search rate_nominal_bps, or --set stopping=none"
        )
