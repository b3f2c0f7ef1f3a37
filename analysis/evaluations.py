"""Evaluations of a finished sweep's codecs on other motion, as `evaluations/<id>/` holds them.

Each stands apart from the sweep: it adds points, overwrites none, and nothing is selected by it. A
folder that cannot be read is told in one line and left out; the others are still shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pyarrow import ArrowException
from pydantic import BaseModel, ConfigDict, ValidationError

from search_spaces.record import EVALUATIONS_FOLDER, POINTS_TABLE

EVALUATION_FILE = "evaluation.json"


class EvaluationFacts(BaseModel):
    """What `evaluation.json` says; what a later version adds is passed over.

    Attributes:
        id: of the evaluation.
        data: where the motion came from.
        data_hash: of that motion.
        split: which part of it was scored.
        recordings: number or names of the recordings.
        frames: at the codecs' frame rate.
        seconds: of motion.
        metrics: objective names that were scored (`rmse_full_cm`).
        made: time in ISO 8601.
        points: number of operating points.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    data: str = ""
    data_hash: str = ""
    split: str = ""
    recordings: int | tuple[str, ...] = 0
    frames: int = 0
    seconds: float = 0.0
    metrics: tuple[str, ...] = ()
    made: str = ""
    points: int = 0

    @property
    def recording_count(self) -> int:
        """Number of recordings."""
        return self.recordings if isinstance(self.recordings, int) else len(self.recordings)


@dataclass(frozen=True)
class Evaluation:
    """One evaluation.

    Attributes:
        facts: where its points come from.
        points: rows as in `points.csv`, scores in `test_` columns.
    """

    facts: EvaluationFacts
    points: pd.DataFrame


@dataclass(frozen=True)
class Evaluations:
    """All evaluations of a sweep, oldest first, and a line for each that cannot be read."""

    read: tuple[Evaluation, ...] = ()
    damaged: tuple[str, ...] = ()


def read_evaluations(folder: Path | str) -> Evaluations:
    """The evaluations beside a sweep's log; none where there is no such folder."""
    place = Path(folder) / EVALUATIONS_FOLDER
    if not place.is_dir():
        return Evaluations()
    found, damaged = [], []
    for path in sorted(p for p in place.iterdir() if p.is_dir() and not p.name.startswith(".")):
        try:
            found.append(_read(path))
        except (OSError, ValueError, ArrowException) as error:
            said = f"{EVALUATIONS_FOLDER}/{path.name} is left out: {_reason(error)}"
            damaged.append(f"{said}; evaluate again or delete the folder")
    found.sort(key=lambda e: (e.facts.made, e.facts.id))
    return Evaluations(tuple(found), tuple(damaged))


def _read(path: Path) -> Evaluation:
    for name in (EVALUATION_FILE, POINTS_TABLE):
        if not (path / name).is_file():
            raise ValueError(f"it has no {name}")
    text = (path / EVALUATION_FILE).read_text(encoding="utf-8")
    facts = EvaluationFacts.model_validate_json(text)
    points = pd.read_parquet(path / POINTS_TABLE)
    missing = [c for c in ("point", "codec") if c not in points.columns]
    if missing:
        raise ValueError(f"{POINTS_TABLE} has no column {', '.join(missing)}")
    if facts.points and len(points) != facts.points:
        raise ValueError(f"{POINTS_TABLE} holds {len(points)} of {facts.points} points")
    return Evaluation(facts, points.drop_duplicates("point", keep="last").reset_index(drop=True))


def _reason(error: Exception) -> str:
    """One short line; of a validation's many, the first fault and its place."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return f"{EVALUATION_FILE}: {f'{place}: ' if place else ''}{first['msg']}"
    return " ".join(str(error).split())[:160]
