"""Answers of raters and the key that says what they are about, read from their files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.user_study.design import QUESTIONS, STUDY_VERSION
from search_spaces.errors import BadInput

SIDES = ("left", "right")


@dataclass(frozen=True)
class Key:
    """What the names of clips stand for.

    Attributes:
        study: the study's name.
        systems: in the order in which they were named.
        clips: name -> system, recording, whether it was spoiled for a check.
        seconds: recording -> length of what is shown.
    """

    study: str
    systems: tuple[str, ...]
    clips: Mapping[str, Mapping[str, Any]]
    seconds: Mapping[str, float]

    def system(self, clip: str) -> str:
        """Of a clip; "" where it was spoiled."""
        return str(self.clips[clip]["system"])

    def length(self, clip: str) -> float:
        """Seconds of a clip."""
        return float(self.seconds[str(self.clips[clip]["recording"])])


@dataclass(frozen=True)
class Answer:
    """What a rater said of a pair.

    Attributes:
        left, right: names of the clips.
        chosen: question -> name of the clip that was chosen.
        seconds: from when the pair was shown to the answer.
    """

    left: str
    right: str
    chosen: Mapping[str, str]
    seconds: float

    @property
    def pair(self) -> frozenset[str]:
        """The two clips, whatever their sides."""
        return frozenset((self.left, self.right))


@dataclass(frozen=True)
class Rater:
    """One person's answers, in their order."""

    name: str
    answers: tuple[Answer, ...]
    file: str = ""


def read_key(path: Path) -> Key:
    """The key of a study.

    Raises:
        BadInput: no such file, or no key.
    """
    told = _document(path, "key")
    try:
        clips = {str(k): dict(v) for k, v in told["clips"].items()}
        systems = tuple(map(str, told["systems"]))
        known = all(c["system"] in (*systems, "") and "recording" in c for c in clips.values())
        seconds = {str(k): float(v) for k, v in told["seconds"].items()}
        if not known:
            raise ValueError("a clip of no system")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            f"{path}: is no key of a study ({error!r}); name the .key.json that was written beside "
            "the page"
        ) from None
    return Key(str(told["study"]), systems, clips, seconds)


def read_answers(paths: Iterable[Path], key: Key) -> list[Rater]:
    """Raters of a study, one file each.

    Raises:
        BadInput: a file that cannot be read, of another study, or two of one rater.
    """
    found: dict[str, Rater] = {}
    for path in paths:
        told = _document(path, "answers")
        if told["study"] != key.study:
            raise BadInput(
                f"{path}: answers study {told['study']}, and the key is of {key.study}; give the "
                "key of that study"
            )
        try:
            name = str(told["rater"]).strip()
            answers = tuple(_answer(each, key) for each in told["answers"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"{path}: answers cannot be read ({error!r}); ask the rater to save them again"
            ) from None
        if name in found:
            raise BadInput(
                f"{path}: {found[name].file} is of rater {name!r} too; keep one of the two"
            )
        found[name] = Rater(name, answers, str(path))
    return list(found.values())


def _answer(told: Mapping[str, Any], key: Key) -> Answer:
    sides = {side: str(told[side]) for side in SIDES}
    for clip in sides.values():
        if clip not in key.clips:
            raise ValueError(f"no clip {clip} in the study")
    chosen = {question: sides[told[question]] for question in QUESTIONS}
    return Answer(sides["left"], sides["right"], chosen, float(told["seconds"]))


def _document(path: Path, what: str) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; name the {what} of a study") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: is no JSON ({error}); name the {what} of a study") from None
    if not isinstance(told, dict) or "ratefront_study" not in told or "study" not in told:
        raise BadInput(f"{path}: is of no study; name the {what} of one")
    if told["ratefront_study"] != STUDY_VERSION:
        raise BadInput(
            f"{path}: has form {told['ratefront_study']!r}, and this release reads "
            f"{STUDY_VERSION}; use the release that wrote the page"
        )
    return told


def first_of_each(answers: Sequence[Answer]) -> list[Answer]:
    """Answers without those to pairs that were seen before."""
    found: dict[frozenset[str], Answer] = {}
    for answer in answers:
        found.setdefault(answer.pair, answer)
    return list(found.values())
