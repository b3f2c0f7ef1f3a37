"""GPUs of a trial, whole ones or the n-th part of one; and nodes that a cluster may grow to."""

from __future__ import annotations

from typing import Any

_LOOSE = 0.02
"""Relative difference up to which a decimal spells a fraction: 0.33 is a third."""


def whole_gpus(given: Any) -> Any:
    """A share of a GPU as Ray counts it, so that n trials of 1/n fill one GPU and no more.

    Ray counts in steps of 1/10,000, so a fraction is rounded down to one: three of 0.3333 fit.

    Args:
        given: a number, or `1/3`; anything else is returned as it is.

    Raises:
        ValueError: neither whole nor 1/n.

    >>> whole_gpus("1/3"), whole_gpus(0.33), whole_gpus(2), whole_gpus(0)
    (0.3333, 0.3333, 2.0, 0.0)
    """
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return given
    try:
        top, _, bottom = str(given).partition("/")
        number = float(top) / float(bottom or 1)
    except (ValueError, ZeroDivisionError):
        return given
    if number <= 0 or number == round(number):
        return number
    parts = round(1 / number) if number < 1 else 0
    if parts < 2 or abs(number * parts - 1) > _LOOSE:
        near = max(2, parts)
        wanted = f"1/{near} or 1" if number < 1 else f"{int(number)} or {int(number) + 1}"
        raise ValueError(
            f"{given} of a GPU leaves a part that no other trial can use; give whole GPUs or 1/n: "
            f"{wanted}"
        )
    return int(10_000 / parts) / 10_000


def node_kind(text: str) -> tuple[int, int, float]:
    """Nodes of one kind that a cluster may grow to: `NODES:CPUS` or `NODES:CPUS:GPUS`.

    Returns:
        How many, and what each has: cores, GPUs.

    Raises:
        ValueError: something else.

    >>> node_kind("8:16:1"), node_kind("2:64")
    ((8, 16, 1.0), (2, 64, 0.0))
    """
    parts = text.split(":")
    try:
        nodes, cpus, gpus = int(parts[0]), int(parts[1]), float(parts[2]) if parts[2:] else 0.0
    except (ValueError, IndexError):
        nodes = cpus = 0
        gpus = 0.0
    if len(parts) > 3 or nodes < 1 or cpus < 1 or gpus < 0:
        raise ValueError(
            f"grows_to {text!r}: must be NODES:CPUS or NODES:CPUS:GPUS, as in 8:16:1 for eight "
            "nodes of 16 cores and one GPU each"
        )
    return nodes, cpus, gpus
