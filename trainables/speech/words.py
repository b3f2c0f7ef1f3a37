"""Word timings: `.tsv` (start, end, word), Praat's TextGrid, and SubRip subtitles.

Each gives words in order of time, seconds from the start of the audio. Silence is no word: empty
labels and those in `SILENCES` are left out. A subtitle says when a line is shown, not its words, so
its words share the line's time by their letters, and `Words.exact` is False.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from search_spaces.errors import BadInput
from trainables.speech.speech import Word
from trainables.speech.textgrid import read_tiers

SILENCES = frozenset({"", "sil", "sp", "spn", "<eps>", "<sil>", "<unk>", "<p:>", "#", "noise"})
WORD_TIERS = ("words", "word", "mau", "ort")
"""Names of the tier that holds words, the first of them that there is; else the only interval
tier."""


@dataclass(frozen=True)
class Words:
    """Words in order of time, and whether the file times each of them."""

    words: tuple[Word, ...]
    exact: bool = True


def read_words(path: Path) -> Words:
    """The words of a .tsv, .TextGrid or .srt file.

    Raises:
        BadInput: missing, of another suffix, damaged, or words out of order.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"{path}: word timings are read from .tsv, .TextGrid and .srt; convert it")
    found = reader(path)
    spoken = [w for w in found.words if w.text.strip().lower() not in SILENCES]
    for word in spoken:
        if not 0 <= word.start <= word.end or not math.isfinite(word.end):
            raise BadInput(
                f"{path}: {word.text!r} is from {word.start:g} s to {word.end:g} s; correct it"
            )
    order = sorted(spoken, key=lambda w: (w.start, w.end))
    return Words(tuple(order), found.exact)


def text_of(path: Path) -> str:
    """A text file in UTF-8 or, as Praat likes it, UTF-16.

    Raises:
        BadInput: missing, or no text.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is neither UTF-8 nor UTF-16; save it as UTF-8") from None


def _tsv(path: Path) -> Words:
    words = []
    for number, line in enumerate(text_of(path).splitlines(), start=1):
        cells = [c.strip() for c in line.split("\t" if "\t" in line else None)]
        if not any(cells):
            continue
        times = [_number(c) for c in cells[:2]]
        if len(times) < 2 or any(t is None for t in times):
            if number == 1:  # a header
                continue
            raise BadInput(f"{path}, line {number}: must be start, end and word; got {line!r}")
        words.append(Word(" ".join(cells[2:]), times[0] or 0.0, times[1] or 0.0))
    return Words(tuple(words))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _textgrid(path: Path) -> Words:
    tiers = read_tiers(path, text_of(path))
    named = {name.strip().lower(): words for name, words in reversed(tiers)}
    for name in WORD_TIERS:
        if name in named:
            return Words(named[name])
    if len(tiers) != 1:
        raise BadInput(
            f"{path}: has {len(tiers)} interval tiers ({', '.join(n for n, _ in tiers) or 'none'}) "
            "and none called words; rename the one that holds words"
        )
    return Words(tiers[0][1])


_TIME = r"(\d+):(\d{1,2}):(\d{1,2})[,.](\d{1,3})"
_LINE = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")


def _srt(path: Path) -> Words:
    words: list[Word] = []
    blocks = re.split(r"\r?\n[ \t]*\r?\n", text_of(path).strip())
    for number, block in enumerate(blocks, start=1):
        lines = block.splitlines()
        at = next((i for i, line in enumerate(lines) if "-->" in line), None)
        timed = None if at is None else _LINE.match(lines[at])
        if at is None or timed is None:
            if not block.strip():
                continue
            raise BadInput(
                f"{path}, subtitle {number}: has no line as 00:00:01,000 --> 00:00:02,500; add it"
            )
        start, end = (_seconds(timed.groups()[k : k + 4]) for k in (0, 4))
        text = re.sub(r"<[^>]*>|\{[^}]*\}", " ", " ".join(lines[at + 1 :]))
        words += _shared(text.split(), start, end)
    return Words(tuple(words), exact=False)


def _seconds(parts: tuple[str, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")


def _shared(texts: list[str], start: float, end: float) -> list[Word]:
    """A line's words one after the other, each for as long as its letters ask."""
    letters, found, now = sum(map(len, texts)), [], start
    for text in texts:
        until = now + (end - start) * len(text) / letters
        found.append(Word(text, now, until))
        now = until
    return found


_READERS: dict[str, Callable[[Path], Words]] = {
    ".tsv": _tsv, ".textgrid": _textgrid, ".srt": _srt,
}  # fmt: skip
SUFFIXES = tuple(_READERS)
