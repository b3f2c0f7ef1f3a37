"""When a whole sweep has looked or spent enough, and what its budget keeps back for repeats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from search_spaces.errors import BadInput
from search_spaces.objectives import Direction, Objective, objectives

HYPERVOLUME, BD_RATE = "hypervolume", "bd_rate"
MEASURES = (HYPERVOLUME, BD_RATE)
NEVER = "none"
_SPAN = re.compile(
    r"\s*(?:(\d+\.?\d*)\s*d)?\s*(?:(\d+\.?\d*)\s*h)?\s*(?:(\d+\.?\d*)\s*m)?\s*(?:(\d+\.?\d*)\s*s)?\s*"
)
_TEXT = re.compile(r"\s*([a-z_]+)\s*<\s*(\d+\.?\d*|\.\d+)\s*%?\s*")


@dataclass(frozen=True)
class StopWhen:
    """A sweep ends when what a window of it gained lies under a share.

    Attributes:
        measure: `hypervolume`, per device-second against its mean over the sweep; or `bd_rate`,
            bits saved at equal distortion.
        percent: below which it has looked enough.
    """

    measure: str
    percent: float


def parse_stop_when(text: str) -> StopWhen | None:
    """`hypervolume<5%` -> rule; None for `none`.

    >>> parse_stop_when("bd_rate < 1%")
    StopWhen(measure='bd_rate', percent=1.0)

    Raises:
        BadInput: not of that form.
    """
    if text.strip() in ("", NEVER):
        return None
    found = _TEXT.fullmatch(text)
    if found is None or found[1] not in MEASURES or not float(found[2]) > 0:
        raise BadInput(
            f"stop_when {text!r} is none; write {HYPERVOLUME}<5%, {BD_RATE}<1% or {NEVER}"
        )
    return StopWhen(found[1], float(found[2]))


def deadline_at(text: str, began: float) -> float | None:
    """Second (of the clock, since 1970) from which on nothing new begins; None without a deadline.

    Args:
        text: `36h`, `1d12h` or `90m` after the start of the sweep, or a moment in ISO 8601, by the
            machine's own time zone where it names none.
        began: when the sweep started, on the same clock.

    Raises:
        BadInput: neither.

    >>> deadline_at("1d12h", 1000.0), deadline_at("1970-01-01T01:00+00:00", 0.0)
    (130600.0, 3600.0)
    """
    if not text.strip():
        return None
    if (found := _SPAN.fullmatch(text)) and any(found.groups()):
        days, hours, minutes, seconds = (float(n or 0) for n in found.groups())
        return began + 86400 * days + 3600 * hours + 60 * minutes + seconds
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except ValueError:
        raise BadInput(
            f"deadline {text!r} is no time; write 36h, 1d12h, 90m, or 2027-01-31T18:00"
        ) from None


def check_budget(
    stop_when: str, repeat_front: int, seeds: int, sampler: str, names: Sequence[str]
) -> None:
    """Refuses ends and repeats that a sweep cannot have.

    Args:
        stop_when: as typed.
        repeat_front: seeds that configurations of the front are to have; 0: as they are.
        seeds: that every configuration has.
        sampler: who proposes.
        names: objectives.

    Raises:
        BadInput: BD-rate of what is no curve of one rate and one distortion, repeats of a list, or
            no more of them than every configuration has.
    """
    rule = parse_stop_when(stop_when)
    if rule is not None and rule.measure == BD_RATE and curve_of(names) is None:
        raise BadInput(
            f"stop_when={stop_when} needs two objectives, a rate and a distortion, not "
            f"{', '.join(names)}; use {HYPERVOLUME}<{rule.percent:g}%"
        )
    if not repeat_front:
        return
    if sampler in ("grid", "cells"):
        raise BadInput(
            f"repeat_front={repeat_front} keeps back a part of the budget, and sampler {sampler} "
            f"runs its whole list; --seeds {repeat_front} repeats every configuration"
        )
    if repeat_front <= seeds:
        raise BadInput(
            f"repeat_front={repeat_front} adds nothing to {seeds} seeds of every configuration; "
            "give a higher number, or leave it out"
        )


def curve_of(names: Sequence[str]) -> tuple[int, int] | None:
    """Places of rate and distortion among objectives, where these are one of each.

    >>> curve_of(["rmse_full_cm", "rate_nominal_bps"])
    (1, 0)
    """
    found = objectives(names)
    rates = [i for i, goal in enumerate(found) if is_rate(goal)]
    if len(found) != 2 or len(rates) != 1:
        return None
    other = 1 - rates[0]
    return (rates[0], other) if found[other].metric.direction is Direction.MIN else None


def is_rate(goal: Objective) -> bool:
    """Whether an objective is a number of bits per second."""
    return goal.metric.unit == "bps"
