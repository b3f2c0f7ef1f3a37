"""A wrong use of the command line, in one line: what is wrong, what was given, whose help to read.

Typer draws a box of several lines for this; a script that reads standard error wants one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def wrong_use(error: Any, argv: Sequence[str]) -> str:
    """One line for a usage error of Typer's; empty where the help was asked for and printed.

    Args:
        error: a `UsageError`.
        argv: what stood on the command line, the program's name left out.
    """
    said = " ".join(error.format_message().split()).rstrip(".")
    if not said:
        return ""
    given = _given(getattr(error, "param", None), argv)
    fault = said.removesuffix(", unable to parse string as a number")
    fault = fault.removesuffix(", unable to parse string as an integer")
    fault = fault.replace("Input should be", "must be")
    if given and repr(given) not in fault and said.startswith("Invalid value"):
        fault = f"{fault}, got {given!r}"
    command = error.ctx.command_path if error.ctx is not None else "ratefront"
    return f"{fault}; see '{command} --help'"


def _given(parameter: Any, argv: Sequence[str]) -> str:
    """The value that stands after an option, or behind its equals sign."""
    names = getattr(parameter, "opts", ())
    for number, word in enumerate(argv):
        option, equals, value = word.partition("=")
        if option in names and option.startswith("-"):
            return value if equals else next(iter(argv[number + 1 :]), "")
    return ""
