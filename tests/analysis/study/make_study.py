"""Invents the sweep of the paper's comparison on disk: its cells, seeds, and what was refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from search_spaces.presets import load_spec
from search_spaces.record import CLIP_COLUMNS, LOG_FILE, TRIALS_FOLDER
from tests.analysis.make_sweep import RECORDINGS, FakeSweep


def study_cells() -> list[dict[str, Any]]:
    """The cells of the preset."""
    return [dict(cell) for cell in load_spec("klezovich/study").space.cells]


@dataclass
class FakeStudy(FakeSweep):
    """The preset's cells in turn; codebooks above `most_codes` are refused."""

    most_codes: int = 10_000

    def write(self, folder: Path, rng: np.random.Generator) -> Path:
        """Writes the directory, as the preset's, and gives it back."""
        self._cells = study_cells()
        self.trials = len(self._cells)
        super().write(folder, rng)
        lines = []
        for event in self.events:
            trial = str(event.get("trial", ""))
            if event["event"] == "sweep":
                event["preset"] = "klezovich/study"
            elif trial and self._cells[int(trial[1:4])]["codebook_size"] > self.most_codes:
                if event["event"] in ("started", "point"):
                    continue
                if event["event"] == "done":
                    event |= {"event": "refused", "reason": "more codes than training frames"}
            lines.append(json.dumps(event) + "\n")
        (folder / LOG_FILE).write_text("".join(lines), encoding="utf-8")
        return folder

    def _config(self, index: int, rng: np.random.Generator) -> dict[str, Any]:
        return self._cells[index]

    def _write_clips(
        self, folder: Path, trial: str, rows: list[dict[str, Any]], rng: np.random.Generator
    ) -> None:
        names = {f"rmse_{s}_cm": s for s in ("full", *self.parts, "hands")}
        names |= {"hull_pct": "", "jerk_mps3": ""}
        records = []
        for row in rows:
            for split in ("val", "test"):
                for metric, scope in names.items():
                    value = row.get(f"{split}_{metric}")
                    for i in range(RECORDINGS if value is not None else 0):
                        own = float(value) * (1 + 0.1 * i) * float(rng.normal(1, 0.01))
                        records.append((trial, row["point"], f"{split}-{i:02d}", "ada", split,
                                        scope, metric, own, 600))  # fmt: skip
        place = folder / TRIALS_FOLDER / trial
        place.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(records, columns=list(CLIP_COLUMNS)).to_parquet(place / "clips.parquet")
