"""Cells of a sweep of motion from speech, named as the paper's tables name theirs.

Which of our cells stands beside which of the paper's rows is said here, table by table; nothing is
matched by its place.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis.eggesture.usage import Estimate, estimate
from analysis.published import published
from search_spaces.space import Value
from search_spaces.speech_families import SPEECH_TO_CODES

DATASET = "beat2-speaker2"
Conditions = Mapping[str, Value]


@dataclass(frozen=True)
class Row:
    """A row of a table: our label, the paper's method ("" where it has none), and which cells."""

    label: str
    method: str
    when: Conditions

    def holds(self, cell: Mapping[Hashable, Any]) -> bool:
        """Whether a cell's configuration is of this row."""
        return all(_same(cell.get(key), value) for key, value in self.when.items())


_JOINT: Conditions = {"speech.joint": True}
_TWO: Conditions = {"speech.joint": False, "speech.system": "codes", "guidance.weight": 0.0}
_TRANSFORMER: Conditions = {"speech.network": "transformer"}
_LSTM: Conditions = {"speech.network": "lstm"}
_SYSTEMS = (
    Row("regression without codes", "", {"speech.system": "regression"}),
    Row("motion of the nearest training speech", "", {"speech.system": "retrieval"}),
    Row("EGGesture", "EGGesture", _JOINT),
    Row("vanilla VQ-VAE, two stages", "baseline", _TWO),
)
_ENCODERS = (("bert", "BERT"), ("clip", "CLIP"))
TABLES: Mapping[str, tuple[Row, ...]] = {
    "table1": _SYSTEMS,
    "table2": _SYSTEMS,
    "table3": (
        Row("vanilla, not re-weighted", "baseline", {**_TWO, "speech.reweighting": "none"}),
        *(
            Row(f"vanilla, weights {kind}", f"reweight {kind}",
                {**_TWO, "speech.reweighting": kind})
            for kind in ("log", "sqrt", "linear", "square", "exp")
        ),
        Row("EGGesture", "EGGesture", _JOINT),
    ),
    "table4": (
        Row("EGGesture without re-weighting", "without classification reweighting",
            {**_JOINT, "speech.reweighting": "none"}),
        *_SYSTEMS,
    ),
    "table5": (
        Row("schedule as printed", "", {**_JOINT, "speech.schedule": "as_printed"}),
        Row("labels drawn with Gumbel noise", "", {**_JOINT, "speech.label_noise": True}),
        Row("without Gumbel softmax", "without gumbel softmax",
            {**_JOINT, "guidance.gumbel": False}),
        Row("without joint training", "without joint training", {"speech.joint": False}),
        Row("EGGesture", "EGGesture", _JOINT),
    ),
    "table6": (
        Row("wav2vec2 fine-tuned", "", {"speech.audio": "encoder"}),
        Row("TCN in place of wav2vec2", "audio encoder TCN instead of wav2vec2",
            {"speech.audio_tcn": True}),
        Row("no text", "", {"speech.text": "none"}),
        Row("TCN on hashed vectors", "custom TCN", {"speech.text": "hashed",
                                                    "speech.text_tcn": True}),
        Row("hashed vectors, fine-tuned", "", {"speech.text": "hashed",
                                               "speech.text_finetune": True}),
        Row("hashed vectors", "", {"speech.text": "hashed"}),
        Row("FastText, fine-tuned", "FastText finetuned", {"speech.text": "vectors",
                                                           "speech.text_finetune": True}),
        Row("FastText", "FastText frozen", {"speech.text": "vectors"}),
    ),
    "table7": (
        Row("vanilla, transformer", "Transformer baseline", {**_TWO, **_TRANSFORMER}),
        Row("EGGesture, transformer", "Transformer with EGGesture", {**_JOINT, **_TRANSFORMER}),
        Row("vanilla, LSTM", "LSTM baseline", {**_TWO, **_LSTM}),
        Row("EGGesture, LSTM", "LSTM with EGGesture", {**_JOINT, **_LSTM}),
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Cell:
    """One configuration.

    Attributes:
        label: what it is.
        config: its row of points, of any seed.
        values: column -> seed -> value.
        paper: the paper's row; None where it has none.
    """

    label: str
    config: Mapping[Hashable, Any]
    values: Mapping[str, Mapping[int, float]]
    paper: Mapping[Hashable, Any] | None = None

    @property
    def seeds(self) -> int:
        """Trainings."""
        return max((len(v) for v in self.values.values()), default=0)

    def of(self, column: str) -> Estimate:
        """A column over seeds."""
        return estimate(np.array(list(self.values.get(column, {}).values()), float))

    def less(self, other: Cell, column: str) -> Estimate:
        """Difference of a column from another cell's, seed by seed."""
        mine, theirs = (c.values.get(column, {}) for c in (self, other))
        return estimate(np.array([mine[s] - theirs[s] for s in mine if s in theirs], float))

    def has(self, **settings: Value) -> bool:
        """Whether its configuration has these values; `__` in a name stands for a full stop."""
        return all(_same(self.config.get(k.replace("__", ".")), v) for k, v in settings.items())


class GestureSweep:
    """Cells of motion from speech in the order in which they were proposed."""

    def __init__(self, points: pd.DataFrame, preset: str, order: Sequence[str] = ()) -> None:
        """Takes rows as in `points.csv`; `preset` names the table.

        Args:
            points: of the sweep.
            preset: its name.
            order: hashes of configurations as they were proposed; trials end in any order.
        """
        self._place = {config: i for i, config in enumerate(dict.fromkeys(order))}
        self.table = preset.rpartition("/")[2] if preset.startswith("eggesture/") else ""
        there = "codec" in points and "config_hash" in points
        self._points = points[points["codec"] == SPEECH_TO_CODES] if there else points[:0]

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Each configuration once."""
        if self._points.empty:
            return ()
        rows = TABLES.get(self.table, ())
        varied = self.varied
        found = []
        groups = self._points.groupby("config_hash", sort=False)
        for _, group in sorted(groups, key=lambda each: self._place.get(str(each[0]), 10**9)):
            first = group.iloc[0].to_dict()
            values = {
                str(column): dict(zip(group["seed"].astype(int), group[column], strict=True))
                for column in group.columns
                if str(column).startswith(("val_", "test_", "rate_"))
                and group[column].notna().any()
            }
            row = next((r for r in rows if r.holds(first)), None) or _text_encoder(first)
            label = row.label if row else _spelled(first, varied)
            found.append(Cell(label, first, values, _paper(row.method if row else "")))
        return tuple(found)

    def cell(self, **settings: Value) -> Cell | None:
        """The first cell with some values."""
        return next((c for c in self.cells if c.has(**settings)), None)

    @cached_property
    def varied(self) -> list[str]:
        """Keys of configurations in which the cells differ."""
        columns = map(str, self._points.columns)
        keys = [*_NAMES, *(c for c in columns if "." in c and c not in _NAMES)]
        points = self._points
        return [c for c in keys if c in points and points[c].astype(str).nunique() > 1]


def _paper(method: str) -> dict[Hashable, Any] | None:
    table = published("eggesture")
    rows = table[(table["method"] == method) & (table["dataset"] == DATASET)]
    return rows.iloc[0].to_dict() if len(rows) else None


_NAMES = {
    "guidance.decay": "alpha", "commitment": "beta", "speech.gamma": "gamma",
    "codebook_size": "codes",
}  # fmt: skip


def _text_encoder(config: Mapping[Hashable, Any]) -> Row | None:
    """BERT or CLIP, by what their folder is called."""
    place = str(config.get("speech.text_weights", "")).lower()
    tuned = _same(config.get("speech.text_finetune"), True)
    for key, name in _ENCODERS if config.get("speech.text") == "encoder" else ():
        if key in place:
            return Row(f"{name}, fine-tuned" if tuned else name,
                       f"{name} {'finetuned' if tuned else 'frozen'}", {})  # fmt: skip
    return None


def _spelled(config: Mapping[Hashable, Any], varied: list[str]) -> str:
    """A label from the settings that tell a cell from others."""
    said = []
    if "speech.joint" in varied:
        vanilla = _same(config["guidance.weight"], 0.0)
        joint = "" if _same(config["speech.joint"], True) else ", two stages"
        said.append(("vanilla" if vanilla else "EGGesture") + joint)
        varied = [v for v in varied if v not in ("speech.joint", "guidance.weight",
                                                 "speech.reweighting")]  # fmt: skip
    said += [f"{_NAMES.get(key, key)} {_short(config[key])}" for key in varied]
    return ", ".join(said) or str(config["codec"])


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _same(found: Any, wanted: Value) -> bool:
    if isinstance(wanted, bool):
        return str(found).lower() in (str(wanted).lower(), str(float(wanted)))
    if isinstance(wanted, str):
        return str(found) == wanted
    try:
        return abs(float(found) - float(wanted)) < 1e-9
    except (TypeError, ValueError):
        return False
