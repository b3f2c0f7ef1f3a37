"""Praat's TextGrid, long and short form: interval tiers as words.

Both forms hold the same values in the same order; the long one names them. So a file is read as its
sequence of numbers, quoted strings and `<exists>` flags
(https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html). Point tiers are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from search_spaces.errors import BadInput
from trainables.speech.speech import Word

_VALUE = re.compile(r'"((?:[^"]|"")*)"|<(exists|absent)>|(?<![^\s=])(-?\d[\d.eE+-]*)(?=\s|$)')


def read_tiers(path: Path, text: str) -> list[tuple[str, tuple[Word, ...]]]:
    """Interval tiers in the file's order: name, and every interval with its label.

    Args:
        path: the file, for messages.
        text: what it holds.

    Raises:
        BadInput: no TextGrid, or one that ends early.
    """
    if "TextGrid" not in text[:200]:
        raise BadInput(f"{path}: is no TextGrid; save it from Praat as a text file")
    # Indices such as `intervals [3]:` are in brackets, and no value.
    values = _values(text[text.index("TextGrid") + len("TextGrid") :])
    try:
        next(values), next(values)  # from and to
        if next(values) != "<exists>":
            return []
        return [tier for _ in range(_whole(values)) if (tier := _tier(values)) is not None]
    except (StopIteration, ValueError):
        raise BadInput(f"{path}: ends early or is damaged; save it from Praat again") from None


def _values(text: str) -> Iterator[str]:
    start = text.index("\n") if "\n" in text else 0
    for found in _VALUE.finditer(text, start):
        quoted, flag, number = found.groups()
        if quoted is not None:
            yield '"' + quoted.replace('""', '"')
        else:
            yield f"<{flag}>" if flag else number


def _whole(values: Iterator[str]) -> int:
    return int(float(next(values)))


def _string(values: Iterator[str]) -> str:
    value = next(values)
    if not value.startswith('"'):
        raise ValueError(value)
    return value[1:]


def _tier(values: Iterator[str]) -> tuple[str, tuple[Word, ...]] | None:
    kind, name = _string(values), _string(values)
    next(values), next(values)
    count = _whole(values)
    if kind != "IntervalTier":
        for _ in range(count):
            next(values), _string(values)
        return None
    words = []
    for _ in range(count):
        start, end = float(next(values)), float(next(values))
        words.append(Word(_string(values).strip(), start, end))
    return name, tuple(words)
